// A forwarder's control client over gRPC and real time, with replicas that die, freeze and turn
// stale.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <fmt/format.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include "common/async/asio_executor.h"
#include "common/rpc/status.h"
#include "dataplane/routing/control_client.h"
#include "dataplane/routing/grpc/convert.h"
#include "dataplane/routing/grpc/grpc_control_link.h"
#include "tests/support/silent_listener.h"
#include "weir/control/v1/cluster_service.grpc.pb.h"
#include "weir/control/v1/forwarder_service.grpc.pb.h"
#include "weir/control/v1/placement_service.grpc.pb.h"

namespace weir::routing {
namespace {

using namespace std::chrono_literals;
namespace pb = control::v1;
using Steady = std::chrono::steady_clock;

/// A replica that welcomes, beats and places everything, until it is told otherwise.
class Replica final : public pb::ForwarderService::Service {
 public:
  Replica() : placements_(*this), cluster_(*this) {
    grpc::ServerBuilder builder;
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    builder.RegisterService(&placements_);
    builder.RegisterService(&cluster_);
    server_ = builder.BuildAndStart();
  }
  ~Replica() override { kill(); }

  std::string address() const { return fmt::format("127.0.0.1:{}", port_); }
  /// Its connections end at once.
  void kill() { server_->Shutdown(std::chrono::system_clock::now()); }

  std::atomic<bool> frozen = false;  ///< takes everything, answers nothing
  std::atomic<bool> stale = false;
  std::atomic<bool> leaving = false;  ///< ends its attach streams
  std::atomic<int> hellos = 0;
  std::atomic<std::uint64_t> last_attach = 0;
  std::atomic<int> acquires = 0;

 private:
  class Placements final : public pb::PlacementService::Service {
   public:
    explicit Placements(Replica& replica) : replica_(replica) {}
    grpc::Status AcquirePlacement(grpc::ServerContext* context,
                                  const pb::AcquirePlacementRequest* request,
                                  pb::AcquirePlacementResponse* response) override {
      while (replica_.frozen && !context->IsCancelled()) std::this_thread::sleep_for(5ms);
      ++replica_.acquires;
      auto& route = *response->mutable_route();
      auto& endpoint = *route.add_endpoints();
      endpoint.set_protocol(pb::PROTOCOL_RTMP);
      endpoint.set_address("127.0.0.1:1936");
      auto& placement = *route.mutable_placement();
      placement.set_origin("o1");
      placement.set_incarnation("i1");
      *placement.mutable_holder() = request->holder();
      placement.mutable_epoch()->set_generation(1);
      placement.mutable_epoch()->set_counter(1);
      return grpc::Status::OK;
    }

   private:
    Replica& replica_;
  };
  class Cluster final : public pb::ClusterService::Service {
   public:
    explicit Cluster(Replica& replica) : replica_(replica) {}
    grpc::Status GetReplica(grpc::ServerContext* context, const pb::GetReplicaRequest*,
                            pb::Replica* response) override {
      while (replica_.frozen && !context->IsCancelled()) std::this_thread::sleep_for(5ms);
      response->set_stale(replica_.stale);
      return grpc::Status::OK;
    }

   private:
    Replica& replica_;
  };

  grpc::Status Attach(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<pb::ForwarderServiceAttachResponse,
                               pb::ForwarderServiceAttachRequest>* stream) override {
    pb::ForwarderServiceAttachRequest request;
    if (frozen || !stream->Read(&request)) return wait_frozen(context);
    last_attach = request.hello().attach();
    ++hellos;
    pb::ForwarderServiceAttachResponse response;
    response.mutable_welcome()->set_replica(address());
    stream->Write(response);
    // What else it is told fits the window of the stream; a read could not be given up at the end.
    for (auto beat_at = Steady::now(); !context->IsCancelled(); std::this_thread::sleep_for(5ms)) {
      if (leaving) return rpc::make_status(rpc::reason::kShuttingDown, "it stops");
      if (frozen || Steady::now() < beat_at) continue;
      beat_at += 200ms;
      response.mutable_heartbeat()->set_generation(1);
      response.mutable_heartbeat()->set_stale(stale);
      stream->Write(response);
    }
    return grpc::Status::OK;
  }
  grpc::Status wait_frozen(grpc::ServerContext* context) {
    while (frozen && !context->IsCancelled()) std::this_thread::sleep_for(5ms);
    return grpc::Status::OK;
  }

  int port_ = 0;
  Placements placements_;
  Cluster cluster_;
  std::unique_ptr<grpc::Server> server_;
};

class Observer final : public ControlObserver {
 public:
  void on_attached(const std::string& endpoint, const Welcome&) override { change(endpoint); }
  void on_detached(const std::string&, const std::string&) override { change({}); }
  void on_origin_table(const OriginTable&) override {}
  void on_generation(std::uint64_t) override {}
  void on_acquire_result(const std::string&, Duration) override {}
  void on_claim(const SessionId&, bool) override {}
  void on_dial(const DialReport&) override {}

  /// Attached to another than `endpoint`; empty = not within the time.
  std::string wait_other(const std::string& endpoint, Steady::duration within = 5s) {
    std::unique_lock lock(mutex_);
    const bool found = changed_.wait_for(
        lock, within, [&] { return !attached_.empty() && attached_ != endpoint; });
    return found ? attached_ : std::string();
  }

 private:
  void change(const std::string& endpoint) {
    const std::lock_guard lock(mutex_);
    attached_ = endpoint;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::string attached_;
};

/// The control thread of a forwarder, with one worker on it.
class ForwarderClient final : private WorkerEvents {
 public:
  explicit ForwarderClient(const std::vector<std::string>& endpoints, std::uint64_t seed = 1)
      : random_(seed),
        link_(executor_, clock_, ForwarderFacts{.id = ForwarderId("f1"), .instance = "run-1"},
              endpoints, Secret()),
        client_(
            link_, executor_, clock_, random_, observer, [] { return 0U; },
            ControlClient::Remembered{}) {
    worker_ = client_.add_worker(executor_, *this);
    executor_.post([this] { client_.start(); });
    thread_ = std::thread([this] { io_.run(); });
  }
  ~ForwarderClient() override {
    executor_.post([this] {
      client_.stop();
      work_.reset();
      io_.stop();
    });
    thread_.join();
  }

  /// How long a publisher waited for its place.
  Steady::duration acquire(const char* session) {
    const auto begun = Steady::now();
    std::promise<AcquireAnswer> promise;
    auto answer = promise.get_future();
    executor_.post([this, session, &promise] {
      answered_ = [&promise](AcquireAnswer got) { promise.set_value(std::move(got)); };
      SessionInfo info;
      info.id = SessionId(session);
      info.stream = parse_stream_key("live/a").value();
      info.intent = Intent::kPublish;
      client_.session_upserted(worker_, info);
      client_.acquire(worker_, {.session = info.id, .stream = info.stream});
    });
    if (answer.wait_for(5s) != std::future_status::ready) {
      ADD_FAILURE() << "no answer";
      return 5s;
    }
    EXPECT_TRUE(std::holds_alternative<Acquired>(answer.get()));
    return Steady::now() - begun;
  }

  Observer observer;

 private:
  void on_route(const RouteUpdate&) override {}
  void on_vhosts(const VhostRules&) override {}
  void on_acquire_answer(const SessionId&, AcquireAnswer answer) override {
    answered_(std::move(answer));
  }
  void on_close(const SessionId&, SessionControl::Close, std::uint64_t) override {}
  void on_query(std::uint64_t, const std::vector<SessionId>&) override {}

  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      io_.get_executor()};
  async::AsioExecutor executor_{io_};
  SystemClock clock_;
  SeededRandom random_;
  GrpcControlLink link_;
  ControlClient client_;
  WorkerIndex worker_ = 0;
  std::function<void(AcquireAnswer)> answered_;
  std::thread thread_;
};

class ForwarderReplicasTest : public ::testing::Test {
 protected:
  std::vector<std::string> all() const {
    return {replicas_[0].address(), replicas_[1].address(), replicas_[2].address()};
  }
  Replica& at(const std::string& address) {
    for (Replica& replica : replicas_)
      if (replica.address() == address) return replica;
    ADD_FAILURE() << "attached to nobody";
    return replicas_[0];
  }

  Replica replicas_[3];
};

TEST_F(ForwarderReplicasTest, AKilledReplicaIsLeftAndItsCallsSucceedElsewhereWithinASecond) {
  ForwarderClient forwarder(all());
  const std::string first = forwarder.observer.wait_other("");
  forwarder.acquire("s1");
  EXPECT_EQ(at(first).acquires, 1) << "it begins where it is attached";
  at(first).kill();
  const auto killed = Steady::now();
  EXPECT_LT(forwarder.acquire("s2"), 1s);
  EXPECT_NE(forwarder.observer.wait_other(first), "");
  EXPECT_LT(Steady::now() - killed, 1s);
}

TEST_F(ForwarderReplicasTest, AFrozenReplicaIsLeftAndItsCallsSucceedElsewhereWithinASecond) {
  ForwarderClient forwarder(all());
  const std::string first = forwarder.observer.wait_other("");
  forwarder.acquire("s1");
  at(first).frozen = true;
  const auto froze = Steady::now();
  EXPECT_LT(forwarder.acquire("s2"), 1s) << "although its heartbeats had been fine";
  const std::string second = forwarder.observer.wait_other(first);
  ASSERT_NE(second, "");
  EXPECT_LT(Steady::now() - froze, 1400ms);
  EXPECT_EQ(at(second).last_attach, 2U);
  for (const char* session : {"s3", "s4", "s5"}) EXPECT_LT(forwarder.acquire(session), 400ms);
}

TEST_F(ForwarderReplicasTest, DeadAndFrozenEndpointsDoNotKeepItFromTheOneThatServes) {
  const weir::testing::SilentListener frozen;
  std::string dead;
  {
    const weir::testing::SilentListener gone;
    dead = gone.address();
  }
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    const auto begun = Steady::now();
    ForwarderClient forwarder({dead, frozen.address(), replicas_[0].address()}, seed);
    EXPECT_EQ(forwarder.observer.wait_other(""), replicas_[0].address());
    EXPECT_LT(Steady::now() - begun, 1500ms);
    EXPECT_LT(forwarder.acquire("s1"), 400ms);
  }
}

TEST_F(ForwarderReplicasTest, AStaleReplicaIsLeftForOneThatIsNotAndNotForOneThatIs) {
  for (Replica& replica : replicas_) replica.stale = true;
  ForwarderClient forwarder(all());
  const std::string first = forwarder.observer.wait_other("");
  EXPECT_EQ(forwarder.observer.wait_other(first, 1s), "") << "all are stale";
  Replica& fresh = &at(first) == &replicas_[0] ? replicas_[1] : replicas_[0];
  fresh.stale = false;
  EXPECT_EQ(forwarder.observer.wait_other(first), fresh.address());
  EXPECT_EQ(at(first).hellos, 1);
}

TEST_F(ForwarderReplicasTest, AReplicaThatShutsDownIsLeftAtOnce) {
  ForwarderClient forwarder(all());
  const std::string first = forwarder.observer.wait_other("");
  const auto told = Steady::now();
  at(first).leaving = true;
  EXPECT_NE(forwarder.observer.wait_other(first), "");
  EXPECT_LT(Steady::now() - told, 400ms);
}

}  // namespace
}  // namespace weir::routing
