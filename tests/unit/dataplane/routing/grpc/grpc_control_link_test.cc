#include "dataplane/routing/grpc/grpc_control_link.h"

#include <chrono>
#include <memory>
#include <optional>
#include <variant>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <gtest/gtest.h>

#include "common/async/asio_executor.h"
#include "common/base/listen_address.h"
#include "dataplane/routing/grpc/convert.h"

namespace weir::routing {
namespace {

using namespace std::chrono_literals;
using boost::asio::ip::tcp;

class Silent final : public ControlLink::Events {
 public:
  void on_message(Downward) override {}
  void on_writable() override {}
  void on_detached(std::string, endpoints::Failure) override {}
};

/// A replica that takes connections and says nothing.
class GrpcControlLinkTest : public ::testing::Test {
 protected:
  std::unique_ptr<GrpcControlLink> make_link() {
    const std::string endpoint = format_host_port("127.0.0.1", acceptor.local_endpoint().port());
    return std::make_unique<GrpcControlLink>(executor, clock, ForwarderFacts{},
                                             std::vector<std::string>{endpoint}, Secret());
  }
  static AcquireRequest request() {
    AcquireRequest asked;
    asked.session = SessionId("s1");
    asked.stream = parse_stream_key("live/a").value();
    return asked;
  }

  boost::asio::io_context io;
  async::AsioExecutor executor{io};
  SystemClock clock;
  tcp::acceptor acceptor{io, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)};
  Silent events;
};

TEST_F(GrpcControlLinkTest, AReplicaThatDoesNotAnswerInTimeIsUnreachable) {
  const auto link = make_link();
  const auto work = boost::asio::make_work_guard(io);
  std::optional<AcquireReply> reply;
  link->acquire(0, request(), 50ms, [&](AcquireReply got) { reply = std::move(got); });
  while (!reply && io.run_one_for(5s) != 0) {
  }
  ASSERT_TRUE(reply);
  EXPECT_TRUE(std::holds_alternative<Unreachable>(*reply));
}

// gRPC aborts the process when its own thread lets go of a channel last.
TEST_F(GrpcControlLinkTest, MayGoWhileItsCallsAreUnderWayAndThenTellsNothing) {
  int told = 0;
  for (int round = 0; round < 20; ++round) {
    auto link = make_link();
    link->attach(0, Hello{}, events);
    link->acquire(0, request(), 20ms, [&](AcquireReply) { ++told; });
    link->release(0, ReleaseRequest{SessionId("s1"), request().stream, Epoch{1, 1}}, 20ms,
                  [&](bool) { ++told; });
    const auto before = clock.now();
    link.reset();
    EXPECT_LT(clock.now() - before, 900ms);  // no call was left behind
  }
  io.poll();
  EXPECT_EQ(told, 0);
}

}  // namespace
}  // namespace weir::routing
