#include "tests/support/rtmp/script_handshake.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "dataplane/protocol/rtmp/hmac_sha256.h"

namespace weir::tests {
namespace {

constexpr std::size_t kPacket = 1536;
constexpr std::size_t kFlight = 1 + 2 * kPacket;
constexpr std::size_t kDigest = rtmp::kDigestBytes;

using Bytes = std::span<const std::uint8_t>;

/// The text part names the end; the second half is the same for both.
std::vector<std::uint8_t> key(std::string_view name, bool whole) {
  static constexpr std::uint8_t kTail[] = {0xF0, 0xEE, 0xC2, 0x4A, 0x80, 0x68, 0xBE, 0xE8,
                                           0x2E, 0x00, 0xD0, 0xD1, 0x02, 0x9E, 0x7E, 0x57,
                                           0x6E, 0xEC, 0x5D, 0x2D, 0x29, 0x80, 0x6F, 0xAB,
                                           0x93, 0xB8, 0xE6, 0x36, 0xCF, 0xEB, 0x31, 0xAE};
  std::vector<std::uint8_t> bytes(name.begin(), name.end());
  if (whole) bytes.insert(bytes.end(), std::begin(kTail), std::end(kTail));
  return bytes;
}
constexpr std::string_view kPlayer = "Genuine Adobe Flash Player 001";
constexpr std::string_view kServer = "Genuine Adobe Flash Media Server 001";

std::size_t place_of_digest(Bytes packet, std::size_t layout) {
  const unsigned sum =
      packet[layout] + packet[layout + 1] + packet[layout + 2] + packet[layout + 3];
  return layout + 4 + sum % 728;
}

rtmp::Digest digest_of(Bytes packet, std::size_t place, Bytes with_key) {
  std::vector<std::uint8_t> rest(packet.begin(), packet.begin() + static_cast<int>(place));
  rest.insert(rest.end(), packet.begin() + static_cast<int>(place + kDigest), packet.end());
  return rtmp::hmac_sha256(with_key, rest);
}

/// The digest of a packet in either layout.
std::optional<rtmp::Digest> find_digest(Bytes packet, Bytes with_key) {
  for (const std::size_t layout : {std::size_t{8}, std::size_t{772}}) {
    const std::size_t place = place_of_digest(packet, layout);
    const rtmp::Digest digest = digest_of(packet, place, with_key);
    if (std::ranges::equal(digest, packet.subspan(place, kDigest))) return digest;
  }
  return std::nullopt;
}

}  // namespace

ScriptHandshake::ScriptHandshake(std::string form, std::string second, std::uint8_t version,
                                 Random& random)
    : form_(std::move(form)), second_(std::move(second)), version_(version), random_(random) {}

void ScriptHandshake::start(std::vector<std::uint8_t>& out) {
  c1_.resize(kPacket);
  random_.fill(std::span(c1_).subspan(8));
  if (form_ != "simple") {
    static constexpr std::uint8_t kVersion[] = {0x80, 0x00, 0x07, 0x02};
    std::ranges::copy(kVersion, c1_.begin() + 4);
    const std::size_t place = place_of_digest(c1_, form_ == "digest8" ? 8 : 772);
    std::ranges::copy(digest_of(c1_, place, key(kPlayer, false)),
                      c1_.begin() + static_cast<int>(place));
  }
  out.push_back(version_);
  out.insert(out.end(), c1_.begin(), c1_.end());
  if (second_ == "early") second_packet(out);
}

bool ScriptHandshake::feed(Bytes& input, std::vector<std::uint8_t>& out) {
  const std::size_t count = std::min(input.size(), kFlight - flight_.size());
  flight_.insert(flight_.end(), input.begin(), input.begin() + static_cast<int>(count));
  input = input.subspan(count);
  if (flight_.size() < kFlight) return false;
  if (second_ != "early" && second_ != "none") second_packet(out);
  return true;
}

void ScriptHandshake::second_packet(std::vector<std::uint8_t>& out) const {
  std::vector<std::uint8_t> packet(kPacket);
  random_.fill(packet);
  const bool heard = flight_.size() == kFlight;
  const Bytes s1 = heard ? Bytes(flight_).subspan(1, kPacket) : Bytes();
  const auto server = heard ? find_digest(s1, key(kServer, false)) : std::nullopt;
  if (heard && second_ != "wrong" && form_ != "simple" && server) {
    const auto proof_key = rtmp::hmac_sha256(key(kPlayer, true), *server);
    const auto proof = rtmp::hmac_sha256(proof_key, Bytes(packet).first(kPacket - kDigest));
    std::ranges::copy(proof, packet.end() - static_cast<int>(kDigest));
  } else if (heard && second_ != "wrong") {
    std::ranges::copy(s1, packet.begin());
  }
  out.insert(out.end(), packet.begin(), packet.end());
}

std::string ScriptHandshake::findings() const {
  if (flight_.size() < kFlight) return "";
  const Bytes s1 = Bytes(flight_).subspan(1, kPacket);
  const Bytes s2 = Bytes(flight_).subspan(1 + kPacket, kPacket);
  std::string found;
  if (find_digest(s1, key(kServer, false))) found += "digest ";
  if (const auto mine = find_digest(c1_, key(kPlayer, false))) {
    const auto proof_key = rtmp::hmac_sha256(key(kServer, true), *mine);
    const auto proof = rtmp::hmac_sha256(proof_key, s2.first(kPacket - kDigest));
    if (std::ranges::equal(proof, s2.last(kDigest))) found += "proof ";
  }
  if (std::ranges::equal(s2.subspan(8), Bytes(c1_).subspan(8))) found += "echo ";
  if (!found.empty()) found.pop_back();
  return found;
}

}  // namespace weir::tests
