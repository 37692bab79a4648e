#pragma once
// MessageAssembler: whole messages from a chunk stream, for conversations before the relay begins.
//
// Purpose: ChunkDecoder below, MessageCollector for payload that arrives in pieces. A message that
// lies in one piece in the input is returned as a view of it. Space grows with what arrived, never
// with what was announced. Threading: one object per connection. Lifetime: a returned message is
// valid until the next call and while the input is.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "dataplane/protocol/rtmp/chunk_decoder.h"
#include "dataplane/protocol/rtmp/message.h"

namespace weir::rtmp {

/// Payload of unfinished messages, by decoder slot; bounded in all.
class MessageCollector {
 public:
  explicit MessageCollector(std::size_t bytes_max = kCollectedBytesMax) : bytes_max_(bytes_max) {}

  /// False: the bound is reached and the connection must end.
  bool append(std::uint8_t slot, Bytes payload);
  bool has(std::uint8_t slot) const;
  /// The payload of a slot, which is forgotten.
  std::vector<std::uint8_t> take(std::uint8_t slot);
  void forget(std::uint8_t slot) { take(slot); }
  bool empty() const { return parts_.empty(); }

 private:
  struct Part {
    std::uint8_t slot;
    std::vector<std::uint8_t> payload;
  };
  std::vector<Part> parts_;
  std::size_t bytes_max_;
  std::size_t bytes_ = 0;
};

class MessageAssembler {
 public:
  /// `collected_bytes_max`: a receiver of media needs more than a conversation.
  explicit MessageAssembler(Dialect dialect = Dialect::kSpecification,
                            std::size_t collected_bytes_max = kCollectedBytesMax)
      : decoder_(dialect), collector_(collected_bytes_max) {}

  /// Consumes from `input` up to the end of the next message. nullopt: more is needed, or error()
  /// is set. SetChunkSize and Abort have already taken effect when they are returned.
  std::optional<Message> next(Bytes& input);
  /// The last message has been used: its memory need not wait for the next one.
  void release_message() { std::vector<std::uint8_t>().swap(complete_); }

  ChunkError error() const { return error_; }
  std::uint32_t chunk_size() const { return decoder_.chunk_size(); }
  const ChunkDecoder& decoder() const { return decoder_; }

  /// What the relay continues with: decoder state, and the payload of unfinished messages.
  struct Parts {
    ChunkDecoder decoder;
    MessageCollector collector;
  };
  Parts release() && { return {std::move(decoder_), std::move(collector_)}; }

 private:
  ChunkDecoder decoder_;
  MessageCollector collector_;
  std::vector<std::uint8_t> complete_;
  ChunkError error_ = ChunkError::kNone;
};

}  // namespace weir::rtmp
