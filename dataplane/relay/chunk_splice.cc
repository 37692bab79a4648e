#include "dataplane/relay/chunk_splice.h"

#include <algorithm>
#include <utility>

#include "common/base/contract.h"
#include "dataplane/protocol/rtmp/chunk_header.h"
#include "dataplane/protocol/rtmp/chunk_writer.h"
#include "dataplane/relay/chunk_splice_parts.h"

namespace weir::relay {

using rtmp::Bytes;
using rtmp::ChunkEvent;
using rtmp::ChunkFormat;
using rtmp::EncodedChunkHeader;
using rtmp::MessageHeader;
using rtmp::MessageType;

ChunkSplice::ChunkSplice(rtmp::MessageAssembler&& source, const SpliceOutput& output)
    : first_{.told = output, .counters = {}} {
  auto parts = std::move(source).release();
  decoder_ = std::move(parts.decoder);
  collector_ = std::move(parts.collector);
  error_ = decoder_.error();
  slots_.resize(decoder_.stream_count());
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const auto slot = static_cast<std::uint8_t>(i);
    const rtmp::ChunkStream& stream = decoder_.stream(slot);
    if (!stream.in_message()) continue;
    const bool control =
        stream.type == MessageType::kSetChunkSize || stream.type == MessageType::kAbort;
    if (control) collector_.forget(slot);
    slots_[i].fate = control ? Fate::kControl : Fate::kResume;
  }
}

ChunkSplice::~ChunkSplice() = default;
ChunkSplice::ChunkSplice(ChunkSplice&&) noexcept = default;
ChunkSplice& ChunkSplice::operator=(ChunkSplice&&) noexcept = default;

const ChunkSplice::OutputState& ChunkSplice::further_state(OutputIndex index) const {
  WEIR_ASSERT(index <= further_.size() && further_[index - 1U]);
  return *further_[index - 1U];
}

ChunkSplice::Belief& ChunkSplice::further_belief(std::uint8_t slot, OutputIndex index) {
  std::vector<Belief>& beliefs = further_[index - 1U]->beliefs;
  if (slot >= beliefs.size()) beliefs.resize(slot + 1U);
  return beliefs[slot];
}

void ChunkSplice::forget_receiver(OutputIndex index) {
  if (run_ != nullptr) run_->flush();
  for (Slot& slot : slots_) {
    if (index == 0) slot.belief = {};
    if (slot.fate == Fate::kPass && slot.output == index) slot.fate = Fate::kDrop;
  }
  if (open_output_ == index) open_output_ = kNoOutput;
}

void ChunkSplice::set_output(const SpliceOutput& output, OutputIndex index) {
  WEIR_ASSERT(index < kSpliceOutputsMax);
  forget_receiver(index);
  if (index == 0) {
    first_.told = output;
    return;
  }
  if (index > further_.size()) further_.resize(index);
  std::unique_ptr<FurtherOutput>& place = further_[index - 1U];
  if (!place) place = std::make_unique<FurtherOutput>();
  place->told = output;
  place->beliefs = {};
}

void ChunkSplice::drop_output(OutputIndex index) {
  forget_receiver(index);
  std::erase_if(pending_, [&](const Pending& pending) { return pending.output == index; });
  if (index == 0) {
    first_ = {};
    return;
  }
  further_[index - 1U].reset();
  while (!further_.empty() && !further_.back()) further_.pop_back();
}

void ChunkSplice::rename_stream(std::uint32_t stream_id_to, OutputIndex index) {
  SpliceOutput& told = state(index).told;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    Belief& believed = belief(static_cast<std::uint8_t>(i), index);
    if (believed.stream_id == told.stream_id_to) believed.stream_id = stream_id_to;
  }
  told.stream_id_to = stream_id_to;
}

bool ChunkSplice::feed(Bytes input, SpliceHandler& handler) {
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
  if (event.slot >= slots_.size()) {
    slots_.reserve(slots_.size() + 1);
    slots_.push_back({});
  }
  const Slot& slot = slots_[event.slot];
  if (event.begins_message) {
    begin_message(event, run);
  } else if (slot.fate == Fate::kPass) {
    pass_continuation(event, slot.output, run);
  }
  open_output_ = slot.fate == Fate::kPass ? slot.output : kNoOutput;
}

void ChunkSplice::begin_message(const ChunkEvent& event, Run& run) {
  const MessageHeader header = decoder_.stream(event.slot).header();
  Slot& slot = slots_[event.slot];
  if (header.type == MessageType::kSetChunkSize || header.type == MessageType::kAbort) {
    slot.fate = Fate::kControl;
    return;
  }
  const SpliceChoice choice = run.handler().on_message(header);
  switch (choice.action) {
    case SpliceAction::kPass:
      announce_chunk_size(choice.output, run);
      slot.fate = Fate::kPass;
      slot.output = choice.output;
      pass_header(event, choice.output, run);
      break;
    case SpliceAction::kDrop:
      slot.fate = Fate::kDrop;
      break;
    case SpliceAction::kCollect:
      slot.fate = Fate::kCollect;
      break;
  }
}

MessageHeader ChunkSplice::translate(const MessageHeader& header, const SpliceOutput& output) {
  MessageHeader meant = header;
  meant.timestamp += output.time_offset;
  if (meant.stream_id == output.stream_id_from) meant.stream_id = output.stream_id_to;
  return meant;
}

bool ChunkSplice::passes_verbatim(const ChunkEvent& event, const Belief& belief,
                                  const MessageHeader& meant) const {
  const rtmp::ChunkStream& stream = decoder_.stream(event.slot);
  if (event.format == ChunkFormat::kFull) {
    // A small time in the extended field is legal to write and read in as many ways as there are
    // readers: whether continuations repeat it could not be told from the time any more.
    const bool plain = event.repeats_extended == (stream.field >= rtmp::kTimestampEscape);
    return plain && stream.timestamp == meant.timestamp && stream.stream_id == meant.stream_id;
  }
  const std::uint32_t delta = meant.timestamp - belief.timestamp;
  if (!belief.known || belief.stream_id != meant.stream_id || event.repeats_extended) {
    return false;
  }
  const bool same_kind = belief.length == meant.length && belief.type == meant.type;
  switch (event.format) {
    case ChunkFormat::kSameStream:
      return stream.field == delta;
    case ChunkFormat::kDeltaOnly:
      return stream.field == delta && same_kind;
    default:
      return same_kind && belief.delta_known && belief.delta == delta;
  }
}

void ChunkSplice::pass_header(const ChunkEvent& event, OutputIndex index, Run& run) {
  const rtmp::ChunkStream& stream = decoder_.stream(event.slot);
  OutputState& output = state(index);
  Belief& believed = belief(event.slot, index);
  const MessageHeader meant = translate(stream.header(), output.told);
  const std::uint32_t delta = meant.timestamp - believed.timestamp;

  ChunkFormat format = event.format;
  if (passes_verbatim(event, believed, meant)) {
    run.relay(event, index);
  } else {
    ++output.counters.rewritten;
    // Semi: all the receiver lacks is the delta. Dirty: everything.
    const bool semi = event.format == ChunkFormat::kNone && believed.known &&
                      believed.length == meant.length && believed.type == meant.type &&
                      believed.stream_id == meant.stream_id && delta < rtmp::kTimestampEscape;
    format = semi ? ChunkFormat::kDeltaOnly : ChunkFormat::kFull;
    run.copy(EncodedChunkHeader::begin(format, meant, semi ? delta : meant.timestamp).bytes(),
             index);
  }

  if (format == ChunkFormat::kFull) {
    believed.field = meant.timestamp;
    // What a format 3 message would add now is where dialects differ.
    believed.delta_known = false;
  } else if (format != ChunkFormat::kNone) {
    believed.field = delta;
    believed.delta = delta;
    believed.delta_known = true;
  }
  believed.extended = believed.field >= rtmp::kTimestampEscape;
  believed.known = true;
  believed.timestamp = meant.timestamp;
  believed.length = meant.length;
  believed.type = meant.type;
  believed.stream_id = meant.stream_id;
}

void ChunkSplice::pass_continuation(const ChunkEvent& event, OutputIndex index, Run& run) {
  announce_chunk_size(index, run);
  const rtmp::ChunkStream& stream = decoder_.stream(event.slot);
  const Belief& believed = belief(event.slot, index);
  const bool agrees = event.repeats_extended == believed.extended &&
                      (!believed.extended || stream.field == believed.field);
  if (agrees) {
    run.relay(event, index);
    return;
  }
  ++state(index).counters.rewritten;
  run.copy(EncodedChunkHeader::continuation(stream.id, believed.extended, believed.field).bytes(),
           index);
}

void ChunkSplice::on_payload(const ChunkEvent& event, Run& run) {
  Slot& slot = slots_[event.slot];
  switch (slot.fate) {
    case Fate::kPass: {
      const OutputIndex index = slot.output;
      run.relay(event, index);
      const rtmp::ChunkStream& stream = decoder_.stream(event.slot);
      SpliceCounters& counters = state(index).counters;
      const bool media = rtmp::is_media(stream.type);
      if (media) counters.media_bytes += event.bytes.size();
      if (event.ends_chunk) open_output_ = kNoOutput;
      if (!event.ends_message) break;
      slot.fate = Fate::kNone;
      if (media) ++counters.media_messages;
      run.handler().on_passed(index, stream.header(), stream.first_bytes());
      break;
    }
    case Fate::kCollect:
    case Fate::kResume:
      collect(event, run);
      break;
    case Fate::kControl:
      if (!event.ends_message) break;
      slot.fate = Fate::kNone;
      end_abort(run);
      break;
    case Fate::kDrop:
    case Fate::kNone:
      if (event.ends_message) slot.fate = Fate::kNone;
      break;
  }
  if (event.ends_chunk && !pending_.empty()) flush_pending(run);
}

void ChunkSplice::collect(const ChunkEvent& event, Run& run) {
  const MessageHeader header = decoder_.stream(event.slot).header();
  const bool whole = event.ends_message && !collector_.has(event.slot);
  if (whole) {
    end_collected({header, event.bytes}, event.slot, run);
    return;
  }
  if (!collector_.append(event.slot, event.bytes)) {
    error_ = rtmp::ChunkError::kCollectedTooLong;
    return;
  }
  if (!event.ends_message) return;
  const std::vector<std::uint8_t> payload = collector_.take(event.slot);
  end_collected({header, payload}, event.slot, run);
}

void ChunkSplice::end_collected(const rtmp::Message& message, std::uint8_t slot, Run& run) {
  const bool resumed = slots_[slot].fate == Fate::kResume;
  slots_[slot].fate = Fate::kNone;
  SpliceHandler& handler = run.handler();
  const SpliceChoice choice =
      resumed ? handler.on_message(message.header) : SpliceChoice(SpliceAction::kCollect);
  if (choice.action == SpliceAction::kCollect) {
    handler.on_collected(message);
  } else if (choice.action == SpliceAction::kPass) {
    OutputState& output = state(choice.output);
    write_own(translate(message.header, output.told), message.payload, choice.output, handler);
    if (rtmp::is_media(message.header.type)) {
      output.counters.media_bytes += message.payload.size();
      ++output.counters.media_messages;
    }
    const std::size_t kept = std::min(message.payload.size(), rtmp::kFirstBytes);
    handler.on_passed(choice.output, message.header, message.payload.first(kept));
  }
}

void ChunkSplice::end_abort(Run& run) {
  const int found = decoder_.aborted_slot();
  if (found < 0) return;
  const auto aborted = static_cast<std::uint8_t>(found);
  Slot& slot = slots_[aborted];
  const Fate fate = std::exchange(slot.fate, Fate::kNone);
  collector_.forget(aborted);
  if (fate != Fate::kPass) return;
  belief(aborted, slot.output).known = false;
  write_control(rtmp::abort_message(decoder_.stream(aborted).id), slot.output, run);
}

}  // namespace weir::relay
