#pragma once
// ChunkTrain: random but legal RTMP chunk streams, with the messages they mean.
//
// Purpose: an encoder written apart from the product's, that uses every freedom a sender has: any
// format that is legal for a message, any form of a chunk stream id, interleaving, chunk sizes that
// change, times around the 24-, 31- and 32-bit borders, extended timestamps repeated or not.
// Threading: one object per thread. Lifetime: outlives nothing.

#include <cstddef>
#include <cstdint>
#include <map>
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
  bool nginx_format3 =
      false;  ///< format 3 begins a message of the same time, whatever the last delta was
  bool repeats_extended = true;    ///< in continuations
  bool only_full_headers = false;  ///< as SRS writes
  bool wide_ids = false;           ///< chunk stream ids up to 65,599; else 2 to 31
};

class ChunkTrain {
 public:
  ChunkTrain(Random& random, const TrainStyle& style);

  /// Appends one chunk (sometimes a SetChunkSize message) to `out`. Returns the message that it
  /// begins.
  const TrainMessage* step(std::vector<std::uint8_t>& out);
  /// Ends all open messages.
  void finish(std::vector<std::uint8_t>& out);

 private:
  struct Stream {
    TrainMessage message;
    std::uint32_t delta = 0;
    std::uint32_t field = 0;
    std::size_t sent = 0;
    bool used = false;
    bool open = false;
    bool extended = false;
    bool after_full = false;
  };

  void begin(Stream& stream, std::vector<std::uint8_t>& out);
  void put_payload(Stream& stream, std::vector<std::uint8_t>& out);
  void put_id(int format, std::uint32_t id, std::vector<std::uint8_t>& out);
  void set_chunk_size(std::vector<std::uint8_t>& out);
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
