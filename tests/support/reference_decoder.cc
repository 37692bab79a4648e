#include "tests/support/reference_decoder.h"

#include <algorithm>
#include <utility>

namespace weir::test {
namespace {

constexpr std::uint8_t kSetChunkSizeType = 1;
constexpr std::uint8_t kAbortType = 2;
constexpr std::uint32_t kEscape = 0xFFFFFF;

std::uint32_t big_endian(const std::vector<std::uint8_t>& payload) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4 && i < payload.size(); ++i) value = value << 8 | payload[i];
  return value;
}

std::uint32_t swapped(std::uint32_t v) {
  return v >> 24 | (v >> 8 & 0xFF00) | (v << 8 & 0xFF0000) | v << 24;
}

class SpecificationDecoder final : public ReferenceDecoder {
 public:
  explicit SpecificationDecoder(std::uint32_t chunk_size) : ReferenceDecoder(chunk_size) {}

  bool idle() const override {
    return !holds_bytes() && std::all_of(streams_.begin(), streams_.end(),
                                         [](const auto& s) { return !s.second.open; });
  }

 private:
  struct Stream {
    ReferenceMessage message;  // its payload stands in payloads_, lest each chunk copies it
    std::uint32_t delta = 0;
    std::uint32_t length = 0;
    bool extended = false;
    bool open = false;
    bool seen = false;
  };

  bool read_chunk(Cursor& in) override {
    const auto first = static_cast<std::uint8_t>(in.read(1));
    const std::uint32_t id = in.chunk_stream(first);
    const int format = first >> 6;
    Stream next = streams_[id];  // committed when the chunk is complete
    if (in.short_of) return false;
    if (format > 1 && !next.seen) return fail("format 2 or 3 on a fresh chunk stream"), false;
    if (format < 3 && next.open) return fail("header inside a message"), false;
    std::uint32_t field = 0;
    if (format < 3) {
      field = in.read(3);
      next.extended = field == kEscape;
    }
    if (format < 2) {
      next.length = in.read(3);
      next.message.type = static_cast<std::uint8_t>(in.read(1));
    }
    if (format == 0) next.message.stream_id = swapped(in.read(4));
    if (next.extended) field = in.read(4);
    if (format < 3) next.delta = field;
    if (format == 0) next.message.time = 0;
    if (!next.open) next.message.time += next.delta;
    next.open = next.seen = true;
    auto& payload = payloads_[id];
    const std::size_t want = std::min<std::size_t>(chunk_size_, next.length - payload.size());
    if (in.short_of || in.bytes.size() - in.at < want) return false;
    const auto part = in.bytes.subspan(in.at, want);
    in.at += want;
    payload.insert(payload.end(), part.begin(), part.end());
    if (payload.size() == next.length) finish(next, std::exchange(payload, {}));
    streams_[id] = std::move(next);
    return true;
  }

  void finish(Stream& next, std::vector<std::uint8_t> payload) {
    next.open = false;
    if (next.message.type == kAbortType) {
      const std::uint32_t aborted = big_endian(payload);
      streams_[aborted].open = false;
      payloads_[aborted].clear();
      return;
    }
    ReferenceMessage message = next.message;
    message.payload = std::move(payload);
    deliver(std::move(message));
  }

  std::map<std::uint32_t, Stream> streams_;
  std::map<std::uint32_t, std::vector<std::uint8_t>> payloads_;  // of open messages
};

class SrsDecoder final : public ReferenceDecoder {
 public:
  explicit SrsDecoder(std::uint32_t chunk_size) : ReferenceDecoder(chunk_size) {}

  std::uint32_t time_mask() const override { return 0x7FFFFFFF; }
  bool idle() const override {
    return !holds_bytes() && std::all_of(chunks_.begin(), chunks_.end(),
                                         [](const auto& c) { return !c.second.has_message; });
  }

 private:
  struct Chunk {
    std::uint64_t timestamp = 0;
    std::uint32_t timestamp_delta = 0;
    std::uint32_t payload_length = 0;
    std::uint8_t message_type = 0;
    std::uint32_t stream_id = 0;
    bool extended_timestamp = false;
    bool has_message = false;
    std::uint64_t count = 0;
  };

  bool read_chunk(Cursor& in) override {
    const auto first = static_cast<std::uint8_t>(in.read(1));
    const std::uint32_t cid = in.chunk_stream(first);
    if (in.short_of) return false;
    const int fmt = first >> 6;
    Chunk c = chunks_[cid];
    const bool is_first = !c.has_message;
    if (c.count == 0 && fmt != 0 && fmt != 1) return fail("fresh chunk must be fmt 0 or 1"), false;
    if (!is_first && fmt == 0) return fail("fmt 0 in a message"), false;
    if (fmt <= 2) {
      c.timestamp_delta = in.read(3);
      c.extended_timestamp = c.timestamp_delta >= kEscape;
      if (!c.extended_timestamp) {
        c.timestamp = fmt == 0 ? c.timestamp_delta : c.timestamp + c.timestamp_delta;
      }
      if (fmt <= 1) {
        const std::uint32_t length = in.read(3);
        if (!is_first && length != c.payload_length) return fail("length changed"), false;
        c.payload_length = length;
        c.message_type = static_cast<std::uint8_t>(in.read(1));
      }
      if (fmt == 0) c.stream_id = swapped(in.read(4));
    } else if (is_first && !c.extended_timestamp) {
      c.timestamp += c.timestamp_delta;
    }
    if (c.extended_timestamp) {
      const std::uint32_t stamp = in.read(4) & 0x7FFFFFFF;
      const auto known = static_cast<std::uint32_t>(c.timestamp);
      if (!is_first && known > 0 && known != stamp) {
        in.at -= 4;
      } else {
        c.timestamp = stamp;
      }
    }
    c.timestamp &= 0x7FFFFFFF;
    c.has_message = true;
    ++c.count;
    auto& payload = payloads_[cid];
    const std::size_t want = std::min<std::size_t>(chunk_size_, c.payload_length - payload.size());
    if (in.short_of || in.bytes.size() - in.at < want) return false;
    const auto part = in.bytes.subspan(in.at, want);
    in.at += want;
    payload.insert(payload.end(), part.begin(), part.end());
    if (payload.size() == c.payload_length) {
      deliver({c.message_type, static_cast<std::uint32_t>(c.timestamp), c.stream_id,
               std::exchange(payload, {})});
      c.has_message = false;
    }
    chunks_[cid] = c;
    return true;
  }

  std::map<std::uint32_t, Chunk> chunks_;
  std::map<std::uint32_t, std::vector<std::uint8_t>> payloads_;  // of open messages
};

class NginxRtmpDecoder final : public ReferenceDecoder {
 public:
  explicit NginxRtmpDecoder(std::uint32_t chunk_size) : ReferenceDecoder(chunk_size) {}

  bool idle() const override {
    return !holds_bytes() && std::all_of(payloads_.begin(), payloads_.end(),
                                         [](const auto& p) { return p.second.empty(); });
  }

 private:
  struct Stream {
    std::uint32_t timestamp = 0;
    std::uint32_t dtime = 0;
    std::uint32_t mlen = 0;
    std::uint32_t msid = 0;
    std::uint8_t type = 0;
    bool ext = false;
  };

  bool read_chunk(Cursor& in) override {
    const auto first = static_cast<std::uint8_t>(in.read(1));
    const std::uint32_t csid = in.chunk_stream(first);
    if (in.short_of) return false;
    const int fmt = first >> 6;
    Stream st = streams_[csid];
    auto& held = payloads_[csid];
    bool ext = st.ext;
    std::uint32_t stamp = st.dtime;
    if (fmt <= 2) {
      stamp = in.read(3);
      ext = stamp == kEscape;
      if (fmt <= 1) {
        st.mlen = in.read(3);
        st.type = static_cast<std::uint8_t>(in.read(1));
        if (fmt == 0) st.msid = swapped(in.read(4));
      }
    }
    if (ext) stamp = in.read(4);
    if (held.empty()) {
      st.ext = ext;
      if (fmt == 0) {
        st.timestamp = stamp;
        st.dtime = 0;
      } else {
        st.dtime = stamp;
      }
    }
    if (in.short_of || held.size() > st.mlen) return false;
    const std::size_t want = std::min<std::size_t>(chunk_size_, st.mlen - held.size());
    if (in.bytes.size() - in.at < want) return false;
    const auto part = in.bytes.subspan(in.at, want);
    in.at += want;
    held.insert(held.end(), part.begin(), part.end());
    if (held.size() == st.mlen) {
      st.timestamp += st.dtime;
      deliver({st.type, st.timestamp, st.msid, std::exchange(held, {})});
    }
    streams_[csid] = st;
    return true;
  }

  std::map<std::uint32_t, Stream> streams_;
  std::map<std::uint32_t, std::vector<std::uint8_t>> payloads_;  // of open messages
};

}  // namespace

std::uint32_t ReferenceDecoder::Cursor::read(int count) {
  std::uint32_t value = 0;
  for (int i = 0; i < count; ++i) {
    if (at == bytes.size()) {
      short_of = true;
      return 0;
    }
    value = value << 8 | bytes[at++];
  }
  return value;
}

std::uint32_t ReferenceDecoder::Cursor::chunk_stream(std::uint8_t first) {
  const std::uint32_t id = first & 0x3F;
  if (id == 0) return 64 + read(1);
  if (id > 1) return id;
  const std::uint32_t low = read(1);
  return 64 + low + 256 * read(1);
}

void ReferenceDecoder::feed(std::span<const std::uint8_t> bytes) {
  held_.insert(held_.end(), bytes.begin(), bytes.end());
  std::size_t used = 0;
  while (failure_.empty() && used < held_.size()) {
    Cursor in{std::span<const std::uint8_t>(held_).subspan(used)};
    if (!read_chunk(in)) break;
    used += in.at;
  }
  held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(used));
}

std::vector<ReferenceMessage> ReferenceDecoder::take() {
  return std::exchange(complete_, {});
}

void ReferenceDecoder::deliver(ReferenceMessage message) {
  if (message.type == kSetChunkSizeType) {
    chunk_size_ = big_endian(message.payload);
  } else {
    complete_.push_back(std::move(message));
  }
}

std::unique_ptr<ReferenceDecoder> make_specification_decoder(std::uint32_t chunk_size) {
  return std::make_unique<SpecificationDecoder>(chunk_size);
}

std::unique_ptr<ReferenceDecoder> make_srs_decoder(std::uint32_t chunk_size) {
  return std::make_unique<SrsDecoder>(chunk_size);
}

std::unique_ptr<ReferenceDecoder> make_nginx_rtmp_decoder(std::uint32_t chunk_size) {
  return std::make_unique<NginxRtmpDecoder>(chunk_size);
}

}  // namespace weir::test
