#include "dataplane/protocol/rtmp/handshake.h"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/protocol/rtmp/hmac_sha256.h"
#include "tests/support/vectors.h"

namespace weir::rtmp {
namespace {

constexpr std::size_t kFlight = 1 + 2 * kHandshakePacketBytes;

std::vector<std::uint8_t> plain_client() {
  std::vector<std::uint8_t> bytes(1 + 2 * kHandshakePacketBytes, 0x5A);
  bytes[0] = 3;
  std::fill_n(bytes.begin() + 5, 4, 0);  // version 0: the simple form
  return bytes;
}

HandshakeError refused(int first) {
  SeededRandom random(1);
  ServerHandshake server;
  std::vector<std::uint8_t> out;
  const std::vector<std::uint8_t> bytes{static_cast<std::uint8_t>(first), 1, 2};
  Bytes input(bytes);
  EXPECT_EQ(server.feed(input, random, out), HandshakeStep::kFailed);
  EXPECT_TRUE(out.empty());
  return server.error();
}

TEST(ServerHandshake, SimpleFormEchoesC1AndLeavesWhatFollowsC2) {
  auto bytes = plain_client();
  bytes.push_back(0x43);
  SeededRandom random(1);
  ServerHandshake server;
  std::vector<std::uint8_t> out;
  Bytes input(bytes);
  EXPECT_EQ(server.feed(input, random, out), HandshakeStep::kDone);
  ASSERT_EQ(out.size(), kFlight);
  EXPECT_EQ(out[0], 3);
  EXPECT_TRUE(std::equal(out.end() - kHandshakePacketBytes, out.end(), bytes.begin() + 1));
  ASSERT_EQ(input.size(), 1U);
  EXPECT_EQ(input[0], 0x43);
  EXPECT_FALSE(server.digest());
}

TEST(ServerHandshake, AnswersAsSoonAsC1IsCompleteInOnePiece) {
  const auto bytes = plain_client();
  for (std::size_t split = 1; split <= 1537; split += 64) {
    SeededRandom random(1);
    ServerHandshake server;
    std::vector<std::uint8_t> out;
    Bytes first = Bytes(bytes).first(split);
    EXPECT_EQ(server.feed(first, random, out), HandshakeStep::kNeedMore);
    EXPECT_EQ(out.size(), split < 1537 ? 0U : kFlight);
    Bytes rest = Bytes(bytes).subspan(split, 1537 - split);
    EXPECT_EQ(server.feed(rest, random, out), HandshakeStep::kNeedMore);
    EXPECT_EQ(out.size(), kFlight);
    EXPECT_TRUE(server.answered());
  }
}

TEST(ServerHandshake, FedByteByByteItSendsTheSame) {
  const auto bytes = plain_client();
  SeededRandom random(1), same_random(1);
  ServerHandshake slow, fast;
  std::vector<std::uint8_t> slow_out, fast_out;
  Bytes all(bytes);
  EXPECT_EQ(fast.feed(all, same_random, fast_out), HandshakeStep::kDone);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    Bytes one = Bytes(bytes).subspan(i, 1);
    const auto step = slow.feed(one, random, slow_out);
    EXPECT_EQ(step, i + 1 == bytes.size() ? HandshakeStep::kDone : HandshakeStep::kNeedMore);
  }
  EXPECT_EQ(slow_out, fast_out);
}

TEST(ServerHandshake, CapturedFfmpegIsAnsweredInTheDigestForm) {
  const auto bytes = test::read_vector("rtmp/ffmpeg_publish_to_nginx_rtmp.bin");
  ASSERT_GT(bytes.size(), kFlight);
  SeededRandom random(1);
  ServerHandshake server;
  std::vector<std::uint8_t> out;
  Bytes input(bytes);
  EXPECT_EQ(server.feed(input, random, out), HandshakeStep::kDone);
  EXPECT_TRUE(server.digest());
  EXPECT_EQ(input.size(), bytes.size() - kFlight);

  // S1 must carry a digest where the client looks for it: over the packet without the digest.
  const Bytes s1 = Bytes(out).subspan(1, kHandshakePacketBytes);
  const std::string_view key = "Genuine Adobe Flash Media Server 001";
  bool found = false;
  for (const std::size_t layout : {std::size_t{8}, std::size_t{772}}) {
    const std::size_t position =
        layout + 4 + (s1[layout] + s1[layout + 1] + s1[layout + 2] + s1[layout + 3]) % 728U;
    std::vector<std::uint8_t> rest(s1.begin(), s1.begin() + static_cast<int>(position));
    rest.insert(rest.end(), s1.begin() + static_cast<int>(position + kDigestBytes), s1.end());
    const Digest digest =
        hmac_sha256({reinterpret_cast<const std::uint8_t*>(key.data()), key.size()}, rest);
    found =
        found || std::equal(digest.begin(), digest.end(), s1.begin() + static_cast<int>(position));
  }
  EXPECT_TRUE(found);
}

TEST(ServerHandshake, ADamagedDigestFallsBackToTheSimpleForm) {
  auto bytes = test::read_vector("rtmp/ffmpeg_publish_to_nginx_rtmp.bin");
  ASSERT_GT(bytes.size(), kFlight);
  bytes[1] ^= 0xFF;
  SeededRandom random(1);
  ServerHandshake server;
  std::vector<std::uint8_t> out;
  Bytes input(bytes);
  EXPECT_EQ(server.feed(input, random, out), HandshakeStep::kDone);
  EXPECT_FALSE(server.digest());
}

TEST(ServerHandshake, TellsApartWhatElseArrivesOnAnRtmpPort) {
  EXPECT_EQ(refused(0x16), HandshakeError::kTls);
  EXPECT_EQ(refused('G'), HandshakeError::kHttp);
  EXPECT_EQ(refused('P'), HandshakeError::kHttp);
  EXPECT_EQ(refused('O'), HandshakeError::kHttp);
  EXPECT_EQ(refused(6), HandshakeError::kEncrypted);
  EXPECT_EQ(refused(8), HandshakeError::kEncrypted);
  EXPECT_EQ(refused(0xF3), HandshakeError::kAddressPrefix);
  EXPECT_EQ(refused(0), HandshakeError::kUnknownVersion);
  EXPECT_EQ(refused(4), HandshakeError::kUnknownVersion);
}

TEST(ClientHandshake, CapturedNginxRtmpIsAnsweredWithTheEchoOfS1) {
  const auto bytes = test::read_vector("rtmp/nginx_rtmp_to_ffmpeg_publish.bin");
  ASSERT_GT(bytes.size(), kFlight);
  SeededRandom random(2);
  ClientHandshake client;
  std::vector<std::uint8_t> hello, out;
  client.start(random, hello);
  EXPECT_EQ(hello.size(), 1 + kHandshakePacketBytes);
  EXPECT_EQ(hello[0], 3);
  EXPECT_TRUE(std::all_of(hello.begin() + 1, hello.begin() + 9, [](auto b) { return b == 0; }));
  Bytes input(bytes);
  EXPECT_EQ(client.feed(input, out), HandshakeStep::kDone);
  ASSERT_EQ(out.size(), kHandshakePacketBytes);
  EXPECT_TRUE(std::equal(out.begin(), out.end(), bytes.begin() + 1));
  EXPECT_EQ(input.size(), bytes.size() - kFlight);
}

TEST(ClientHandshake, AndServerHandshakeAgreeByteByByte) {
  SeededRandom random(3);
  ClientHandshake client;
  ServerHandshake server;
  std::vector<std::uint8_t> to_server, to_client;
  client.start(random, to_server);
  HandshakeStep client_step = HandshakeStep::kNeedMore;
  HandshakeStep server_step = HandshakeStep::kNeedMore;
  std::size_t sent = 0, received = 0;
  while (sent < to_server.size() || received < to_client.size()) {
    if (sent < to_server.size()) {
      const std::uint8_t byte = to_server[sent++];
      Bytes one(&byte, 1);
      server_step = server.feed(one, random, to_client);
    }
    if (received < to_client.size()) {
      const std::uint8_t byte = to_client[received++];
      Bytes one(&byte, 1);
      client_step = client.feed(one, to_server);
    }
  }
  EXPECT_EQ(client_step, HandshakeStep::kDone);
  EXPECT_EQ(server_step, HandshakeStep::kDone);
}

TEST(ClientHandshake, RefusesAnotherVersion) {
  ClientHandshake client;
  std::vector<std::uint8_t> out;
  const std::vector<std::uint8_t> bytes{'H', 'T', 'T', 'P'};
  Bytes input(bytes);
  EXPECT_EQ(client.feed(input, out), HandshakeStep::kFailed);
  EXPECT_EQ(client.error(), HandshakeError::kUnknownVersion);
  EXPECT_FALSE(client.heard());
}

}  // namespace
}  // namespace weir::rtmp
