#pragma once
// ScriptHandshake: the client's half of the RTMP handshake in every variant that clients send, with
// a check of the server's proofs.
//
// Purpose: written apart from the product's handshake (HMAC alone is shared), so that both can be
// wrong only independently. Threading: one object per connection. Lifetime: self-contained.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/base/random.h"

namespace weir::tests {

class ScriptHandshake {
 public:
  /// `form`: simple, digest8 or digest772 (by where the offset of the digest stands).
  /// `second`: what C2 is: echo, early (right behind C1), with_next, wrong, none.
  ScriptHandshake(std::string form, std::string second, std::uint8_t version, Random& random);

  /// C0C1, and C2 when it is early.
  void start(std::vector<std::uint8_t>& out);
  /// Consumes S0S1S2; true when it is complete. C2 goes to `out`; with with_next the caller keeps
  /// it back until something follows it.
  bool feed(std::span<const std::uint8_t>& input, std::vector<std::uint8_t>& out);
  bool holds_second_back() const { return second_ == "with_next"; }

  /// What the server's packets prove: "digest" (S1 carries one), "proof" (S2 answers ours), "echo"
  /// (S2 repeats C1); blank-separated.
  std::string findings() const;

 private:
  void second_packet(std::vector<std::uint8_t>& out) const;

  std::string form_;
  std::string second_;
  std::uint8_t version_;
  Random& random_;
  std::vector<std::uint8_t> c1_;
  std::vector<std::uint8_t> flight_;  // S0S1S2
};

}  // namespace weir::tests
