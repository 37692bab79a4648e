#pragma once
// Limits of the RTMP codec, with the reason of each. Threading: constants.

#include <cstddef>
#include <cstdint>

namespace weir::rtmp {

/// What both sides assume before SetChunkSize (RTMP 5.4.1).
inline constexpr std::uint32_t kChunkSizeDefault = 128;
/// Smaller sizes are legal but only useful to make us parse headers: refused, as SRS does.
inline constexpr std::uint32_t kChunkSizeMin = 128;
/// Larger ones defer every other message of the connection behind one key frame.
inline constexpr std::uint32_t kChunkSizeMax = 1024 * 1024;

/// Chunk streams per direction. The field allows 65,599, each costing state; nginx-rtmp allows 32.
inline constexpr std::size_t kChunkStreamsMax = 64;
/// Messages begun and not ended at once. Stock encoders interleave at most audio, video and one
/// command.
inline constexpr std::size_t kPartialMessagesMax = 8;

/// Protocol control (types 1 to 6): the longest defined one has 10 bytes.
inline constexpr std::uint32_t kControlBytesMax = 256;
/// Commands, data, shared objects, unknown types: HDR metadata and cue points fit.
inline constexpr std::uint32_t kCommandBytesMax = 256 * 1024;
/// Audio, video, aggregate: a 4K key frame exceeds 1 MiB.
inline constexpr std::uint32_t kMediaBytesMax = 10 * 1024 * 1024;
/// Bytes of unfinished messages that one connection may make us hold: a command and small ones.
inline constexpr std::size_t kCollectedBytesMax = kCommandBytesMax + 64 * 1024;

/// First bytes of each message kept for its description: enough for every E-RTMP tag header up to
/// the FourCC, and for SetChunkSize and Abort.
inline constexpr std::size_t kFirstBytes = 8;

/// The largest timestamp (or delta) that fits the 3-byte field; this value announces the extended
/// one.
inline constexpr std::uint32_t kTimestampEscape = 0xFFFFFF;

static_assert(kChunkSizeMin <= kChunkSizeDefault && kChunkSizeDefault <= kChunkSizeMax);
static_assert(kCommandBytesMax <= kCollectedBytesMax,
              "one command of full length can be collected");
static_assert(kMediaBytesMax <= 0xFFFFFF, "the length field has 24 bits");

}  // namespace weir::rtmp
