#include "dataplane/protocol/rtmp/chunk_decoder.h"

#include <algorithm>
#include <cstring>

#include "common/bytes/byte_reader.h"

namespace weir::rtmp {
namespace {

constexpr std::size_t kExtendedBytes = 4;

std::uint32_t length_max(MessageType type) {
  if (is_media(type)) return kMediaBytesMax;
  return is_protocol_control(type) ? kControlBytesMax : kCommandBytesMax;
}

}  // namespace

const char* to_text(ChunkError error) {
  switch (error) {
    case ChunkError::kNone:
      return "no error";
    case ChunkError::kChunkSize:
      return "chunk size outside 128 bytes to 1 MiB";
    case ChunkError::kTooManyStreams:
      return "too many chunk streams";
    case ChunkError::kTooManyPartial:
      return "too many unfinished messages";
    case ChunkError::kMessageTooLong:
      return "message too long for its type";
    case ChunkError::kHeaderInMessage:
      return "message header inside an unfinished message";
    case ChunkError::kFirstHeader:
      return "chunk stream begins without a length";
    case ChunkError::kCollectedTooLong:
      return "unfinished messages too long in all";
  }
  return "unknown chunk error";
}

/// A chunk header as text; `size` 0: more bytes are needed.
struct ChunkDecoder::Parsed {
  std::size_t size = 0;
  ChunkFormat format = ChunkFormat::kNone;
  std::uint32_t id = 0;
  int slot = -1;
  std::uint32_t field = 0;
  std::uint32_t length = 0;
  std::uint32_t stream_id = 0;
  MessageType type = MessageType::kSetChunkSize;
  bool extended = false;
};

ChunkEvent ChunkDecoder::next(Bytes& input) {
  aborted_slot_ = -1;
  switch (state_) {
    case State::kHeader:
      return read_header(input);
    case State::kPayload:
      return read_payload(input);
    case State::kFailed:
      break;
  }
  return {.kind = ChunkEvent::Kind::kError};
}

ChunkEvent ChunkDecoder::fail(ChunkError error) {
  error_ = error;
  state_ = State::kFailed;
  return {.kind = ChunkEvent::Kind::kError};
}

ChunkEvent ChunkDecoder::read_header(Bytes& input) {
  if (stuck_ > 0) {
    std::memmove(carry_.data(), carry_.data() + stuck_at_, stuck_);
    carry_size_ = stuck_;
    stuck_ = 0;
  }
  if (carry_size_ == 0) {
    if (continues(input)) {
      const Bytes header = input.first(1);
      input = input.subspan(1);
      chunk_left_ = std::min(chunk_size_, streams_[current_].left);
      state_ = State::kPayload;
      return {.kind = ChunkEvent::Kind::kHeader, .slot = current_, .bytes = header};
    }
    const Parsed parsed = parse(input);
    if (parsed.size > 0) {
      const Bytes header = input.first(parsed.size);
      input = input.subspan(parsed.size);
      return accept(parsed, header, true);
    }
    std::copy(input.begin(), input.end(), carry_.begin());
    carry_size_ = static_cast<std::uint8_t>(input.size());
    input = input.last(0);
    return {};
  }

  Parsed parsed = parse(Bytes(carry_).first(carry_size_));
  std::size_t taken = 0;
  while (parsed.size == 0 && taken < input.size()) {
    carry_[carry_size_++] = input[taken++];
    parsed = parse(Bytes(carry_).first(carry_size_));
  }
  if (parsed.size == 0) {
    input = input.subspan(taken);
    return {};
  }
  // Bytes behind the header looked like the start of a repeated extended timestamp until one
  // differed. Those of this input are given back; those of an earlier one stay here (stuck_).
  const std::size_t extra = carry_size_ - parsed.size;
  const std::size_t given_back = std::min(extra, taken);
  input = input.subspan(taken - given_back);
  stuck_ = static_cast<std::uint8_t>(extra - given_back);
  stuck_at_ = static_cast<std::uint8_t>(parsed.size);
  carry_size_ = 0;
  return accept(parsed, Bytes(carry_).first(parsed.size), false);
}

/// The next chunk continues the message of the last one and has a header of one byte: nearly every
/// chunk of a sender with small chunks.
bool ChunkDecoder::continues(Bytes input) const {
  if (input.empty() || streams_.empty()) return false;
  const ChunkStream& last = streams_[current_];
  constexpr std::uint32_t kFormat3 = 0xC0;
  return last.id < slot_of_.size() && input[0] == (kFormat3 | last.id) && last.in_message() &&
         !last.extended;
}

ChunkDecoder::Parsed ChunkDecoder::parse(Bytes bytes) const {
  Parsed parsed;
  if (bytes.empty()) return parsed;
  const std::size_t basic = basic_header_bytes(bytes[0]);
  parsed.format = chunk_format(bytes[0]);
  std::size_t size = basic + message_header_bytes(parsed.format);
  if (bytes.size() < size) return parsed;
  parsed.id = chunk_stream_of(bytes.data());
  parsed.slot = find_slot(parsed.id);

  ByteReader in(bytes.subspan(basic));
  if (parsed.format != ChunkFormat::kNone) {
    parsed.field = in.u24();
    if (parsed.format != ChunkFormat::kDeltaOnly) {
      parsed.length = in.u24();
      parsed.type = static_cast<MessageType>(in.u8());
    }
    if (parsed.format == ChunkFormat::kFull) parsed.stream_id = in.u32_le();
    parsed.extended = parsed.field == kTimestampEscape;
  } else if (parsed.slot >= 0 && streams_[static_cast<std::size_t>(parsed.slot)].extended) {
    const ChunkStream& stream = streams_[static_cast<std::size_t>(parsed.slot)];
    parsed.extended = true;
    // Some senders do not repeat it in continuations, and nginx-rtmp not in a message of the same
    // time. As SRS does, it is taken there only if equal; the first byte that differs decides, so
    // that the end of a message never waits for the next.
    const bool optional = stream.in_message() || dialect_ == Dialect::kNginxRtmp;
    for (std::size_t i = 0; optional && i < kExtendedBytes && size + i < bytes.size(); ++i) {
      if (bytes[size + i] != static_cast<std::uint8_t>(stream.field >> (24 - 8 * i))) {
        parsed.extended = false;
        break;
      }
    }
  }
  if (parsed.extended) {
    size += kExtendedBytes;
    if (bytes.size() < size) return parsed;
    parsed.field = in.u32();
  }
  parsed.size = size;
  return parsed;
}

ChunkEvent ChunkDecoder::accept(const Parsed& parsed, Bytes header, bool in_input) {
  int slot = parsed.slot;
  if (slot < 0) {
    // A fresh chunk stream may begin with format 1: librtmp's pings do (message stream 0 is meant).
    if (parsed.format > ChunkFormat::kSameStream) return fail(ChunkError::kFirstHeader);
    slot = make_slot(parsed.id);
    if (slot < 0) return fail(ChunkError::kTooManyStreams);
  }
  ChunkStream& stream = streams_[static_cast<std::size_t>(slot)];
  const bool begins = !stream.in_message();
  if (begins) {
    const ChunkError error = begin_message(stream, parsed);
    if (error != ChunkError::kNone) return fail(error);
  } else if (parsed.format != ChunkFormat::kNone) {
    return fail(ChunkError::kHeaderInMessage);
  }
  current_ = static_cast<std::uint8_t>(slot);
  chunk_left_ = std::min(chunk_size_, stream.left);
  state_ = State::kPayload;
  return {.kind = ChunkEvent::Kind::kHeader,
          .format = parsed.format,
          .begins_message = begins,
          .repeats_extended = parsed.extended,
          .in_input = in_input,
          .slot = current_,
          .bytes = header};
}

ChunkError ChunkDecoder::begin_message(ChunkStream& stream, const Parsed& parsed) {
  switch (parsed.format) {
    case ChunkFormat::kFull:
      stream.timestamp = parsed.field;
      stream.stream_id = parsed.stream_id;
      break;
    case ChunkFormat::kSameStream:
    case ChunkFormat::kDeltaOnly:
      stream.timestamp += parsed.field;
      break;
    case ChunkFormat::kNone:
      if (dialect_ == Dialect::kNginxRtmp) break;
      // Directly behind an extended format 0 the repeated field is the time itself, as SRS reads
      // it; "the timestamp again as delta" would jump by more than four hours.
      if (stream.extended && stream.after_full) {
        stream.timestamp = parsed.field;
      } else {
        stream.timestamp += stream.extended ? parsed.field : stream.delta;
      }
      break;
  }
  if (parsed.format != ChunkFormat::kNone) {
    stream.field = parsed.field;
    stream.delta = dialect_ == Dialect::kNginxRtmp ? 0 : parsed.field;
    stream.extended = parsed.extended;
    stream.after_full = parsed.format == ChunkFormat::kFull;
    if (parsed.format != ChunkFormat::kDeltaOnly) {
      stream.length = parsed.length;
      stream.type = parsed.type;
    }
  }
  if (stream.length > length_max(stream.type)) return ChunkError::kMessageTooLong;
  stream.left = stream.length;
  stream.first_size = 0;
  if (stream.length > 0 && ++partial_ > kPartialMessagesMax) return ChunkError::kTooManyPartial;
  return ChunkError::kNone;
}

Bytes ChunkDecoder::next_payload(Bytes input) const {
  const Bytes from = stuck_ > 0 ? Bytes(carry_).subspan(stuck_at_, stuck_) : input;
  return from.first(std::min<std::size_t>(from.size(), chunk_left_));
}

ChunkEvent ChunkDecoder::read_payload(Bytes& input) {
  ChunkStream& stream = streams_[current_];
  const Bytes bytes = next_payload(input);
  if (bytes.empty() && chunk_left_ > 0) return {};
  const bool in_input = stuck_ == 0;
  const auto size = static_cast<std::uint32_t>(bytes.size());
  if (in_input) {
    input = input.subspan(size);
  } else {
    stuck_ = static_cast<std::uint8_t>(stuck_ - size);
    stuck_at_ = static_cast<std::uint8_t>(stuck_at_ + size);
  }
  if (stream.first_size < kFirstBytes) {
    const std::size_t kept = std::min<std::size_t>(size, kFirstBytes - stream.first_size);
    std::copy_n(bytes.begin(), kept, stream.first.begin() + stream.first_size);
    stream.first_size = static_cast<std::uint8_t>(stream.first_size + kept);
  }
  stream.left -= size;
  chunk_left_ -= size;
  const bool ends_chunk = chunk_left_ == 0;
  if (ends_chunk) state_ = State::kHeader;
  if (stream.left == 0) {
    if (stream.length > 0) --partial_;
    const ChunkError error = end_message(stream);
    if (error != ChunkError::kNone) return fail(error);
  }
  return {.kind = ChunkEvent::Kind::kPayload,
          .ends_chunk = ends_chunk,
          .ends_message = stream.left == 0,
          .in_input = in_input,
          .slot = current_,
          .bytes = bytes};
}

ChunkError ChunkDecoder::end_message(ChunkStream& stream) {
  if (stream.type == MessageType::kSetChunkSize) {
    const auto size = parse_control_value(stream.first_bytes());
    if (!size || *size < kChunkSizeMin || *size > kChunkSizeMax) return ChunkError::kChunkSize;
    chunk_size_ = *size;
  } else if (stream.type == MessageType::kAbort) {
    const auto id = parse_control_value(stream.first_bytes());
    const int slot = id ? find_slot(*id) : -1;
    if (slot >= 0 && streams_[static_cast<std::size_t>(slot)].in_message()) {
      streams_[static_cast<std::size_t>(slot)].left = 0;
      --partial_;
      aborted_slot_ = static_cast<std::int8_t>(slot);
    }
  }
  return ChunkError::kNone;
}

int ChunkDecoder::find_slot(std::uint32_t id) const {
  if (id < slot_of_.size()) return slot_of_[id] - 1;
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    if (streams_[i].id == id) return static_cast<int>(i);
  }
  return -1;
}

int ChunkDecoder::make_slot(std::uint32_t id) {
  if (streams_.size() == kChunkStreamsMax) return -1;
  // One at a time: a publisher uses four in all, and doubling would hold eight.
  streams_.reserve(streams_.size() + 1);
  streams_.push_back(ChunkStream{.id = id});
  const auto slot = static_cast<int>(streams_.size() - 1);
  if (id < slot_of_.size()) slot_of_[id] = static_cast<std::uint8_t>(slot + 1);
  return slot;
}

}  // namespace weir::rtmp
