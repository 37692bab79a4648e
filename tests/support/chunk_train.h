#pragma once
// ChunkTrain: random but legal RTMP chunk streams, with the messages they mean.
//
// Purpose: an encoder written apart from the product's, that uses every freedom a sender has: any
// format that is legal for a message, any form of a chunk stream id, interleaving up to the limit,
// chunk sizes that change, aborted and empty messages, times around the 24-, 31- and 32-bit
// borders, extended timestamps repeated or not.
// Threading: one object per thread. Lifetime: outlives nothing.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/random.h"

namespace weir::test {

struct TrainMessage {
  std::uint32_t chunk_stream = 0;
  std::uint8_t type = 0;
  std::uint32_t time = 0;
  std::uint32_t stream_id = 0;
  std::vector<std::uint8_t> payload;
};

/// How a kind of sender behaves where they differ.
struct TrainStyle {
  /// Format 3 begins a message of the same time, whatever the last delta was, and carries no
  /// extended timestamp of an earlier header.
  bool nginx_format3 = false;
  bool repeats_extended = true;    ///< in continuations
  bool only_full_headers = false;  ///< as SRS writes
  bool wide_ids = false;           ///< chunk stream ids up to 65,599; else 2 to 31
  bool many_ids = false;           ///< as many as are accepted; else at most 8
  bool aborts = false;
  bool large = false;                 ///< payloads and chunk sizes up to the limits now and then
  std::uint32_t message_streams = 3;  ///< message stream ids 0 to this one less
};
std::string to_text(const TrainStyle& style);

class ChunkTrain {
 public:
  ChunkTrain(Random& random, const TrainStyle& style);

  /// What one step has put on the wire besides payload.
  struct Step {
    const TrainMessage* begun = nullptr;   ///< a message's first chunk
    std::optional<std::uint32_t> aborted;  ///< the chunk stream whose message was given up
    int format = -1;                       ///< of the first chunk
    std::size_t header_bytes = 0;          ///< of the first chunk
  };
  /// Appends one chunk, or a SetChunkSize or Abort message, to `out`.
  Step step(std::vector<std::uint8_t>& out);
  /// Ends all open messages, and says the chunk size once more.
  void finish(std::vector<std::uint8_t>& out);

  std::uint32_t chunk_size() const { return chunk_size_; }

 private:
  struct Stream {
    TrainMessage message;
    std::uint32_t delta = 0;
    std::uint32_t field = 0;
    std::size_t sent = 0;
    bool used = false;
    bool open = false;
    bool extended = false;  // the last header of format 0 to 2 was
    bool after_full = false;
    bool tells_field = false;  // so does the present message
  };

  int begin(Stream& stream, std::vector<std::uint8_t>& out);
  void put_continuation(Stream& stream, std::vector<std::uint8_t>& out);
  void put_payload(Stream& stream, std::vector<std::uint8_t>& out);
  void put_id(int format, std::uint32_t id, std::vector<std::uint8_t>& out);
  void put_control(std::uint8_t type, std::uint32_t value, std::vector<std::uint8_t>& out);
  void change_chunk_size(std::vector<std::uint8_t>& out);
  std::optional<std::uint32_t> abort_one(std::vector<std::uint8_t>& out);
  std::size_t open_messages() const;
  TrainMessage next_message(const Stream& stream);
  std::size_t next_size(std::uint8_t type);
  std::uint32_t next_time(const Stream& stream);
  int choose_format(const Stream& stream, const TrainMessage& next);
  bool chance(unsigned percent) { return random_.below(100) < percent; }

  Random& random_;
  TrainStyle style_;
  std::vector<std::uint32_t> ids_;
  std::map<std::uint32_t, Stream> streams_;
  std::uint32_t chunk_size_ = 128;
  std::uint32_t serial_ = 0;
  std::uint32_t base_time_ = 0;
};

}  // namespace weir::test
