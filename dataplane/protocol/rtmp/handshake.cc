#include "dataplane/protocol/rtmp/handshake.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "dataplane/protocol/rtmp/hmac_sha256.h"

namespace weir::rtmp {
namespace {

constexpr std::uint8_t kVersion = 3;
constexpr std::size_t kServerFlightBytes = 1 + 2 * kHandshakePacketBytes;

// The digest form is not in the specification; keys and layout as every implementation has them.
constexpr std::size_t kPlayerKeyBytes = 30;
constexpr std::string_view kPlayerKey = "Genuine Adobe Flash Player 001";
constexpr std::size_t kServerKeyBytes = 36;
constexpr std::array<std::uint8_t, 68> kServerKey{
    'G',  'e',  'n',  'u',  'i',  'n',  'e',  ' ',  'A',  'd',  'o',  'b',  'e',  ' ',
    'F',  'l',  'a',  's',  'h',  ' ',  'M',  'e',  'd',  'i',  'a',  ' ',  'S',  'e',
    'r',  'v',  'e',  'r',  ' ',  '0',  '0',  '1',  0xF0, 0xEE, 0xC2, 0x4A, 0x80, 0x68,
    0xBE, 0xE8, 0x2E, 0x00, 0xD0, 0xD1, 0x02, 0x9E, 0x7E, 0x57, 0x6E, 0xEC, 0x5D, 0x2D,
    0x29, 0x80, 0x6F, 0xAB, 0x93, 0xB8, 0xE6, 0x36, 0xCF, 0xEB, 0x31, 0xAE};
static_assert(kPlayerKey.size() == kPlayerKeyBytes);

/// Where the four offset bytes of the two layouts stand; tried in this order.
constexpr std::array<std::size_t, 2> kLayouts{772, 8};
constexpr std::size_t kOffsetRange = 728;
/// What a digest-form server says in the version field; any non-zero value does.
constexpr std::array<std::uint8_t, 4> kServerDigestVersion{4, 5, 0, 1};

std::size_t digest_position(Bytes packet, std::size_t layout) {
  std::size_t sum = 0;
  for (const std::uint8_t byte : packet.subspan(layout, 4)) sum += byte;
  return layout + 4 + sum % kOffsetRange;
}

/// The digest of a packet whose digest stands at `position`: over all the rest.
Digest digest_around(Bytes packet, std::size_t position, Bytes key) {
  std::array<std::uint8_t, kHandshakePacketBytes - kDigestBytes> rest;
  std::copy_n(packet.begin(), position, rest.begin());
  std::copy(packet.begin() + static_cast<std::ptrdiff_t>(position + kDigestBytes), packet.end(),
            rest.begin() + static_cast<std::ptrdiff_t>(position));
  return hmac_sha256(key, rest);
}

struct FoundDigest {
  std::size_t layout;
  Digest digest;
};

std::optional<FoundDigest> find_client_digest(Bytes c1) {
  const Bytes version = c1.subspan(4, 4);
  if (std::all_of(version.begin(), version.end(), [](auto b) { return b == 0; })) {
    return std::nullopt;
  }
  const Bytes key(reinterpret_cast<const std::uint8_t*>(kPlayerKey.data()), kPlayerKey.size());
  for (const std::size_t layout : kLayouts) {
    const std::size_t position = digest_position(c1, layout);
    const Digest expected = digest_around(c1, position, key);
    if (std::equal(expected.begin(), expected.end(), c1.begin() + static_cast<int>(position))) {
      return FoundDigest{layout, expected};
    }
  }
  return std::nullopt;
}

HandshakeError refuse_version(std::uint8_t version) {
  switch (version) {
    case 0x16:
      return HandshakeError::kTls;
    case 'G':
    case 'P':
    case 'O':
      return HandshakeError::kHttp;
    case 6:
    case 8:
    case 9:
      return HandshakeError::kEncrypted;
    case 0xF3:
      return HandshakeError::kAddressPrefix;
    default:
      return HandshakeError::kUnknownVersion;
  }
}

}  // namespace

const char* to_text(HandshakeError error) {
  switch (error) {
    case HandshakeError::kNone:
      return "no error";
    case HandshakeError::kTls:
      return "TLS on a plain RTMP port";
    case HandshakeError::kHttp:
      return "HTTP on an RTMP port";
    case HandshakeError::kEncrypted:
      return "RTMPE is not supported";
    case HandshakeError::kAddressPrefix:
      return "address prefix 0xF3 is not accepted";
    case HandshakeError::kUnknownVersion:
      return "not RTMP version 3";
  }
  return "unknown handshake error";
}

HandshakeStep ServerHandshake::feed(Bytes& input, Random& random, std::vector<std::uint8_t>& out) {
  if (state_ == State::kC0 && !input.empty()) {
    const std::uint8_t version = input.front();
    if (version != kVersion) {
      error_ = refuse_version(version);
      state_ = State::kFailed;
    } else {
      input = input.subspan(1);
      state_ = State::kC1;
    }
  }
  if (state_ == State::kC1) {
    if (!c1_ && input.size() >= kHandshakePacketBytes) {
      answer(input.first(kHandshakePacketBytes), random, out);
      input = input.subspan(kHandshakePacketBytes);
    } else if (!input.empty()) {
      if (!c1_) c1_ = std::make_unique<std::vector<std::uint8_t>>();
      const std::size_t taken = std::min(input.size(), kHandshakePacketBytes - c1_->size());
      c1_->insert(c1_->end(), input.begin(), input.begin() + static_cast<std::ptrdiff_t>(taken));
      input = input.subspan(taken);
      if (c1_->size() == kHandshakePacketBytes) {
        answer(*c1_, random, out);
        c1_.reset();
      }
    }
  }
  if (state_ == State::kC2) {
    // Counted, never compared: many clients send a wrong C2.
    const std::size_t taken = std::min<std::size_t>(input.size(), c2_left_);
    input = input.subspan(taken);
    c2_left_ = static_cast<std::uint16_t>(c2_left_ - taken);
    if (c2_left_ == 0) state_ = State::kDone;
  }
  if (state_ == State::kFailed) return HandshakeStep::kFailed;
  return state_ == State::kDone ? HandshakeStep::kDone : HandshakeStep::kNeedMore;
}

void ServerHandshake::answer(Bytes c1, Random& random, std::vector<std::uint8_t>& out) {
  const std::size_t start = out.size();
  out.resize(start + kServerFlightBytes);
  const auto flight = std::span(out).subspan(start);
  const auto s1 = flight.subspan(1, kHandshakePacketBytes);
  const auto s2 = flight.subspan(1 + kHandshakePacketBytes);
  flight[0] = kVersion;
  // Time and version of S1 stay zero in the simple form (RTMP 5.2.3).
  random.fill(s1.subspan(8));
  state_ = State::kC2;

  const auto client = find_client_digest(c1);
  digest_ = client.has_value();
  if (!client) {
    std::copy(c1.begin(), c1.end(), s2.begin());
    return;
  }
  std::copy(kServerDigestVersion.begin(), kServerDigestVersion.end(), s1.begin() + 4);
  const std::size_t position = digest_position(s1, client->layout);
  const Digest digest = digest_around(s1, position, std::span(kServerKey).first(kServerKeyBytes));
  std::copy(digest.begin(), digest.end(), s1.begin() + static_cast<std::ptrdiff_t>(position));

  const auto body = s2.first(kHandshakePacketBytes - kDigestBytes);
  random.fill(body);
  const Digest key = hmac_sha256(kServerKey, client->digest);
  const Digest proof = hmac_sha256(key, body);
  std::copy(proof.begin(), proof.end(), s2.end() - kDigestBytes);
}

void ClientHandshake::start(Random& random, std::vector<std::uint8_t>& out) {
  const std::size_t start = out.size();
  out.resize(start + 1 + kHandshakePacketBytes);
  out[start] = kVersion;
  random.fill(std::span(out).subspan(start + 1 + 8));  // time and zero field stay zero
}

HandshakeStep ClientHandshake::feed(Bytes& input, std::vector<std::uint8_t>& out) {
  if (error_ != HandshakeError::kNone) return HandshakeStep::kFailed;
  if (received_ == 0 && !input.empty()) {
    if (input.front() != kVersion) {
      error_ = refuse_version(input.front());
      return HandshakeStep::kFailed;
    }
    input = input.subspan(1);
    received_ = 1;
  }
  constexpr std::size_t kS1End = 1 + kHandshakePacketBytes;
  if (received_ > 0 && received_ < kS1End) {
    const std::size_t taken = std::min(input.size(), kS1End - received_);
    out.insert(out.end(), input.begin(), input.begin() + static_cast<std::ptrdiff_t>(taken));
    input = input.subspan(taken);
    received_ = static_cast<std::uint16_t>(received_ + taken);
  }
  if (received_ >= kS1End) {
    const std::size_t taken = std::min(input.size(), kServerFlightBytes - received_);
    input = input.subspan(taken);
    received_ = static_cast<std::uint16_t>(received_ + taken);
  }
  return received_ == kServerFlightBytes ? HandshakeStep::kDone : HandshakeStep::kNeedMore;
}

}  // namespace weir::rtmp
