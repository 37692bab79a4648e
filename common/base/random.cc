#include "common/base/random.h"

#include <bit>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <sys/random.h>

#include "common/base/contract.h"

namespace weir {

std::uint64_t Random::below(std::uint64_t bound) {
  WEIR_ASSERT(bound > 0);
  // Multiply-shift; the bias is below 2^-32 for every bound used here.
  return static_cast<std::uint64_t>((static_cast<unsigned __int128>(next()) * bound) >> 64);
}

void Random::fill(std::span<std::uint8_t> out) {
  while (!out.empty()) {
    const std::uint64_t word = next();
    const std::size_t count = out.size() < sizeof(word) ? out.size() : sizeof(word);
    std::memcpy(out.data(), &word, count);
    out = out.subspan(count);
  }
}

std::string Random::token(std::size_t length) {
  static constexpr char kAlphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
  std::string text(length, '0');
  for (char& c : text) c = kAlphabet[next() >> 59];
  return text;
}

std::string Random::uuid4() {
  const std::uint64_t high = (next() & ~0xf000ULL) | 0x4000ULL;     // version
  const std::uint64_t low = (next() & ~(3ULL << 62)) | 2ULL << 62;  // variant
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, (high >> 16) & 0xffff,
                     high & 0xffff, low >> 48, low & 0xffffffffffffULL);
}

SeededRandom::SeededRandom(std::uint64_t seed) {
  // splitmix64 spreads a small seed over the whole state.
  for (auto& word : state_) {
    seed += 0x9e3779b97f4a7c15ULL;
    std::uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    word = z ^ (z >> 31);
  }
}

std::uint64_t SeededRandom::next() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

std::uint64_t SystemRandom::next() {
  if (taken_ == ahead_.size()) {
    // Reads of up to 256 bytes are never interrupted or short once the pool is initialised
    // (getrandom(2)).
    static_assert(sizeof(ahead_) <= 256);
    WEIR_ASSERT(::getrandom(ahead_.data(), sizeof(ahead_), 0) ==
                static_cast<ssize_t>(sizeof(ahead_)));
    taken_ = 0;
  }
  // What was given out is not kept: it may be a secret of somebody's.
  return std::exchange(ahead_[taken_++], 0);
}

}  // namespace weir
