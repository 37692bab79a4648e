#pragma once
// Chunk headers (RTMP 5.3.1): basic header, message header of formats 0 to 3, extended timestamp.
//
// Purpose: the bytes, without any memory of earlier chunks; that is chunk_decoder.h.
// Threading: values and pure functions.

#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/protocol/rtmp/limits.h"
#include "dataplane/protocol/rtmp/message.h"

namespace weir::rtmp {

enum class ChunkFormat : std::uint8_t {
  kFull = 0,        ///< absolute time, length, type, message stream id
  kSameStream = 1,  ///< delta, length, type
  kDeltaOnly = 2,   ///< delta
  kNone = 3,        ///< continues a message, or begins one that repeats the last header
};

/// Basic header 3 + message header 11 + extended timestamp 4.
inline constexpr std::size_t kChunkHeaderBytesMax = 18;

/// 1, 2 or 3: the size of the basic header that starts with this byte.
inline constexpr std::size_t basic_header_bytes(std::uint8_t first) {
  const std::uint8_t id = first & 0x3F;
  return id == 0 ? 2 : id == 1 ? 3 : 1;
}
/// Without basic header and extended timestamp.
inline constexpr std::size_t message_header_bytes(ChunkFormat format) {
  constexpr std::array<std::size_t, 4> kBytes{11, 7, 3, 0};
  return kBytes[static_cast<std::size_t>(format)];
}
inline constexpr ChunkFormat chunk_format(std::uint8_t first) {
  return static_cast<ChunkFormat>(first >> 6);
}
/// From a complete basic header. The 2- and 3-byte forms may name the same id.
std::uint32_t chunk_stream_of(const std::uint8_t* basic_header);

/// One chunk header as text on the wire, in the shortest form of its chunk stream id.
class EncodedChunkHeader {
 public:
  /// Absolute time for kFull, delta for kSameStream and kDeltaOnly; extended when it does not fit.
  static EncodedChunkHeader begin(ChunkFormat format, const MessageHeader& message,
                                  std::uint32_t timestamp_field);
  /// Continues a message. `extended`: the message's own header had an extended timestamp, which is
  /// repeated (Adobe, librtmp, SRS and nginx-rtmp all expect it).
  static EncodedChunkHeader continuation(std::uint32_t chunk_stream, bool extended,
                                         std::uint32_t timestamp_field);

  Bytes bytes() const { return Bytes(bytes_).first(size_); }

 private:
  void put(std::uint64_t value, int bytes);
  void put_basic(ChunkFormat format, std::uint32_t chunk_stream);

  std::array<std::uint8_t, kChunkHeaderBytesMax> bytes_{};
  std::uint8_t size_ = 0;
};

}  // namespace weir::rtmp
