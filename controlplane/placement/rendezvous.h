#pragma once
// Rendezvous order: which origin a stream prefers when nothing else decides.
//
// The hash is part of the design's agreement between parties that cannot talk (design 3, degraded):
// FNV-1a (64 bit, offset basis 14695981039346656037, prime 1099511628211) over the bytes of the
// stream key and of the origin id, each by itself; the weight of a pair is the 64-bit finaliser of
// MurmurHash3 (fmix64) over `fmix64(stream) xor origin`. The highest weight wins, then the lower
// origin id. Threading: pure functions.

#include <cstdint>
#include <string_view>

namespace weir::placement {

constexpr std::uint64_t fmix64(std::uint64_t value) {
  value ^= value >> 33;
  value *= 0xff51afd7ed558ccdULL;
  value ^= value >> 33;
  value *= 0xc4ceb9fe1a85ec53ULL;
  return value ^ (value >> 33);
}

constexpr std::uint64_t rendezvous_hash(std::string_view text) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  }
  return hash;
}

/// Both arguments from rendezvous_hash.
constexpr std::uint64_t rendezvous_weight(std::uint64_t stream, std::uint64_t origin) {
  return fmix64(fmix64(stream) ^ origin);
}

}  // namespace weir::placement
