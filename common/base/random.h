#pragma once
// Randomness as an argument. SeededRandom is deterministic (xoshiro256**, Blackman and Vigna 2018);
// SystemRandom is for ids and handshake bytes.
// Threading: one object per thread. Lifetime: outlives its users.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace weir {

class Random {
 public:
  virtual ~Random() = default;
  virtual std::uint64_t next() = 0;

  /// Uniform in [0, bound); bound > 0.
  std::uint64_t below(std::uint64_t bound);
  void fill(std::span<std::uint8_t> out);
  /// Lower-case base-32 text (Crockford's alphabet) of `length` characters, 5 bits each.
  std::string token(std::size_t length);
  /// Version 4 (RFC 9562), lower case.
  std::string uuid4();
};

class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed);
  std::uint64_t next() override;

 private:
  std::array<std::uint64_t, 4> state_;
};

/// The kernel's generator (getrandom(2)), read ahead: a handshake takes 190 words, and a system
/// call for each of them was a fifth of what a session's set-up cost a forwarder.
class SystemRandom final : public Random {
 public:
  std::uint64_t next() override;

 private:
  std::array<std::uint64_t, 32> ahead_;
  std::size_t taken_ = 32;
};

}  // namespace weir
