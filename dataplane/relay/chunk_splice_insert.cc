// ChunkSplice: messages of its own, put into the gaps between chunks.

#include <algorithm>
#include <utility>

#include "common/base/contract.h"
#include "dataplane/protocol/rtmp/chunk_writer.h"
#include "dataplane/relay/chunk_splice_parts.h"

namespace weir::relay {

using rtmp::Bytes;
using rtmp::MessageHeader;
using rtmp::MessageType;

void ChunkSplice::announce_chunk_size(OutputIndex index, Run& run) {
  // Chunk borders of both legs coincide here: at a header of the source no relayed chunk is open.
  SpliceOutput& told = state(index).told;
  if (told.chunk_size == decoder_.chunk_size()) return;
  write_control(rtmp::set_chunk_size(decoder_.chunk_size()), index, run);
  told.chunk_size = decoder_.chunk_size();
}

void ChunkSplice::write_control(const rtmp::ControlMessage& message, OutputIndex index, Run& run) {
  MessageHeader header = message.header;
  // A client may have half a message of its own on chunk stream 2. Receivers go by the type, so any
  // other id serves; of 9 one is free, because at most 8 messages are open.
  static_assert(rtmp::kPartialMessagesMax < 9);
  if (!may_insert(header, index)) header.chunk_stream = rtmp::kPrivateChunkStream;
  while (!may_insert(header, index)) --header.chunk_stream;
  write_own(header, message.payload(), index, run.handler());
}

int ChunkSplice::slot_of(std::uint32_t chunk_stream) const {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (decoder_.stream(static_cast<std::uint8_t>(i)).id == chunk_stream) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

bool ChunkSplice::between_messages(OutputIndex index) const {
  return std::ranges::none_of(
      slots_, [&](const Slot& slot) { return slot.fate == Fate::kPass && slot.output == index; });
}

bool ChunkSplice::may_insert(const MessageHeader& header, OutputIndex index) const {
  if (open_output_ == index) return false;
  const int found = slot_of(header.chunk_stream);
  if (found < 0) return true;
  const Slot& slot = slots_[static_cast<std::size_t>(found)];
  return slot.fate != Fate::kPass || slot.output != index;
}

bool ChunkSplice::insert(const MessageHeader& header, Bytes payload, SpliceHandler& handler,
                         OutputIndex index) {
  WEIR_ASSERT(header.type != MessageType::kSetChunkSize);  // the splice mirrors the source's
  std::size_t waiting = 0;
  std::size_t waiting_bytes = 0;
  for (const Pending& pending : pending_) {
    if (pending.output != index) continue;
    ++waiting;
    waiting_bytes += pending.payload.size();
  }
  if (waiting == 0 && may_insert(header, index)) {
    write_own(header, payload, index, handler);
    return true;
  }
  if (waiting == kPendingInsertsMax || payload.size() > kPendingInsertBytesMax - waiting_bytes) {
    return false;
  }
  pending_.push_back({index, header, {payload.begin(), payload.end()}});
  return true;
}

void ChunkSplice::flush_pending(Run& run) {
  std::uint32_t blocked = 0;  // outputs whose order would be broken, by bit
  for (std::size_t i = 0; i < pending_.size();) {
    const OutputIndex index = pending_[i].output;
    if ((blocked >> index & 1U) != 0 || !may_insert(pending_[i].header, index)) {
      blocked |= 1U << index;
      ++i;
      continue;
    }
    const Pending next = std::move(pending_[i]);
    pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(i));
    write_own(next.header, next.payload, index, run.handler());
  }
  if (pending_.empty()) std::vector<Pending>().swap(pending_);
}

void ChunkSplice::write_own(const MessageHeader& header, Bytes payload, OutputIndex index,
                            SpliceHandler& handler) {
  std::vector<std::uint8_t> bytes;
  rtmp::write_message(bytes, header, payload, state(index).told.chunk_size);
  if (run_ != nullptr) {
    run_->copy(bytes, index);
  } else {
    handler.send_copy(index, bytes);
  }
  const int slot = slot_of(header.chunk_stream);
  if (slot >= 0) belief(static_cast<std::uint8_t>(slot), index).known = false;
}

}  // namespace weir::relay
