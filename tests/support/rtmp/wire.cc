#include "tests/support/rtmp/wire.h"

#include <algorithm>
#include <utility>

namespace weir::tests {
namespace {

constexpr std::uint32_t kEscape = 0xFFFFFF;
constexpr std::size_t kCompactAt = 1024 * 1024;

void put(std::uint64_t value, int bytes, std::vector<std::uint8_t>& out) {
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

void put_id(int format, int id_bytes, std::uint32_t id, std::vector<std::uint8_t>& out) {
  if (id_bytes == 0) id_bytes = id < 64 ? 1 : id < 320 ? 2 : 3;
  const int top = format << 6;
  if (id_bytes == 1) {
    out.push_back(static_cast<std::uint8_t>(top | static_cast<int>(id & 0x3F)));
  } else if (id_bytes == 2) {
    out.push_back(static_cast<std::uint8_t>(top));
    put(id - 64, 1, out);
  } else {
    out.push_back(static_cast<std::uint8_t>(top | 1));
    put((id - 64) & 0xFF, 1, out);
    put((id - 64) >> 8, 1, out);
  }
}

}  // namespace

void ChunkEncoder::header(int format, int id_bytes, std::uint32_t field, const WireMessage& message,
                          std::uint32_t length, std::vector<std::uint8_t>& out) {
  put_id(format, id_bytes, message.chunk_stream, out);
  if (format < 3) put(std::min(field, kEscape), 3, out);
  if (format < 2) {
    put(length, 3, out);
    out.push_back(message.type);
  }
  // The stream id is the one little-endian field of RTMP.
  for (int shift = 0; format == 0 && shift < 32; shift += 8)
    out.push_back(static_cast<std::uint8_t>(message.stream_id >> shift));
  if (format < 3 && field >= kEscape) put(field, 4, out);
}

void ChunkEncoder::begin(WireMessage message, const ChunkStyle& style,
                         std::vector<std::uint8_t>& out) {
  Stream& stream = streams_[message.chunk_stream];
  std::uint32_t field = message.time;
  if (style.format > 0 && !style.absolute_extended) field -= stream.time;
  if (style.format > 0 && style.absolute_extended && message.time - stream.time < kEscape)
    field = message.time - stream.time;
  field = style.field.value_or(field);
  if (style.format < 3) stream.field = field;
  stream.time = message.time;
  stream.message = std::move(message);
  stream.style = style;
  stream.sent = 0;
  const auto length =
      style.length.value_or(static_cast<std::uint32_t>(stream.message.payload.size()));
  header(style.format, style.id_bytes, stream.field, stream.message, length, out);
  if (style.format == 3 && stream.field >= kEscape && style.repeat_extended)
    put(stream.field, 4, out);
  const std::size_t first = std::min<std::size_t>(chunk_size_, stream.message.payload.size());
  out.insert(out.end(), stream.message.payload.begin(),
             stream.message.payload.begin() + static_cast<std::ptrdiff_t>(first));
  stream.sent = first;
  pieces(stream, style.chunks - 1, out);
}

void ChunkEncoder::more(std::uint32_t chunk_stream, std::size_t chunks,
                        std::vector<std::uint8_t>& out) {
  pieces(streams_[chunk_stream], chunks, out);
}

void ChunkEncoder::abort(std::uint32_t chunk_stream) {
  Stream& stream = streams_[chunk_stream];
  stream.sent = stream.message.payload.size();
}

void ChunkEncoder::pieces(Stream& stream, std::size_t chunks, std::vector<std::uint8_t>& out) {
  const auto& payload = stream.message.payload;
  for (; chunks > 0 && stream.sent < payload.size(); --chunks) {
    put_id(3, stream.style.id_bytes, stream.message.chunk_stream, out);
    if (stream.field >= kEscape && stream.style.repeat_extended) put(stream.field, 4, out);
    const std::size_t count = std::min<std::size_t>(chunk_size_, payload.size() - stream.sent);
    const auto from = payload.begin() + static_cast<std::ptrdiff_t>(stream.sent);
    out.insert(out.end(), from, from + static_cast<std::ptrdiff_t>(count));
    stream.sent += count;
  }
}

void ChunkRecorder::feed(std::span<const std::uint8_t> bytes) {
  if (at_ > kCompactAt || at_ == held_.size()) {
    held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(at_));
    at_ = 0;
  }
  held_.insert(held_.end(), bytes.begin(), bytes.end());
}

std::optional<RecordedMessage> ChunkRecorder::next() {
  std::optional<RecordedMessage> done;
  while (!done && failure_.empty() && read_chunk(done)) {
  }
  return done;
}

std::uint32_t ChunkRecorder::big_endian(std::size_t at, int bytes) const {
  std::uint32_t value = 0;
  for (int i = 0; i < bytes; ++i) value = value << 8 | held_[at + static_cast<std::size_t>(i)];
  return value;
}

/// False: the header is not complete, or cannot be.
bool ChunkRecorder::read_header(Stream& stream, int format, std::size_t& at) {
  static constexpr std::size_t kHeaderBytes[] = {11, 7, 3, 0};
  const std::size_t bytes = kHeaderBytes[format];
  if (held_.size() - at < bytes) return false;
  if (format > 1 && !stream.seen) return failure_ = "format 2 or 3 on a fresh chunk stream", false;
  if (format < 3 && stream.open) return failure_ = "a header inside a message", false;
  if (format < 3) stream.field = big_endian(at, 3);
  if (format < 2) {
    stream.length = big_endian(at + 3, 3);
    stream.current.message.type = held_[at + 6];
  }
  if (format == 0) {
    stream.current.message.stream_id = 0;
    for (std::size_t i = 4; i-- > 0;)
      stream.current.message.stream_id = stream.current.message.stream_id << 8 | held_[at + 7 + i];
  }
  at += bytes;
  if (format < 3) {
    stream.extended = stream.field == kEscape;
    if (stream.extended) {
      if (held_.size() - at < 4) return false;
      stream.field = big_endian(at, 4);
      at += 4;
    }
  } else if (stream.extended) {
    // Some repeat it and some do not: taken when it is the same.
    if (held_.size() - at < 4) return false;
    if (big_endian(at, 4) == stream.field) at += 4;
  }
  if (stream.open) return true;
  if (format == 0) stream.time = 0;
  if (format < 3) stream.delta = stream.field;
  stream.time += format == 3 && nginx_format3_ ? 0 : stream.delta;
  stream.current.format = format;
  return true;
}

bool ChunkRecorder::read_chunk(std::optional<RecordedMessage>& done) {
  std::size_t at = at_;
  if (at >= held_.size()) return false;
  const std::uint8_t first = held_[at++];
  std::uint32_t id = first & 0x3F;
  if (id < 2) {
    const std::size_t more = id + 1;
    if (held_.size() - at < more) return false;
    id = 64 + held_[at] + (more == 2 ? held_[at + 1] * 256U : 0U);
    at += more;
  }
  Stream stream = streams_[id];  // committed when the chunk is complete
  if (!read_header(stream, first >> 6, at)) return false;
  auto& payload = payloads_[id];
  const std::size_t want = std::min<std::size_t>(chunk_size_, stream.length - payload.size());
  if (held_.size() - at < want) return false;
  payload.insert(payload.end(), held_.begin() + static_cast<std::ptrdiff_t>(at),
                 held_.begin() + static_cast<std::ptrdiff_t>(at + want));
  at_ = at + want;
  stream.seen = stream.open = true;
  ++stream.current.chunks;
  if (payload.size() == stream.length) {
    stream.open = false;
    done = stream.current;
    done->message.time = stream.time;
    done->message.chunk_stream = id;
    done->message.payload = std::exchange(payload, {});
    stream.current.chunks = 0;
  }
  streams_[id] = std::move(stream);
  if (done) control(done->message);
  return true;
}

void ChunkRecorder::control(const WireMessage& message) {
  if (message.type > 2 || message.payload.size() < 4) return;
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | message.payload[i];
  if (message.type == 1) {
    chunk_size_ = value;
    if (value == 0) failure_ = "chunk size 0";
  } else if (message.type == 2) {
    Stream& stream = streams_[value];
    stream.open = false;
    stream.current.chunks = 0;
    payloads_[value].clear();
  }
}

std::size_t ChunkRecorder::unfinished() const {
  const auto open = std::ranges::count_if(streams_, [](const auto& s) { return s.second.open; });
  return static_cast<std::size_t>(open) + (held_.size() - at_);
}

}  // namespace weir::tests
