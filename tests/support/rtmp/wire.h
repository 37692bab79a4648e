#pragma once
// ChunkEncoder and ChunkRecorder: RTMP chunks as scripts ask for them, and a plain reader that
// notes how each message came.
//
// Purpose: every freedom a sender has is an option, and the reader shares nothing with the
// product's decoder. Threading: one object per thread. Lifetime: self-contained.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace weir::tests {

struct WireMessage {
  std::uint8_t type = 0;
  std::uint32_t chunk_stream = 3;
  std::uint32_t stream_id = 0;
  std::uint32_t time = 0;
  std::vector<std::uint8_t> payload;
};

struct ChunkStyle {
  int format = 0;                       ///< of the first chunk; deltas are taken from what was sent
  int id_bytes = 0;                     ///< form of the chunk stream id; 0 = the shortest
  bool repeat_extended = true;          ///< in continuations
  bool absolute_extended = false;       ///< formats 1 and 2: the time itself, as SRS reads it
  std::optional<std::uint32_t> field;   ///< timestamp or delta as it stands on the wire
  std::optional<std::uint32_t> length;  ///< announced, whatever the payload has
  std::size_t chunks = SIZE_MAX;        ///< send so many; the rest waits for more()
};

class ChunkEncoder {
 public:
  void set_chunk_size(std::uint32_t size) { chunk_size_ = size == 0 ? 1 : size; }
  /// Begins a message, in place of one that its chunk stream has not ended.
  void begin(WireMessage message, const ChunkStyle& style, std::vector<std::uint8_t>& out);
  /// Up to `chunks` more of the message that was begun on that chunk stream.
  void more(std::uint32_t chunk_stream, std::size_t chunks, std::vector<std::uint8_t>& out);
  /// Forgets the unsent rest.
  void abort(std::uint32_t chunk_stream);

  /// The header of one chunk, every field as given; `message` supplies type, ids and length.
  static void header(int format, int id_bytes, std::uint32_t field, const WireMessage& message,
                     std::uint32_t length, std::vector<std::uint8_t>& out);

 private:
  struct Stream {
    WireMessage message;
    ChunkStyle style;
    std::uint32_t time = 0;
    std::uint32_t field = 0;
    std::size_t sent = 0;
  };
  void pieces(Stream& stream, std::size_t chunks, std::vector<std::uint8_t>& out);

  std::map<std::uint32_t, Stream> streams_;
  std::uint32_t chunk_size_ = 128;
};

struct RecordedMessage {
  WireMessage message;
  int format = 0;  ///< of its first chunk
  std::uint32_t chunks = 0;
};

class ChunkRecorder {
 public:
  /// nginx-rtmp's writer means delta 0 by a format 3 that begins a message.
  explicit ChunkRecorder(bool nginx_format3 = false) : nginx_format3_(nginx_format3) {}

  void feed(std::span<const std::uint8_t> bytes);
  /// The next complete message. SetChunkSize and Abort have already taken effect.
  std::optional<RecordedMessage> next();
  /// Why the bytes cannot be read on; empty while they can.
  const std::string& failure() const { return failure_; }
  std::uint32_t chunk_size() const { return chunk_size_; }
  /// Chunk streams with an unfinished message, and bytes of an unfinished chunk.
  std::size_t unfinished() const;

 private:
  struct Stream {
    RecordedMessage current;
    std::uint32_t length = 0;
    std::uint32_t field = 0;
    std::uint32_t delta = 0;
    std::uint32_t time = 0;
    bool extended = false;
    bool open = false;
    bool seen = false;
  };
  bool read_chunk(std::optional<RecordedMessage>& done);
  bool read_header(Stream& stream, int format, std::size_t& at);
  void control(const WireMessage& message);
  std::uint32_t big_endian(std::size_t at, int bytes) const;

  bool nginx_format3_;
  std::uint32_t chunk_size_ = 128;
  std::map<std::uint32_t, Stream> streams_;
  std::map<std::uint32_t, std::vector<std::uint8_t>> payloads_;  ///< of open messages
  std::vector<std::uint8_t> held_;
  std::size_t at_ = 0;
  std::string failure_;
};

}  // namespace weir::tests
