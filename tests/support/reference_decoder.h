#pragma once
// Three small readers of RTMP chunk streams that share nothing with the product's decoder nor, but
// for a byte cursor, with each other: what the specification says, and what SRS and nginx-rtmp do.
//
// Purpose: the relay may rewrite chunk headers as it likes as long as all of them read the messages
// that were meant. Threading: one object per thread.

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace weir::test {

struct ReferenceMessage {
  std::uint8_t type = 0;
  std::uint32_t time = 0;
  std::uint32_t stream_id = 0;
  std::vector<std::uint8_t> payload;
};

class ReferenceDecoder {
 public:
  virtual ~ReferenceDecoder() = default;

  /// Reads all complete chunks; a SetChunkSize message takes effect and is not returned.
  void feed(std::span<const std::uint8_t> bytes);
  /// Complete messages since the last call.
  std::vector<ReferenceMessage> take();
  /// Why the stream is unreadable; empty while it is fine.
  const std::string& failure() const { return failure_; }
  /// Neither an unfinished chunk nor an unfinished message is held.
  virtual bool idle() const = 0;
  /// The bits of a timestamp that this reader keeps.
  virtual std::uint32_t time_mask() const { return 0xFFFFFFFF; }

 protected:
  explicit ReferenceDecoder(std::uint32_t chunk_size) : chunk_size_(chunk_size) {}

  /// A cursor over the bytes held; reading past the end makes the chunk incomplete.
  struct Cursor {
    std::span<const std::uint8_t> bytes;
    std::size_t at = 0;
    bool short_of = false;
    std::uint32_t read(int count);
    std::uint32_t chunk_stream(std::uint8_t first);
  };

  /// One chunk from the cursor. False: incomplete; nothing may have been changed.
  virtual bool read_chunk(Cursor& in) = 0;
  void deliver(ReferenceMessage message);
  void fail(std::string why) { failure_ = std::move(why); }
  bool holds_bytes() const { return !held_.empty(); }

  std::uint32_t chunk_size_;

 private:
  std::vector<std::uint8_t> held_;
  std::vector<ReferenceMessage> complete_;
  std::string failure_;
};

/// RTMP 1.0: format 3 adds the last delta (the time itself behind format 0); extended fields of
/// formats 1 and 2 are deltas; continuations always repeat the extended field. Abort is obeyed.
std::unique_ptr<ReferenceDecoder> make_specification_decoder(std::uint32_t chunk_size = 128);
/// SRS: 31-bit times, extended fields are absolute in every format, repeated ones recognised by
/// comparison.
std::unique_ptr<ReferenceDecoder> make_srs_decoder(std::uint32_t chunk_size = 128);
/// nginx-rtmp with its defaults but for `max_streams`: delta 0 behind format 0, repeated extended
/// fields always expected, format 0 to 2 inside a message is taken for its continuation.
std::unique_ptr<ReferenceDecoder> make_nginx_rtmp_decoder(std::uint32_t chunk_size = 128);

}  // namespace weir::test
