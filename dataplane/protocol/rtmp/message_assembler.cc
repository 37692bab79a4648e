#include "dataplane/protocol/rtmp/message_assembler.h"

#include <algorithm>

namespace weir::rtmp {

bool MessageCollector::append(std::uint8_t slot, Bytes payload) {
  if (payload.size() > bytes_max_ - bytes_) return false;
  auto part =
      std::find_if(parts_.begin(), parts_.end(), [slot](const Part& p) { return p.slot == slot; });
  if (part == parts_.end()) part = parts_.insert(part, Part{slot, {}});
  part->payload.insert(part->payload.end(), payload.begin(), payload.end());
  bytes_ += payload.size();
  return true;
}

bool MessageCollector::has(std::uint8_t slot) const {
  return std::any_of(parts_.begin(), parts_.end(),
                     [slot](const Part& p) { return p.slot == slot; });
}

std::vector<std::uint8_t> MessageCollector::take(std::uint8_t slot) {
  const auto part =
      std::find_if(parts_.begin(), parts_.end(), [slot](const Part& p) { return p.slot == slot; });
  if (part == parts_.end()) return {};
  std::vector<std::uint8_t> payload = std::move(part->payload);
  parts_.erase(part);
  bytes_ -= payload.size();
  return payload;
}

std::optional<Message> MessageAssembler::next(Bytes& input) {
  release_message();
  while (error_ == ChunkError::kNone) {
    const ChunkEvent event = decoder_.next(input);
    if (event.kind == ChunkEvent::Kind::kNeedMore) return std::nullopt;
    if (event.kind == ChunkEvent::Kind::kHeader) continue;
    if (event.kind == ChunkEvent::Kind::kError) {
      error_ = decoder_.error();
      break;
    }
    if (decoder_.aborted_slot() >= 0) {
      collector_.forget(static_cast<std::uint8_t>(decoder_.aborted_slot()));
    }
    const MessageHeader header = decoder_.stream(event.slot).header();
    if (event.ends_message && event.in_input && !collector_.has(event.slot)) {
      return Message{header, event.bytes};
    }
    if (!collector_.append(event.slot, event.bytes)) {
      error_ = ChunkError::kCollectedTooLong;
      break;
    }
    if (event.ends_message) {
      complete_ = collector_.take(event.slot);
      return Message{header, complete_};
    }
  }
  return std::nullopt;
}

}  // namespace weir::rtmp
