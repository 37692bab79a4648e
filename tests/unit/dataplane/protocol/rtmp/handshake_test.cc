#include "dataplane/protocol/rtmp/handshake.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/protocol/rtmp/hmac_sha256.h"
#include "tests/support/vectors.h"

namespace weir::rtmp {
namespace {

using test::ByteText;

constexpr std::size_t kFlight = 1 + 2 * kHandshakePacketBytes;

std::vector<std::uint8_t> plain_client() {
  std::vector<std::uint8_t> bytes(1 + 2 * kHandshakePacketBytes, 0x5A);
  bytes[0] = 3;
  std::fill_n(bytes.begin() + 5, 4, 0);  // version 0: the simple form
  return bytes;
}

std::size_t digest_place(Bytes packet, std::size_t layout) {
  const int sum = packet[layout] + packet[layout + 1] + packet[layout + 2] + packet[layout + 3];
  return layout + 4 + static_cast<std::size_t>(sum % 728);
}

/// HMAC over a packet without the 32 bytes where its digest stands.
Digest digest_of(Bytes packet, std::size_t layout, std::string_view key) {
  const auto place = static_cast<std::ptrdiff_t>(digest_place(packet, layout));
  std::vector<std::uint8_t> rest(packet.begin(), packet.begin() + place);
  rest.insert(rest.end(), packet.begin() + place + kDigestBytes, packet.end());
  return hmac_sha256({reinterpret_cast<const std::uint8_t*>(key.data()), key.size()}, rest);
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
  bool found = false;
  for (const std::size_t layout : {std::size_t{8}, std::size_t{772}}) {
    const Digest digest = digest_of(s1, layout, "Genuine Adobe Flash Media Server 001");
    found =
        found || std::equal(digest.begin(), digest.end(), s1.begin() + digest_place(s1, layout));
  }
  EXPECT_TRUE(found);
}

/// C0C1C2 as a Flash Player makes them: a version, and a digest over the rest of C1 in one of the
/// two layouts.
std::vector<std::uint8_t> flash_client(std::size_t layout, std::uint64_t seed) {
  std::vector<std::uint8_t> bytes(kFlight);
  SeededRandom random(seed);
  random.fill(std::span(bytes).subspan(1));
  bytes[0] = 3;
  const std::array<std::uint8_t, 4> version{9, 0, 124, 2};
  std::copy(version.begin(), version.end(), bytes.begin() + 5);
  const std::string_view key = "Genuine Adobe Flash Player 001";
  const auto c1 = std::span(bytes).subspan(1, kHandshakePacketBytes);
  const Digest digest = digest_of(c1, layout, key);
  std::copy(digest.begin(), digest.end(),
            c1.begin() + static_cast<std::ptrdiff_t>(digest_place(c1, layout)));
  return bytes;
}

TEST(ServerHandshake, AnswersBothDigestLayoutsOfFlashInTheirOwnLayout) {
  // The server's key with the 32 bytes behind its text, as every implementation has them.
  std::vector<std::uint8_t> full = ByteText().text("Genuine Adobe Flash Media Server 001");
  for (const int byte : {0xF0, 0xEE, 0xC2, 0x4A, 0x80, 0x68, 0xBE, 0xE8, 0x2E, 0x00, 0xD0,
                         0xD1, 0x02, 0x9E, 0x7E, 0x57, 0x6E, 0xEC, 0x5D, 0x2D, 0x29, 0x80,
                         0x6F, 0xAB, 0x93, 0xB8, 0xE6, 0x36, 0xCF, 0xEB, 0x31, 0xAE}) {
    full.push_back(static_cast<std::uint8_t>(byte));
  }
  for (const std::size_t layout : {std::size_t{8}, std::size_t{772}}) {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
      const auto bytes = flash_client(layout, seed);
      SeededRandom random(seed);
      ServerHandshake server;
      std::vector<std::uint8_t> out;
      Bytes input(bytes);
      ASSERT_EQ(server.feed(input, random, out), HandshakeStep::kDone);
      ASSERT_TRUE(server.digest()) << layout << " " << seed;
      const Bytes s1 = Bytes(out).subspan(1, kHandshakePacketBytes);
      const Bytes s2 = Bytes(out).subspan(1 + kHandshakePacketBytes);
      const Digest expected = digest_of(s1, layout, "Genuine Adobe Flash Media Server 001");
      EXPECT_TRUE(
          std::equal(expected.begin(), expected.end(), s1.begin() + digest_place(s1, layout)));
      // S2 proves that C1's digest was read.
      const Bytes c1 = Bytes(bytes).subspan(1, kHandshakePacketBytes);
      const Digest key = hmac_sha256(full, c1.subspan(digest_place(c1, layout), kDigestBytes));
      const Digest proof = hmac_sha256(key, s2.first(kHandshakePacketBytes - kDigestBytes));
      EXPECT_TRUE(std::equal(proof.begin(), proof.end(), s2.end() - kDigestBytes));
    }
  }
}

TEST(ServerHandshake, AVersionOfZeroMeansTheSimpleFormWhateverTheRest) {
  auto bytes = flash_client(772, 3);
  std::fill_n(bytes.begin() + 5, 4, 0);
  SeededRandom random(1);
  ServerHandshake server;
  std::vector<std::uint8_t> out;
  Bytes input(bytes);
  EXPECT_EQ(server.feed(input, random, out), HandshakeStep::kDone);
  EXPECT_FALSE(server.digest());
}

TEST(ServerHandshake, C2IsCountedAndNeverCompared) {
  auto bytes = flash_client(8, 4);
  std::fill(bytes.begin() + 1 + kHandshakePacketBytes, bytes.end(), 0xEE);
  bytes.push_back(0x03);
  SeededRandom random(1);
  ServerHandshake server;
  std::vector<std::uint8_t> out;
  Bytes input(bytes);
  EXPECT_EQ(server.feed(input, random, out), HandshakeStep::kDone);
  EXPECT_EQ(input.size(), 1U);
}

TEST(Handshake, EveryErrorHasAText) {
  for (int error = 0; error <= static_cast<int>(HandshakeError::kUnknownVersion); ++error) {
    EXPECT_STRNE(to_text(static_cast<HandshakeError>(error)), "unknown handshake error");
  }
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
