#pragma once
// The RTMP handshake (RTMP 5.2), both ends, incremental.
//
// Purpose: ServerHandshake answers a client in the digest form when its C1 carries a valid digest,
// else in the simple form; ClientHandshake opens a leg to an origin in the simple form. Memory:
// nothing is held before the first byte; an incomplete C1 is kept until it is answered; C2, S1 and
// S2 are never kept. Threading: one object per connection. Lifetime: self-contained.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/base/random.h"
#include "dataplane/protocol/rtmp/message.h"

namespace weir::rtmp {

/// Size of C1, S1, C2 and S2.
inline constexpr std::size_t kHandshakePacketBytes = 1536;

enum class HandshakeError : std::uint8_t {
  kNone,
  kTls,             ///< first byte 0x16: a TLS ClientHello
  kHttp,            ///< first byte 'G', 'P' or 'O': HTTP, perhaps RTMPT
  kEncrypted,       ///< version 6, 8 or 9: RTMPE
  kAddressPrefix,   ///< 0xF3: the address prefix of SRS proxies, not accepted from strangers
  kUnknownVersion,  ///< anything else
};
const char* to_text(HandshakeError error);

enum class HandshakeStep : std::uint8_t {
  kNeedMore,
  kDone,    ///< what is left of the input is chunk data
  kFailed,  ///< error() tells why
};

class ServerHandshake {
 public:
  /// Consumes from `input` and appends to `out` what the client must be sent (S0S1S2 in one piece
  /// as soon as C1 is complete).
  HandshakeStep feed(Bytes& input, Random& random, std::vector<std::uint8_t>& out);

  HandshakeError error() const { return error_; }
  /// The client's C1 carried a valid digest.
  bool digest() const { return digest_; }
  /// S0S1S2 was produced.
  bool answered() const { return state_ == State::kC2 || state_ == State::kDone; }

 private:
  enum class State : std::uint8_t {
    kC0,      // nothing received
    kC1,      // the version was 3; C1 incomplete
    kC2,      // answered; C2 is being skipped
    kDone,    // the rest is chunk data
    kFailed,  // see error_
  };

  void answer(Bytes c1, Random& random, std::vector<std::uint8_t>& out);

  std::unique_ptr<std::vector<std::uint8_t>> c1_;
  State state_ = State::kC0;
  HandshakeError error_ = HandshakeError::kNone;
  bool digest_ = false;
  std::uint16_t c2_left_ = kHandshakePacketBytes;
};

class ClientHandshake {
 public:
  /// Appends C0C1; once, first.
  void start(Random& random, std::vector<std::uint8_t>& out);
  /// Consumes S0S1S2 and appends C2, the echo of S1 (as it arrives, so that it is never held).
  /// kDone: C2 is complete; commands may follow it in the same write.
  HandshakeStep feed(Bytes& input, std::vector<std::uint8_t>& out);

  HandshakeError error() const { return error_; }
  /// S0 has arrived and was version 3: the origin answers.
  bool heard() const { return received_ > 0; }

 private:
  std::uint16_t received_ = 0;  // of S0S1S2
  HandshakeError error_ = HandshakeError::kNone;
};

}  // namespace weir::rtmp
