// A session whose connection begins with a PROXY header.
#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataplane/relay/session_limits.h"
#include "tests/support/relay_harness.h"

namespace weir::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// The harness's client connects from 198.51.100.9.
constexpr const char* kText = "PROXY TCP4 192.0.2.33 198.51.100.1 50000 1935\r\n";
const std::string kBinary(
    "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0F\xC0\0\x02\x21\xC6\x33\x64\x01\xC3\x50\x07\x8F\x04\0\0", 31);
const std::string kLocal("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16);

class ProxiedSession : public ::testing::Test, protected RelayHarness {
 protected:
  void trust(const char* network) { config.proxy_protocol_from.push_back(*Cidr::parse(network)); }
  /// Publishes behind `header`; the address that the cluster is told.
  std::string seen_behind(const std::string& header) {
    preamble = header;
    start();
    publish();
    pump();
    if (resolver.sessions().empty()) return "nobody";
    return resolver.sessions().begin()->second.info.client_address;
  }
};

TEST_F(ProxiedSession, IsTheClientsThatTheHeaderOfATrustedPeerNames) {
  trust("198.51.100.0/24");
  EXPECT_EQ(seen_behind(kText), "192.0.2.33:50000");
  EXPECT_EQ(io.client_address(), "192.0.2.33:50000");
  EXPECT_FALSE(finished());
}

TEST_F(ProxiedSession, TakesVersionTwoToo) {
  trust("2001:db8::/32");
  trust("198.51.100.9");
  EXPECT_EQ(seen_behind(kBinary), "192.0.2.33:50000");
  EXPECT_EQ(io.client_address(), "192.0.2.33:50000");
}

TEST_F(ProxiedSession, TakesTheHeaderInAnyPieces) {
  trust("198.51.100.0/24");
  for (const std::string& header : {std::string(kText), kBinary}) {
    split_input(1);
    preamble = header;
    start();
    connect();
    pump();
    EXPECT_TRUE(client.find("_result"));
    EXPECT_EQ(io.client_address(), "192.0.2.33:50000");
    client = {};
  }
}

TEST_F(ProxiedSession, OfATrustedPeerWithoutHeaderIsThePeers) {
  trust("198.51.100.0/24");
  EXPECT_EQ(seen_behind(""), "198.51.100.9:5000");
  EXPECT_FALSE(io.client_address().has_value());
}

TEST_F(ProxiedSession, IsThePeersWhenTheHeaderNamesNobody) {
  trust("198.51.100.0/24");
  EXPECT_EQ(seen_behind(kLocal), "198.51.100.9:5000");
  EXPECT_FALSE(io.client_address().has_value());
}

TEST_F(ProxiedSession, OfAStrangerWithAHeaderEndsAndSaysWhatToConfigure) {
  trust("203.0.113.0/24");
  for (const std::string& header : {std::string(kText), kBinary, kLocal}) {
    io = FakeSessionIo();
    preamble = header;
    start();
    ASSERT_TRUE(finished());
    EXPECT_THAT(*io.finished(), StartsWith("PROXY header refused: 198.51.100.9:5000"));
    EXPECT_THAT(*io.finished(), HasSubstr("rtmp_options.proxy_protocol_from"));
    EXPECT_TRUE(io.client_sent().empty());
    EXPECT_FALSE(io.client_address().has_value());
  }
}

TEST_F(ProxiedSession, EndsAtAMalformedHeader) {
  trust("198.51.100.0/24");
  preamble = "PROXY TCP5 192.0.2.33 198.51.100.1 50000 1935\r\n";
  start();
  ASSERT_TRUE(finished());
  EXPECT_THAT(*io.finished(), StartsWith("PROXY header malformed: "));
}

TEST_F(ProxiedSession, AnswersHttpThatBeginsLikeAHeaderAsHttp) {
  for (const bool trusted : {false, true}) {
    if (trusted) trust("198.51.100.0/24");
    for (const std::size_t split : {0, 1}) {
      io = FakeSessionIo();
      split_input(split);
      start(false);
      client.skip = 1000;  // the answer is no chunk
      const std::string request = "POST /open/1 HTTP/1.1\r\n\r\n";
      client.out.assign(request.begin(), request.end());
      pump();
      ASSERT_TRUE(finished());
      EXPECT_THAT(*io.finished(), HasSubstr("HTTP"));
      EXPECT_THAT(std::string(io.client_sent().begin(), io.client_sent().end()),
                  StartsWith("HTTP/1.1 400 "));
    }
  }
}

TEST_F(ProxiedSession, OfAClientWithTooManyConnectionsEnds) {
  trust("198.51.100.0/24");
  io.client_welcome = false;
  preamble = kText;
  start();
  ASSERT_TRUE(finished());
  EXPECT_EQ(*io.finished(), "client address has too many");
  EXPECT_TRUE(io.client_sent().empty());
}

/// What the origin's listener expects stands in front of C0 on every leg, with the address that the
/// client's balancer told.
TEST_F(ProxiedSession, TellsTheClientToAnOriginThatWantsToKnow) {
  trust("198.51.100.0/24");
  preamble = kText;
  script.answers = false;
  start();
  publish();
  auto route = make_route("o1", 42, session_id());
  route.rtmp_endpoints = {{"127.0.0.1:1936", ClientAddressMode::kProxyV1},
                          {"127.0.0.1:1937", ClientAddressMode::kSrsPrefix},
                          "127.0.0.1:1938"};
  resolver.answer(routing::Acquired{.route = route});
  pump();
  for (int i = 0; i < 2; ++i) advance(config.dial_timeout);
  std::vector<std::string> openings;
  for (const auto& leg : io.origin_legs()) {
    ASSERT_GT(leg.sent.size(), 1537U - 1) << leg.endpoint;
    openings.emplace_back(leg.sent.begin(), leg.sent.end() - 1536);
  }
  EXPECT_THAT(openings, ElementsAre("PROXY TCP4 192.0.2.33 127.0.0.1 50000 1936\r\n\x03",
                                    std::string("\xF3\0\x04\xC0\0\x02\x21\x03", 8), "\x03"));
}

TEST_F(ProxiedSession, GivesAHeaderNoTimeOfItsOwn) {
  trust("198.51.100.0/24");
  start(false);
  advance(relay::kFirstByteTimeout - 1ms);
  client.out = {'P'};
  pump();
  advance(relay::kHandshakeTimeout - relay::kFirstByteTimeout);
  EXPECT_FALSE(finished());
  advance(1ms);
  ASSERT_TRUE(finished());
  EXPECT_THAT(*io.finished(), HasSubstr("handshake in time"));
}

}  // namespace
}  // namespace weir::test
