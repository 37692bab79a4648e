#include "dataplane/protocol/rtmp/chunk_writer.h"

#include <algorithm>

#include "common/base/contract.h"
#include "dataplane/protocol/rtmp/chunk_header.h"
#include "dataplane/protocol/rtmp/limits.h"

namespace weir::rtmp {

void write_message(std::vector<std::uint8_t>& out, const MessageHeader& header, Bytes payload,
                   std::uint32_t chunk_size) {
  WEIR_ASSERT(chunk_size > 0 && payload.size() <= 0xFFFFFF);
  MessageHeader written = header;
  written.length = static_cast<std::uint32_t>(payload.size());
  const auto first = EncodedChunkHeader::begin(ChunkFormat::kFull, written, header.timestamp);
  const auto next = EncodedChunkHeader::continuation(
      header.chunk_stream, header.timestamp >= kTimestampEscape, header.timestamp);
  const std::size_t chunks = payload.size() / chunk_size + 1;
  out.reserve(out.size() + first.bytes().size() + chunks * next.bytes().size() + payload.size());

  out.insert(out.end(), first.bytes().begin(), first.bytes().end());
  for (bool more = true; more;) {
    const Bytes part = payload.first(std::min<std::size_t>(payload.size(), chunk_size));
    out.insert(out.end(), part.begin(), part.end());
    payload = payload.subspan(part.size());
    more = !payload.empty();
    if (more) out.insert(out.end(), next.bytes().begin(), next.bytes().end());
  }
}

}  // namespace weir::rtmp
