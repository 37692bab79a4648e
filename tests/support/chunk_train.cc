#include "tests/support/chunk_train.h"

#include <algorithm>
#include <array>

namespace weir::test {
namespace {

constexpr std::uint32_t kEscape = 0xFFFFFF;
constexpr std::size_t kOpenMax = 6;
constexpr std::array<std::uint8_t, 5> kTypes{8, 9, 18, 20, 22};
/// Where timelines start: at zero, and shortly before each border.
constexpr std::array<std::uint32_t, 6> kTimeBases{0,         40,         0xFFFFFF - 2000,
                                                  0x1000000, 0x7FFFFC00, 0xFFFFF800};

void put(std::vector<std::uint8_t>& out, std::uint32_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

}  // namespace

ChunkTrain::ChunkTrain(Random& random, const TrainStyle& style)
    : random_(random), style_(style), base_time_(kTimeBases[random.below(kTimeBases.size())]) {
  const std::size_t count = 2 + random_.below(7);
  for (std::size_t i = 0; i < count; ++i) {
    std::uint32_t id = 3 + static_cast<std::uint32_t>(random_.below(26));
    if (style_.wide_ids && chance(60)) {
      id = 64 + static_cast<std::uint32_t>(random_.below(chance(50) ? 256 : 65536));
    }
    if (std::find(ids_.begin(), ids_.end(), id) == ids_.end()) ids_.push_back(id);
  }
}

const TrainMessage* ChunkTrain::step(std::vector<std::uint8_t>& out) {
  if (chance(1)) {
    set_chunk_size(out);
    return nullptr;
  }
  Stream& stream = streams_[ids_[random_.below(ids_.size())]];
  if (!stream.open) {
    const auto open = static_cast<std::size_t>(std::count_if(
        streams_.begin(), streams_.end(), [](const auto& s) { return s.second.open; }));
    if (open >= kOpenMax) {
      finish(out);
      return nullptr;
    }
    for (const auto& [id, s] : streams_) {
      if (&s == &stream) stream.message.chunk_stream = id;
    }
    begin(stream, out);
    put_payload(stream, out);
    return &stream.message;
  }
  put_id(3, stream.message.chunk_stream, out);
  if (stream.extended && style_.repeats_extended) put(out, stream.field, 4);
  put_payload(stream, out);
  return nullptr;
}

void ChunkTrain::finish(std::vector<std::uint8_t>& out) {
  for (auto& [id, stream] : streams_) {
    while (stream.open) {
      put_id(3, id, out);
      if (stream.extended && style_.repeats_extended) put(out, stream.field, 4);
      put_payload(stream, out);
    }
  }
}

std::uint32_t ChunkTrain::next_time(const Stream& stream) {
  const std::uint32_t last = stream.used ? stream.message.time : base_time_;
  switch (random_.below(12)) {
    case 0:
      return last;  // equal times: nginx-rtmp's format 3
    case 1:
      return last + stream.delta;  // a format 3 candidate, also directly behind format 0
    case 2:
      return last - static_cast<std::uint32_t>(random_.below(50));  // backwards
    case 3:
      return chance(10) ? last + kEscape + static_cast<std::uint32_t>(random_.below(1000))
                        : last + 23;
    case 4:
    case 5:
    case 6:
      return last + 40;
    default:
      return last + static_cast<std::uint32_t>(random_.below(90));
  }
}

int ChunkTrain::choose_format(const Stream& stream, const TrainMessage& next) {
  if (!stream.used || style_.only_full_headers) return 0;
  const TrainMessage& last = stream.message;
  const std::uint32_t delta = next.time - last.time;
  // A delta of more than half the range is a step backwards; only absolute time can say it.
  if (next.stream_id != last.stream_id || delta > 0x7FFFFFFF) return 0;
  const bool same = next.payload.size() == last.payload.size() && next.type == last.type;
  bool format3 = false;
  if (style_.nginx_format3 || (stream.extended && stream.after_full)) {
    format3 = same && delta == 0;
  } else {
    format3 = same && delta == stream.delta;
  }
  const int best = format3 ? 3 : same ? 2 : 1;
  // Mostly the shortest, as encoders do; any longer one is legal too.
  return chance(75) ? best : static_cast<int>(random_.below(static_cast<std::uint64_t>(best) + 1));
}

void ChunkTrain::begin(Stream& stream, std::vector<std::uint8_t>& out) {
  TrainMessage next;
  next.chunk_stream = stream.message.chunk_stream;
  next.time = next_time(stream);
  const bool alike = stream.used && chance(55);
  next.type = alike ? stream.message.type : kTypes[random_.below(kTypes.size())];
  next.stream_id = stream.used && chance(97) ? stream.message.stream_id
                                             : static_cast<std::uint32_t>(random_.below(3));
  std::size_t size = random_.below(chance(10) ? 2500 : 260);
  if (alike) size = stream.message.payload.size();
  auto fill = static_cast<std::uint8_t>(random_.next());
  // Payload that begins like an extended timestamp that is not repeated, yet is not equal to one.
  if (!style_.repeats_extended && next.time != 0xFFFFFFFF && chance(40)) {
    fill = static_cast<std::uint8_t>(next.time >> 24);
  }
  next.payload.resize(size, fill);
  ++serial_;
  for (std::size_t i = 0; i < size && i < 4; ++i) {
    next.payload[i] = static_cast<std::uint8_t>(serial_ >> (8 * i));
  }

  const int format = choose_format(stream, next);
  std::uint32_t field = format == 0 ? next.time : next.time - stream.message.time;
  put_id(format, next.chunk_stream, out);
  if (format < 3) {
    stream.field = field;
    stream.delta = field;
    stream.extended = field >= kEscape;
    stream.after_full = format == 0;
    put(out, std::min(field, kEscape), 3);
  }
  if (format < 2) {
    put(out, static_cast<std::uint32_t>(size), 3);
    put(out, next.type, 1);
  }
  if (format == 0) put(out, __builtin_bswap32(next.stream_id), 4);
  if (stream.extended) put(out, stream.field, 4);
  stream.message = std::move(next);
  stream.sent = 0;
  stream.used = stream.open = true;
}

void ChunkTrain::put_payload(Stream& stream, std::vector<std::uint8_t>& out) {
  const auto& payload = stream.message.payload;
  const std::size_t size = std::min<std::size_t>(chunk_size_, payload.size() - stream.sent);
  const auto from = payload.begin() + static_cast<std::ptrdiff_t>(stream.sent);
  out.insert(out.end(), from, from + static_cast<std::ptrdiff_t>(size));
  stream.sent += size;
  stream.open = stream.sent < payload.size();
}

void ChunkTrain::put_id(int format, std::uint32_t id, std::vector<std::uint8_t>& out) {
  const auto top = static_cast<std::uint32_t>(format) << 6;
  const bool three = id >= 64 && (id >= 320 || chance(50));
  if (id < 64) {
    put(out, top | id, 1);
  } else if (!three) {
    put(out, top, 1);
    put(out, id - 64, 1);
  } else {
    put(out, top | 1, 1);
    put(out, (id - 64) & 0xFF, 1);
    put(out, (id - 64) >> 8, 1);
  }
}

void ChunkTrain::set_chunk_size(std::vector<std::uint8_t>& out) {
  chunk_size_ = 128 + static_cast<std::uint32_t>(random_.below(chance(50) ? 64 : 4000));
  put_id(0, 2, out);
  put(out, 0, 3);
  put(out, 4, 3);
  put(out, 1, 1);
  put(out, 0, 4);
  put(out, chunk_size_, 4);
}

}  // namespace weir::test
