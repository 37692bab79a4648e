#include "dataplane/protocol/rtmp/chunk_header.h"

#include "common/base/contract.h"

namespace weir::rtmp {
namespace {

constexpr std::uint32_t kTwoByteFormMax = 64 + 255;
constexpr std::uint32_t kThreeByteFormMax = 64 + 65535;

}  // namespace

std::uint32_t chunk_stream_of(const std::uint8_t* basic_header) {
  // RTMP 5.3.1.1; the third byte is the more significant one.
  switch (basic_header_bytes(basic_header[0])) {
    case 1:
      return basic_header[0] & 0x3Fu;
    case 2:
      return 64u + basic_header[1];
    default:
      return 64u + basic_header[1] + 256u * basic_header[2];
  }
}

EncodedChunkHeader EncodedChunkHeader::begin(ChunkFormat format, const MessageHeader& message,
                                             std::uint32_t timestamp_field) {
  WEIR_ASSERT(format != ChunkFormat::kNone);
  const bool extended = timestamp_field >= kTimestampEscape;
  EncodedChunkHeader header;
  header.put_basic(format, message.chunk_stream);
  header.put(extended ? kTimestampEscape : timestamp_field, 3);
  if (format != ChunkFormat::kDeltaOnly) {
    header.put(message.length, 3);
    header.put(static_cast<std::uint8_t>(message.type), 1);
  }
  // The one little-endian field of the protocol.
  if (format == ChunkFormat::kFull) header.put(__builtin_bswap32(message.stream_id), 4);
  if (extended) header.put(timestamp_field, 4);
  return header;
}

EncodedChunkHeader EncodedChunkHeader::continuation(std::uint32_t chunk_stream, bool extended,
                                                    std::uint32_t timestamp_field) {
  EncodedChunkHeader header;
  header.put_basic(ChunkFormat::kNone, chunk_stream);
  if (extended) header.put(timestamp_field, 4);
  return header;
}

void EncodedChunkHeader::put(std::uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) {
    bytes_[size_++] = static_cast<std::uint8_t>(value >> (8 * i));
  }
}

void EncodedChunkHeader::put_basic(ChunkFormat format, std::uint32_t chunk_stream) {
  WEIR_ASSERT(chunk_stream >= kControlChunkStream && chunk_stream <= kThreeByteFormMax);
  const auto format_bits = static_cast<std::uint32_t>(format) << 6;
  if (chunk_stream < 64) {
    put(format_bits | chunk_stream, 1);
  } else if (chunk_stream <= kTwoByteFormMax) {
    put(format_bits, 1);
    put(chunk_stream - 64, 1);
  } else {
    put(format_bits | 1, 1);
    put((chunk_stream - 64) & 0xFF, 1);
    put((chunk_stream - 64) >> 8, 1);
  }
}

}  // namespace weir::rtmp
