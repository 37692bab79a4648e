#include "tests/support/chunk_train.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace weir::test {
namespace {

constexpr std::uint32_t kEscape = 0xFFFFFF;
/// What a receiver with the limits of nginx-rtmp and ours accepts.
constexpr std::size_t kOpenMax = 8;
constexpr std::size_t kIdsMax = 60;
constexpr std::uint32_t kChunkSizeMax = 1024 * 1024;
constexpr std::uint32_t kControlId = 2;
constexpr std::uint8_t kSetChunkSize = 1;
constexpr std::uint8_t kAbort = 2;
constexpr std::uint8_t kUserControl = 4;
/// Media, data and commands of both encodings, shared objects, aggregates, user control, and one
/// that nobody has defined.
constexpr std::array<std::uint8_t, 11> kTypes{8, 9, 8, 9, 15, 17, 18, 20, 22, kUserControl, 0x30};
/// Where timelines start: at zero, and shortly before each border.
constexpr std::array<std::uint32_t, 6> kTimeBases{0,         40,         0xFFFFFF - 2000,
                                                  0x1000000, 0x7FFFFC00, 0xFFFFF800};

void put(std::vector<std::uint8_t>& out, std::uint32_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

}  // namespace

std::string to_text(const TrainStyle& style) {
  return fmt::format(
      "nginx_format3={} repeats_extended={} only_full_headers={} wide_ids={} many_ids={} aborts={} "
      "large={} message_streams={}",
      style.nginx_format3, style.repeats_extended, style.only_full_headers, style.wide_ids,
      style.many_ids, style.aborts, style.large, style.message_streams);
}

ChunkTrain::ChunkTrain(Random& random, const TrainStyle& style)
    : random_(random), style_(style), base_time_(kTimeBases[random.below(kTimeBases.size())]) {
  const std::size_t count =
      style_.many_ids ? 30 + random_.below(kIdsMax - 30) : 2 + random_.below(7);
  for (std::size_t i = 0; i < count; ++i) {
    std::uint32_t id = 2 + static_cast<std::uint32_t>(random_.below(style_.many_ids ? 62 : 27));
    if (style_.wide_ids && chance(60)) {
      id = 64 + static_cast<std::uint32_t>(random_.below(chance(50) ? 256 : 65536));
    }
    if (std::find(ids_.begin(), ids_.end(), id) == ids_.end()) ids_.push_back(id);
  }
}

std::size_t ChunkTrain::open_messages() const {
  return static_cast<std::size_t>(
      std::count_if(streams_.begin(), streams_.end(), [](const auto& s) { return s.second.open; }));
}

ChunkTrain::Step ChunkTrain::step(std::vector<std::uint8_t>& out) {
  const std::size_t open = open_messages();
  // A control message is one more message for its time, and may not come inside another one.
  if (open < kOpenMax && !streams_[kControlId].open) {
    if (style_.aborts && open > 0 && chance(3)) return {.aborted = abort_one(out)};
    if (chance(1)) {
      change_chunk_size(out);
      return {};
    }
  }
  const std::uint32_t id = ids_[random_.below(ids_.size())];
  Stream& stream = streams_[id];
  if (stream.open) {
    put_continuation(stream, out);
    return {};
  }
  if (open >= kOpenMax) {
    finish(out);
    return {};
  }
  stream.message.chunk_stream = id;
  const std::size_t before = out.size();
  const int format = begin(stream, out);
  const std::size_t header_bytes = out.size() - before;
  put_payload(stream, out);
  return {.begun = &stream.message, .format = format, .header_bytes = header_bytes};
}

void ChunkTrain::put_continuation(Stream& stream, std::vector<std::uint8_t>& out) {
  put_id(3, stream.message.chunk_stream, out);
  if (stream.tells_field && style_.repeats_extended) put(out, stream.field, 4);
  put_payload(stream, out);
}

void ChunkTrain::finish(std::vector<std::uint8_t>& out) {
  for (auto& [id, stream] : streams_) {
    while (stream.open) put_continuation(stream, out);
  }
  // Where the field is not repeated, a last chunk that reads like its beginning is known for
  // payload by what follows only.
  put_control(kSetChunkSize, chunk_size_, out);
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
  if (style_.only_full_headers) return 0;
  // As librtmp's pings: nothing to inherit, so message stream 0, and a delta to time 0.
  if (!stream.used) return next.stream_id == 0 && chance(50) ? 1 : 0;
  const TrainMessage& last = stream.message;
  const std::uint32_t delta = next.time - last.time;
  // A delta of more than half the range is a step backwards; only absolute time can say it.
  if (next.stream_id != last.stream_id || delta > 0x7FFFFFFF) return 0;
  const bool same = next.payload.size() == last.payload.size() && next.type == last.type;
  bool format3 = false;
  if (style_.nginx_format3 || (stream.extended && stream.after_full)) {
    format3 = same && delta == 0 && !next.payload.empty();
  } else {
    format3 = same && delta == stream.delta;
  }
  const int best = format3 ? 3 : same ? 2 : 1;
  // Mostly the shortest, as encoders do; any longer one is legal too.
  return chance(75) ? best : static_cast<int>(random_.below(static_cast<std::uint64_t>(best) + 1));
}

std::size_t ChunkTrain::next_size(std::uint8_t type) {
  if (type == kUserControl) return 6 + random_.below(60);
  if (chance(4)) return 0;
  if (chance(4)) return std::min<std::size_t>(chunk_size_ * (1 + random_.below(2)), 3000);
  if (style_.large && chance(1)) return 60'000 + random_.below(120'000);
  return random_.below(chance(10) ? 2500 : 260);
}

TrainMessage ChunkTrain::next_message(const Stream& stream) {
  TrainMessage next;
  next.chunk_stream = stream.message.chunk_stream;
  next.time = next_time(stream);
  const bool alike = stream.used && stream.message.type > kAbort && chance(55);
  next.type = alike ? stream.message.type : kTypes[random_.below(kTypes.size())];
  next.stream_id = stream.used && chance(97)
                       ? stream.message.stream_id
                       : static_cast<std::uint32_t>(random_.below(style_.message_streams));
  const std::size_t size = alike ? stream.message.payload.size() : next_size(next.type);
  auto fill = static_cast<std::uint8_t>(random_.next());
  // Payload that begins like an extended timestamp that is not repeated, yet is not equal to one.
  if (!style_.repeats_extended && chance(40)) fill = static_cast<std::uint8_t>(next.time >> 24);
  if (fill == 0xFF) fill = 0xFE;
  next.payload.resize(size, fill);
  ++serial_;
  for (std::size_t i = 0; i < size && i < 4; ++i) {
    next.payload[i] = static_cast<std::uint8_t>(serial_ >> (8 * i));
  }
  return next;
}

int ChunkTrain::begin(Stream& stream, std::vector<std::uint8_t>& out) {
  TrainMessage next = next_message(stream);
  const int format = choose_format(stream, next);
  const std::uint32_t field = format == 0 ? next.time : next.time - stream.message.time;
  put_id(format, next.chunk_stream, out);
  if (format < 3) {
    stream.field = field;
    stream.delta = field;
    stream.extended = field >= kEscape;
    stream.after_full = format == 0;
    put(out, std::min(field, kEscape), 3);
  }
  stream.tells_field = stream.extended && (format < 3 || !style_.nginx_format3);
  if (format < 2) {
    put(out, static_cast<std::uint32_t>(next.payload.size()), 3);
    put(out, next.type, 1);
  }
  if (format == 0) put(out, __builtin_bswap32(next.stream_id), 4);
  if (stream.tells_field) put(out, stream.field, 4);
  stream.message = std::move(next);
  stream.sent = 0;
  stream.used = stream.open = true;
  return format;
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

void ChunkTrain::put_control(std::uint8_t type, std::uint32_t value,
                             std::vector<std::uint8_t>& out) {
  put_id(0, kControlId, out);
  put(out, 0, 3);
  put(out, 4, 3);
  put(out, type, 1);
  put(out, 0, 4);
  put(out, value, 4);
  Stream& stream = streams_[kControlId];
  stream = Stream{.used = true, .after_full = true};
  stream.message = {.chunk_stream = kControlId, .type = type, .payload = {0, 0, 0, 0}};
}

void ChunkTrain::change_chunk_size(std::vector<std::uint8_t>& out) {
  switch (random_.below(4)) {
    case 0:
      chunk_size_ = 128;
      break;
    case 1:
      chunk_size_ = 128 + static_cast<std::uint32_t>(random_.below(64));
      break;
    case 2:
      chunk_size_ = 128 + static_cast<std::uint32_t>(random_.below(4000));
      break;
    default:
      chunk_size_ = style_.large ? kChunkSizeMax - static_cast<std::uint32_t>(random_.below(2))
                                 : 60'000 + static_cast<std::uint32_t>(random_.below(6000));
      break;
  }
  put_control(kSetChunkSize, chunk_size_, out);
}

std::optional<std::uint32_t> ChunkTrain::abort_one(std::vector<std::uint8_t>& out) {
  std::vector<std::uint32_t> open;
  for (const auto& [id, stream] : streams_) {
    if (stream.open) open.push_back(id);
  }
  const std::uint32_t id = open[random_.below(open.size())];
  put_control(kAbort, id, out);
  streams_[id].open = false;
  return id;
}

}  // namespace weir::test
