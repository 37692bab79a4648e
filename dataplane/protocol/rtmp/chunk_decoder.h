#pragma once
// ChunkDecoder: reads a chunk stream header by header (RTMP 5.3) and never touches payload.
//
// Purpose: the one reader of the forwarder, for conversations (message_assembler.h) and for the
// relay (relay/chunk_splice.h). SetChunkSize and Abort take effect here, at their place in the byte
// order. State is kept per chunk stream id by number, because the 2- and 3-byte forms may name the
// same one. Errors end the decoder. Memory: about 150 bytes, and 48 for each chunk stream that was
// used. Threading: one object per connection and direction. Lifetime: events are views of the input
// or of the decoder, valid until the next call.

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "dataplane/protocol/rtmp/chunk_header.h"
#include "dataplane/protocol/rtmp/limits.h"
#include "dataplane/protocol/rtmp/message.h"

namespace weir::rtmp {

/// What a format 3 chunk that begins a message means for its time; senders disagree.
enum class Dialect : std::uint8_t {
  kSpecification,  ///< the last delta again; directly after format 0: that chunk's timestamp
  kNginxRtmp,      ///< delta 0: nginx-rtmp writes format 3 only for equal times
};

enum class ChunkError : std::uint8_t {
  kNone,
  kChunkSize,         ///< SetChunkSize outside limits.h, or too short
  kTooManyStreams,    ///< kChunkStreamsMax
  kTooManyPartial,    ///< kPartialMessagesMax
  kMessageTooLong,    ///< limits.h, by type
  kHeaderInMessage,   ///< format 0 to 2 inside an unfinished message
  kFirstHeader,       ///< a fresh chunk stream begins with format 2 or 3
  kCollectedTooLong,  ///< kCollectedBytesMax (MessageAssembler and ChunkSplice)
};
const char* to_text(ChunkError error);

/// What the sender's encoder has told about one chunk stream.
struct ChunkStream {
  std::uint32_t id = 0;
  std::uint32_t timestamp = 0;  ///< absolute, of the current or last message
  std::uint32_t delta = 0;      ///< what a format 3 message adds, in the decoder's dialect
  std::uint32_t field =
      0;  ///< timestamp field of the last format 0 to 2 header, extension included
  std::uint32_t length = 0;
  std::uint32_t stream_id = 0;
  std::uint32_t left = 0;  ///< payload bytes still to come of the current message
  MessageType type = MessageType::kSetChunkSize;
  bool extended = false;    ///< the last format 0 to 2 header had an extended timestamp
  bool after_full = false;  ///< that header was format 0
  std::uint8_t first_size = 0;
  std::array<std::uint8_t, kFirstBytes> first{};  ///< first payload bytes of the message

  bool in_message() const { return left > 0; }
  Bytes first_bytes() const { return Bytes(first).first(first_size); }
  MessageHeader header() const { return {type, timestamp, length, stream_id, id}; }
};

struct ChunkEvent {
  enum class Kind : std::uint8_t {
    kNeedMore,  ///< the input is used up
    kHeader,    ///< `bytes` is a chunk header
    kPayload,   ///< `bytes` is payload of `stream`, all of this chunk that is there; may be empty
    kError,
  };
  Kind kind = Kind::kNeedMore;
  ChunkFormat format = ChunkFormat::kNone;  ///< kHeader
  bool begins_message = false;              ///< kHeader
  bool repeats_extended = false;            ///< kHeader: the chunk carries an extended timestamp
  bool ends_chunk = false;                  ///< kPayload
  bool ends_message = false;                ///< kPayload; control messages have taken effect
  bool in_input = true;                     ///< `bytes` lies in the input, not in the decoder
  std::uint8_t slot = 0;                    ///< index of the chunk stream; stable
  Bytes bytes;
};

class ChunkDecoder {
 public:
  explicit ChunkDecoder(Dialect dialect = Dialect::kSpecification) : dialect_(dialect) {}

  /// Consumes from `input` up to the next event. Each chunk is one kHeader and one or more
  /// kPayload.
  ChunkEvent next(Bytes& input);

  const ChunkStream& stream(std::uint8_t slot) const { return streams_[slot]; }
  std::size_t stream_count() const { return streams_.size(); }
  std::uint32_t chunk_size() const { return chunk_size_; }
  /// Payload bytes until the current chunk ends; 0 between chunks.
  std::uint32_t chunk_left() const { return chunk_left_; }
  /// Messages begun and not ended.
  std::size_t partial_messages() const { return partial_; }
  /// Bytes of an unfinished chunk header that were consumed.
  bool in_header() const { return carry_size_ > 0 || (stuck_ > 0 && chunk_left_ == 0); }
  /// After ends_message of an Abort: the slot whose partial message it discarded, else -1.
  int aborted_slot() const { return aborted_slot_; }
  ChunkError error() const { return error_; }

 private:
  struct Parsed;
  enum class State : std::uint8_t {
    kHeader,   // between chunks, or inside a chunk header
    kPayload,  // inside a chunk
    kFailed,
  };

  ChunkEvent read_header(Bytes& input);
  ChunkEvent read_payload(Bytes& input);
  ChunkEvent accept(const Parsed& parsed, Bytes header, bool in_input);
  Bytes next_payload(Bytes input) const;
  ChunkEvent fail(ChunkError error);
  bool continues(Bytes input) const;
  Parsed parse(Bytes bytes) const;
  int find_slot(std::uint32_t id) const;
  int make_slot(std::uint32_t id);
  ChunkError begin_message(ChunkStream& stream, const Parsed& parsed);
  ChunkError end_message(ChunkStream& stream);

  std::vector<ChunkStream> streams_;
  // Slot + 1 of ids below 64, which are all that stock clients use; others are searched.
  std::array<std::uint8_t, 64> slot_of_{};
  std::array<std::uint8_t, kChunkHeaderBytesMax> carry_{};
  std::uint8_t carry_size_ = 0;
  // Payload bytes at the end of carry_ that were taken for a repeated extended timestamp and are
  // not.
  std::uint8_t stuck_ = 0;
  std::uint8_t stuck_at_ = 0;
  std::uint8_t current_ = 0;
  std::uint8_t partial_ = 0;
  std::int8_t aborted_slot_ = -1;
  State state_ = State::kHeader;
  Dialect dialect_;
  ChunkError error_ = ChunkError::kNone;
  std::uint32_t chunk_size_ = kChunkSizeDefault;
  std::uint32_t chunk_left_ = 0;
};

}  // namespace weir::rtmp
