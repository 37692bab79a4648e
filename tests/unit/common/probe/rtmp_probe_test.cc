// The probe against small scripted peers on loopback.
#include "common/probe/rtmp_probe.h"

#include <optional>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include "common/base/listen_address.h"

namespace weir::probe {
namespace {

using boost::asio::ip::tcp;
using std::chrono::milliseconds;

/// Accepts one connection, reads C0C1, and does what `reaction` says.
class Peer {
 public:
  using Reaction = std::function<void(tcp::socket&, const std::vector<std::uint8_t>& c0c1)>;

  Peer(boost::asio::io_context& io, Reaction reaction)
      : acceptor_(io, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)), socket_(io) {
    acceptor_.async_accept(socket_, [this, reaction](const boost::system::error_code& error) {
      if (error) return;
      boost::asio::async_read(
          socket_, boost::asio::buffer(c0c1_),
          [this, reaction](const boost::system::error_code& read_error, std::size_t) {
            if (!read_error) reaction(socket_, c0c1_);
          });
    });
  }
  std::string endpoint() const {
    return format_host_port("127.0.0.1", acceptor_.local_endpoint().port());
  }

 private:
  tcp::acceptor acceptor_;
  tcp::socket socket_;
  std::vector<std::uint8_t> c0c1_ = std::vector<std::uint8_t>(1537);
};

class RtmpProbe : public ::testing::Test {
 protected:
  ProbeResult probe(const std::string& endpoint, Duration timeout = std::chrono::seconds(10),
                    ClientAddressMode mode = ClientAddressMode::kNone) {
    std::optional<ProbeResult> result;
    const ProbeHandle handle = async_probe_rtmp(
        io_, clock_, endpoint, random_,
        [&](ProbeResult answer) {
          result = std::move(answer);
          io_.stop();
        },
        timeout, mode);
    EXPECT_FALSE(result.has_value()) << "completed inside the call";
    io_.run();
    EXPECT_TRUE(result.has_value());
    return result.value_or(ProbeResult{});
  }

  SystemClock clock_;
  boost::asio::io_context io_;
  SeededRandom random_{1};
};

TEST_F(RtmpProbe, AnsweredWhenS0S1Arrive) {
  std::vector<std::uint8_t> seen;
  Peer peer(io_, [&](tcp::socket& socket, const std::vector<std::uint8_t>& c0c1) {
    seen = c0c1;
    std::vector<std::uint8_t> answer(1537, 7);
    answer[0] = 3;
    boost::asio::write(socket, boost::asio::buffer(answer));
  });
  const ProbeResult result = probe(peer.endpoint());
  EXPECT_EQ(result.outcome, Outcome::kAnswered) << result.message;
  EXPECT_GT(result.elapsed, Duration::zero());
  ASSERT_EQ(seen.size(), 1537U);
  EXPECT_EQ(seen[0], 3);                                      // C0: version
  for (std::size_t i = 5; i < 9; ++i) EXPECT_EQ(seen[i], 0);  // C1: simple handshake
  EXPECT_NE(std::vector<std::uint8_t>(seen.begin() + 9, seen.end()),
            std::vector<std::uint8_t>(1528, 0));
}

TEST_F(RtmpProbe, TellsItsOwnAddressToAListenerThatExpectsOne) {
  std::string seen;
  std::string here;
  const auto keep = [&](tcp::socket& socket, const std::vector<std::uint8_t>& bytes) {
    seen.assign(bytes.begin(), bytes.end());
    here = std::to_string(socket.remote_endpoint().port());
    std::vector<std::uint8_t> answer(1537, 7);
    answer[0] = 3;
    boost::asio::write(socket, boost::asio::buffer(answer));
  };
  Peer proxied(io_, keep);
  const std::string port = proxied.endpoint().substr(proxied.endpoint().find(':') + 1);
  EXPECT_EQ(
      probe(proxied.endpoint(), std::chrono::seconds(10), ClientAddressMode::kProxyV1).outcome,
      Outcome::kAnswered);
  const std::string line = "PROXY TCP4 127.0.0.1 127.0.0.1 " + here + " " + port + "\r\n\x03";
  EXPECT_EQ(seen.substr(0, line.size()), line);
  io_.restart();
  Peer srs(io_, keep);
  EXPECT_EQ(probe(srs.endpoint(), std::chrono::seconds(10), ClientAddressMode::kSrsPrefix).outcome,
            Outcome::kAnswered);
  EXPECT_EQ(seen.substr(0, 8), std::string("\xF3\0\x04\x7F\0\0\x01\x03", 8));
}

TEST_F(RtmpProbe, HalfAnAnswerIsNone) {
  Peer peer(io_, [](tcp::socket& socket, const auto&) {
    const std::vector<std::uint8_t> answer(1536, 3);
    boost::asio::write(socket, boost::asio::buffer(answer));
  });
  EXPECT_EQ(probe(peer.endpoint(), milliseconds(100)).outcome, Outcome::kTimedOut);
}

TEST_F(RtmpProbe, FrozenPeerThatStillAcceptsTimesOut) {
  tcp::acceptor frozen(io_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
  const auto endpoint = format_host_port("127.0.0.1", frozen.local_endpoint().port());
  const ProbeResult result = probe(endpoint, milliseconds(50));
  EXPECT_EQ(result.outcome, Outcome::kTimedOut);
  EXPECT_GE(result.elapsed, milliseconds(50));
}

TEST_F(RtmpProbe, ClosedPortIsRefused) {
  const auto free = check_listen_address("127.0.0.1:0", "--x");
  EXPECT_EQ(probe(free->str()).outcome, Outcome::kRefused);
}

TEST_F(RtmpProbe, FullServerThatAcceptsAndClosesTurnsAway) {
  Peer peer(io_, [](tcp::socket& socket, const auto&) { socket.close(); });
  EXPECT_EQ(probe(peer.endpoint()).outcome, Outcome::kTurnedAway);
}

TEST_F(RtmpProbe, CloseInTheMiddleOfTheAnswerIsAReset) {
  Peer peer(io_, [](tcp::socket& socket, const auto&) {
    const std::vector<std::uint8_t> half(700, 3);
    boost::asio::write(socket, boost::asio::buffer(half));
    socket.close();
  });
  EXPECT_EQ(probe(peer.endpoint()).outcome, Outcome::kReset);
}

TEST_F(RtmpProbe, AnotherProtocolIsNotAnAnswer) {
  Peer peer(io_, [](tcp::socket& socket, const auto&) {
    const std::vector<std::uint8_t> answer(1537, 'H');
    boost::asio::write(socket, boost::asio::buffer(answer));
  });
  EXPECT_EQ(probe(peer.endpoint()).outcome, Outcome::kUnreachable);
}

TEST_F(RtmpProbe, AddressWithoutPortIsUnreachable) {
  EXPECT_EQ(probe("127.0.0.1").outcome, Outcome::kUnreachable);
}

TEST_F(RtmpProbe, DroppingTheHandleEndsEverythingSilently) {
  tcp::acceptor frozen(io_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
  const auto endpoint = format_host_port("127.0.0.1", frozen.local_endpoint().port());
  const auto owned = std::make_shared<int>(0);
  {
    const ProbeHandle handle =
        async_probe_rtmp(io_, clock_, endpoint, random_, [owned](const ProbeResult&) { ++*owned; });
  }
  EXPECT_EQ(owned.use_count(), 1);
  io_.run();  // ends at once: nothing is left to wait for
  EXPECT_EQ(*owned, 0);
}

TEST_F(RtmpProbe, CompletionMayDropItsOwnHandle) {
  const auto free = check_listen_address("127.0.0.1:0", "--x");
  ProbeHandle handle;
  bool done = false;
  handle = async_probe_rtmp(io_, clock_, free->str(), random_, [&](const ProbeResult&) {
    done = true;
    handle = ProbeHandle();
  });
  io_.run();
  EXPECT_TRUE(done);
}

}  // namespace
}  // namespace weir::probe
