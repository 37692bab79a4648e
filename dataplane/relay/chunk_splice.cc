#include "dataplane/relay/chunk_splice.h"

#include <algorithm>
#include <utility>

#include "common/base/contract.h"
#include "dataplane/protocol/rtmp/chunk_header.h"
#include "dataplane/protocol/rtmp/chunk_writer.h"

namespace weir::relay {

using rtmp::Bytes;
using rtmp::ChunkEvent;
using rtmp::ChunkFormat;
using rtmp::EncodedChunkHeader;
using rtmp::MessageHeader;
using rtmp::MessageType;

/// Joins neighbouring views of the input into one send.
class ChunkSplice::Run {
 public:
  explicit Run(SpliceHandler& handler) : handler_(handler) {}

  SpliceHandler& handler() { return handler_; }

  /// Bytes of the source, unchanged. Those that lie in the decoder (headers across inputs) are
  /// copied.
  void relay(const ChunkEvent& event) {
    if (!event.in_input) {
      copy(event.bytes);
    } else if (!bytes_.empty() && bytes_.data() + bytes_.size() == event.bytes.data()) {
      bytes_ = Bytes(bytes_.data(), bytes_.size() + event.bytes.size());
    } else {
      flush();
      bytes_ = event.bytes;
    }
  }

  void copy(Bytes bytes) {
    flush();
    if (!bytes.empty()) handler_.send_copy(bytes);
  }

  void flush() {
    if (!bytes_.empty()) handler_.send_view(bytes_);
    bytes_ = {};
  }

 private:
  SpliceHandler& handler_;
  Bytes bytes_;
};

ChunkSplice::ChunkSplice(rtmp::MessageAssembler&& source, const SpliceOutput& output)
    : output_(output) {
  auto parts = std::move(source).release();
  decoder_ = std::move(parts.decoder);
  collector_ = std::move(parts.collector);
  error_ = decoder_.error();
  receivers_.resize(decoder_.stream_count());
  for (std::size_t i = 0; i < receivers_.size(); ++i) {
    const auto slot = static_cast<std::uint8_t>(i);
    const rtmp::ChunkStream& stream = decoder_.stream(slot);
    if (!stream.in_message()) continue;
    const bool control =
        stream.type == MessageType::kSetChunkSize || stream.type == MessageType::kAbort;
    if (control) collector_.forget(slot);
    receivers_[i].fate = control ? Fate::kControl : Fate::kResume;
  }
}

void ChunkSplice::set_output(const SpliceOutput& output) {
  WEIR_ASSERT(run_ == nullptr);
  output_ = output;
  for (Receiver& receiver : receivers_) {
    const Fate fate = receiver.fate == Fate::kPass ? Fate::kDrop : receiver.fate;
    receiver = Receiver{.fate = fate};
  }
  passing_ = 0;
  inside_relayed_chunk_ = false;
}

bool ChunkSplice::feed(Bytes input, SpliceHandler& handler) {
  counters_.bytes_in += input.size();
  Run run(handler);
  run_ = &run;
  if (!pending_.empty()) flush_pending(run);
  while (error_ == rtmp::ChunkError::kNone) {
    const ChunkEvent event = decoder_.next(input);
    if (event.kind == ChunkEvent::Kind::kPayload) {
      on_payload(event, run);
    } else if (event.kind == ChunkEvent::Kind::kHeader) {
      on_header(event, run);
    } else if (event.kind == ChunkEvent::Kind::kNeedMore) {
      break;
    } else {
      error_ = decoder_.error();
    }
  }
  run.flush();
  run_ = nullptr;
  return error_ == rtmp::ChunkError::kNone;
}

void ChunkSplice::on_header(const ChunkEvent& event, Run& run) {
  if (event.slot >= receivers_.size()) {
    receivers_.reserve(receivers_.size() + 1);
    receivers_.push_back({});
  }
  Receiver& receiver = receivers_[event.slot];
  if (event.begins_message) {
    begin_message(event, run);
  } else if (receiver.fate == Fate::kPass) {
    pass_continuation(event, receiver, run);
  }
  inside_relayed_chunk_ = receiver.fate == Fate::kPass;
}

void ChunkSplice::begin_message(const ChunkEvent& event, Run& run) {
  Receiver& receiver = receivers_[event.slot];
  const MessageHeader header = decoder_.stream(event.slot).header();
  if (header.type == MessageType::kSetChunkSize || header.type == MessageType::kAbort) {
    receiver.fate = Fate::kControl;
    return;
  }
  switch (run.handler().on_message(header)) {
    case SpliceAction::kPass:
      announce_chunk_size(run);
      receiver.fate = Fate::kPass;
      ++passing_;
      pass_header(event, receiver, run);
      break;
    case SpliceAction::kDrop:
      receiver.fate = Fate::kDrop;
      break;
    case SpliceAction::kCollect:
      receiver.fate = Fate::kCollect;
      break;
  }
}

MessageHeader ChunkSplice::translate(const MessageHeader& header) const {
  MessageHeader meant = header;
  meant.timestamp += output_.time_offset;
  if (meant.stream_id == output_.stream_id_from) meant.stream_id = output_.stream_id_to;
  return meant;
}

bool ChunkSplice::passes_verbatim(const ChunkEvent& event, const Receiver& receiver,
                                  const MessageHeader& meant) const {
  const rtmp::ChunkStream& stream = decoder_.stream(event.slot);
  if (event.format == ChunkFormat::kFull) {
    return stream.timestamp == meant.timestamp && stream.stream_id == meant.stream_id;
  }
  const std::uint32_t delta = meant.timestamp - receiver.timestamp;
  if (!receiver.known || receiver.stream_id != meant.stream_id || event.repeats_extended) {
    return false;
  }
  const bool same_kind = receiver.length == meant.length && receiver.type == meant.type;
  switch (event.format) {
    case ChunkFormat::kSameStream:
      return stream.field == delta;
    case ChunkFormat::kDeltaOnly:
      return stream.field == delta && same_kind;
    default:
      return same_kind && receiver.delta_known && receiver.delta == delta;
  }
}

void ChunkSplice::pass_header(const ChunkEvent& event, Receiver& receiver, Run& run) {
  const rtmp::ChunkStream& stream = decoder_.stream(event.slot);
  const MessageHeader meant = translate(stream.header());
  const std::uint32_t delta = meant.timestamp - receiver.timestamp;

  ChunkFormat format = event.format;
  if (passes_verbatim(event, receiver, meant)) {
    run.relay(event);
  } else {
    ++counters_.rewritten;
    // Semi: all the receiver lacks is the delta. Dirty: everything.
    const bool semi = event.format == ChunkFormat::kNone && receiver.known &&
                      receiver.length == meant.length && receiver.type == meant.type &&
                      receiver.stream_id == meant.stream_id && delta < rtmp::kTimestampEscape;
    format = semi ? ChunkFormat::kDeltaOnly : ChunkFormat::kFull;
    run.copy(EncodedChunkHeader::begin(format, meant, semi ? delta : meant.timestamp).bytes());
  }

  if (format == ChunkFormat::kFull) {
    receiver.field = meant.timestamp;
    // What a format 3 message would add now is where dialects differ.
    receiver.delta_known = false;
  } else if (format != ChunkFormat::kNone) {
    receiver.field = delta;
    receiver.delta = delta;
    receiver.delta_known = true;
  }
  receiver.extended = receiver.field >= rtmp::kTimestampEscape;
  receiver.known = true;
  receiver.timestamp = meant.timestamp;
  receiver.length = meant.length;
  receiver.type = meant.type;
  receiver.stream_id = meant.stream_id;
}

void ChunkSplice::pass_continuation(const ChunkEvent& event, const Receiver& receiver, Run& run) {
  announce_chunk_size(run);
  const rtmp::ChunkStream& stream = decoder_.stream(event.slot);
  const bool agrees = event.repeats_extended == receiver.extended &&
                      (!receiver.extended || stream.field == receiver.field);
  if (agrees) {
    run.relay(event);
    return;
  }
  ++counters_.rewritten;
  run.copy(EncodedChunkHeader::continuation(stream.id, receiver.extended, receiver.field).bytes());
}

void ChunkSplice::on_payload(const ChunkEvent& event, Run& run) {
  Receiver& receiver = receivers_[event.slot];
  switch (receiver.fate) {
    case Fate::kPass: {
      run.relay(event);
      const rtmp::ChunkStream& stream = decoder_.stream(event.slot);
      const bool media = rtmp::is_media(stream.type);
      if (media) counters_.media_bytes += event.bytes.size();
      if (event.ends_chunk) inside_relayed_chunk_ = false;
      if (!event.ends_message) break;
      --passing_;
      receiver.fate = Fate::kNone;
      if (media) ++counters_.media_messages;
      run.handler().on_passed(stream.header(), stream.first_bytes());
      break;
    }
    case Fate::kCollect:
    case Fate::kResume:
      collect(event, run);
      break;
    case Fate::kControl:
      if (!event.ends_message) break;
      receiver.fate = Fate::kNone;
      end_abort(run);
      break;
    case Fate::kDrop:
    case Fate::kNone:
      if (event.ends_message) receiver.fate = Fate::kNone;
      break;
  }
  if (event.ends_chunk && !pending_.empty()) flush_pending(run);
}

void ChunkSplice::collect(const ChunkEvent& event, Run& run) {
  Receiver& receiver = receivers_[event.slot];
  const MessageHeader header = decoder_.stream(event.slot).header();
  const bool whole = event.ends_message && !collector_.has(event.slot);
  if (whole) {
    end_collected({header, event.bytes}, receiver, run);
    return;
  }
  if (!collector_.append(event.slot, event.bytes)) {
    error_ = rtmp::ChunkError::kCollectedTooLong;
    return;
  }
  if (!event.ends_message) return;
  const std::vector<std::uint8_t> payload = collector_.take(event.slot);
  end_collected({header, payload}, receiver, run);
}

void ChunkSplice::end_collected(const rtmp::Message& message, Receiver& receiver, Run& run) {
  const bool resumed = receiver.fate == Fate::kResume;
  receiver.fate = Fate::kNone;
  SpliceHandler& handler = run.handler();
  const SpliceAction action = resumed ? handler.on_message(message.header) : SpliceAction::kCollect;
  if (action == SpliceAction::kCollect) {
    handler.on_collected(message);
  } else if (action == SpliceAction::kPass) {
    write_own(translate(message.header), message.payload, handler);
    if (rtmp::is_media(message.header.type)) {
      counters_.media_bytes += message.payload.size();
      ++counters_.media_messages;
    }
    const std::size_t kept = std::min(message.payload.size(), rtmp::kFirstBytes);
    handler.on_passed(message.header, message.payload.first(kept));
  }
}

void ChunkSplice::end_abort(Run& run) {
  const int slot = decoder_.aborted_slot();
  if (slot < 0) return;
  Receiver& receiver = receivers_[static_cast<std::size_t>(slot)];
  const Fate fate = std::exchange(receiver.fate, Fate::kNone);
  collector_.forget(static_cast<std::uint8_t>(slot));
  if (fate != Fate::kPass) return;
  --passing_;
  receiver.known = false;
  write_control(rtmp::abort_message(decoder_.stream(static_cast<std::uint8_t>(slot)).id), run);
}

void ChunkSplice::announce_chunk_size(Run& run) {
  // Chunk borders of both legs coincide here: at a header of the source no relayed chunk is open.
  if (output_.chunk_size == decoder_.chunk_size()) return;
  write_control(rtmp::set_chunk_size(decoder_.chunk_size()), run);
  output_.chunk_size = decoder_.chunk_size();
}

void ChunkSplice::write_control(const rtmp::ControlMessage& message, Run& run) {
  MessageHeader header = message.header;
  // A client may have half a message of its own on chunk stream 2. Receivers go by the type, so any
  // other id serves; of 9 one is free, because at most 8 messages are open.
  static_assert(rtmp::kPartialMessagesMax < 9);
  if (!may_insert(header)) header.chunk_stream = rtmp::kPrivateChunkStream;
  while (!may_insert(header)) --header.chunk_stream;
  write_own(header, message.payload(), run.handler());
}

int ChunkSplice::slot_of(std::uint32_t chunk_stream) const {
  for (std::size_t i = 0; i < receivers_.size(); ++i) {
    if (decoder_.stream(static_cast<std::uint8_t>(i)).id == chunk_stream) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

bool ChunkSplice::may_insert(const MessageHeader& header) const {
  if (inside_relayed_chunk_) return false;
  const int slot = slot_of(header.chunk_stream);
  return slot < 0 || receivers_[static_cast<std::size_t>(slot)].fate != Fate::kPass;
}

bool ChunkSplice::insert(const MessageHeader& header, Bytes payload, SpliceHandler& handler) {
  WEIR_ASSERT(header.type != MessageType::kSetChunkSize);  // the splice mirrors the source's
  if (pending_.empty() && may_insert(header)) {
    write_own(header, payload, handler);
    return true;
  }
  if (pending_.size() == kPendingInsertsMax ||
      payload.size() > kPendingInsertBytesMax - pending_bytes_) {
    return false;
  }
  pending_.push_back({header, {payload.begin(), payload.end()}});
  pending_bytes_ += payload.size();
  return true;
}

void ChunkSplice::flush_pending(Run& run) {
  while (!pending_.empty() && may_insert(pending_.front().header)) {
    const Pending next = std::move(pending_.front());
    pending_.erase(pending_.begin());
    pending_bytes_ -= next.payload.size();
    write_own(next.header, next.payload, run.handler());
  }
  if (pending_.empty()) pending_ = {};
}

void ChunkSplice::write_own(const MessageHeader& header, Bytes payload, SpliceHandler& handler) {
  std::vector<std::uint8_t> bytes;
  rtmp::write_message(bytes, header, payload, output_.chunk_size);
  if (run_ != nullptr) {
    run_->copy(bytes);
  } else {
    handler.send_copy(bytes);
  }
  const int slot = slot_of(header.chunk_stream);
  if (slot >= 0) receivers_[static_cast<std::size_t>(slot)].known = false;
}

}  // namespace weir::relay
