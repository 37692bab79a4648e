// The chunk reader over arbitrary bytes: every split yields the same messages and the same error.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "common/base/contract.h"
#include "dataplane/protocol/rtmp/message_assembler.h"

namespace {

using weir::rtmp::Bytes;

struct Outcome {
  std::vector<weir::rtmp::MessageHeader> headers;
  std::vector<std::uint8_t> payload;
  weir::rtmp::ChunkError error = weir::rtmp::ChunkError::kNone;
  std::uint32_t chunk_size = 0;
  bool operator==(const Outcome&) const = default;
};

Outcome read(Bytes input, std::size_t piece, weir::rtmp::Dialect dialect) {
  weir::rtmp::MessageAssembler assembler(dialect);
  Outcome outcome;
  while (!input.empty() && assembler.error() == weir::rtmp::ChunkError::kNone) {
    const std::vector<std::uint8_t> own(
        input.begin(), input.begin() + static_cast<std::ptrdiff_t>(std::min(piece, input.size())));
    input = input.subspan(own.size());
    Bytes part(own);
    while (const auto message = assembler.next(part)) {
      WEIR_ASSERT(message->payload.size() == message->header.length);
      outcome.headers.push_back(message->header);
      outcome.payload.insert(outcome.payload.end(), message->payload.begin(),
                             message->payload.end());
    }
  }
  WEIR_ASSERT(assembler.decoder().stream_count() <= weir::rtmp::kChunkStreamsMax);
  outcome.error = assembler.error();
  outcome.chunk_size = assembler.chunk_size();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto dialect =
      data[0] & 1 ? weir::rtmp::Dialect::kNginxRtmp : weir::rtmp::Dialect::kSpecification;
  const std::size_t piece = 1 + (data[0] >> 1) % 40;
  const Bytes input(data + 1, size - 1);
  WEIR_ASSERT(read(input, input.size(), dialect) == read(input, piece, dialect));
  return 0;
}
