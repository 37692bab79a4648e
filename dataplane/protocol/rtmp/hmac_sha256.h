#pragma once
// HMAC-SHA256 for the handshake digests; the one place that knows OpenSSL. Threading: pure.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace weir::rtmp {

inline constexpr std::size_t kDigestBytes = 32;
using Digest = std::array<std::uint8_t, kDigestBytes>;

Digest hmac_sha256(std::span<const std::uint8_t> key, std::span<const std::uint8_t> data);

}  // namespace weir::rtmp
