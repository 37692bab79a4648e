// Server and client handshake over arbitrary bytes in arbitrary pieces: the answer has its fixed
// size, and what is consumed does not depend on how the bytes are split.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "common/base/contract.h"
#include "common/base/random.h"
#include "dataplane/protocol/rtmp/handshake.h"

namespace {

using weir::rtmp::Bytes;
using weir::rtmp::HandshakeStep;

struct Outcome {
  HandshakeStep step = HandshakeStep::kNeedMore;
  std::size_t consumed = 0;
  std::vector<std::uint8_t> sent;
  bool operator==(const Outcome&) const = default;
};

template <class Feed>
Outcome drive(Bytes input, std::size_t piece, Feed feed) {
  Outcome outcome;
  while (!input.empty() && outcome.step == HandshakeStep::kNeedMore) {
    Bytes part = input.first(std::min(piece, input.size()));
    const std::size_t size = part.size();
    outcome.step = feed(part, outcome.sent);
    outcome.consumed += size - part.size();
    input = input.subspan(size);
    WEIR_ASSERT(part.empty() || outcome.step != HandshakeStep::kNeedMore);
  }
  return outcome;
}

Outcome serve(Bytes input, std::size_t piece) {
  weir::SeededRandom random(1);
  weir::rtmp::ServerHandshake handshake;
  return drive(input, piece, [&](Bytes& part, std::vector<std::uint8_t>& out) {
    return handshake.feed(part, random, out);
  });
}

Outcome call(Bytes input, std::size_t piece) {
  weir::rtmp::ClientHandshake handshake;
  return drive(input, piece, [&](Bytes& part, std::vector<std::uint8_t>& out) {
    return handshake.feed(part, out);
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t piece = 1 + data[0] * std::size_t{16};
  const Bytes input(data + 1, size - 1);
  const Outcome served = serve(input, input.size());
  WEIR_ASSERT(served.sent.empty() || served.sent.size() == 3073);
  WEIR_ASSERT(served == serve(input, piece));
  const Outcome called = call(input, input.size());
  WEIR_ASSERT(called.sent.size() <= weir::rtmp::kHandshakePacketBytes);
  WEIR_ASSERT(called == call(input, piece));
  return 0;
}
