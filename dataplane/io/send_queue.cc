#include "dataplane/io/send_queue.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/base/contract.h"

namespace weir::io {

BlockPool::~BlockPool() {
  // One by one: a chain of owners would be destroyed by recursion.
  while (free_) free_ = std::move(free_->next);
}

std::unique_ptr<BlockPool::Block> BlockPool::take() {
  held_.fetch_add(kQueueBlockBytes, std::memory_order_relaxed);
  held_here_ += kQueueBlockBytes;
  if (!free_) return std::unique_ptr<Block>(new Block);  // not value-initialised: 16 KiB of zeroes
  std::unique_ptr<Block> block = std::move(free_);
  free_ = std::move(block->next);
  --free_count_;
  block->begin = block->end = 0;
  return block;
}

void BlockPool::give_back(std::unique_ptr<Block> block) {
  held_.fetch_sub(kQueueBlockBytes, std::memory_order_relaxed);
  held_here_ -= kQueueBlockBytes;
  if (free_count_ >= kFreeBlocksMax) return;
  block->next = std::move(free_);
  free_ = std::move(block);
  ++free_count_;
}

void BlockPool::count_elsewhere(std::size_t before, std::size_t now) {
  held_.fetch_add(now - before, std::memory_order_relaxed);  // modular: it may be less than before
  held_here_ += now - before;
}

void SendQueue::append(std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    if (last_ == nullptr || last_->end == sizeof(last_->data)) {
      std::unique_ptr<BlockPool::Block> block = pool_.take();
      BlockPool::Block* raw = block.get();
      (last_ == nullptr ? first_ : last_->next) = std::move(block);
      last_ = raw;
    }
    const std::size_t count = std::min(bytes.size(), sizeof(last_->data) - last_->end);
    std::memcpy(last_->data + last_->end, bytes.data(), count);
    last_->end += static_cast<std::uint32_t>(count);
    size_ += count;
    bytes = bytes.subspan(count);
  }
}

std::size_t SendQueue::gather(std::span<iovec> out) const {
  std::size_t count = 0;
  for (BlockPool::Block* block = first_.get(); block != nullptr && count < out.size();
       block = block->next.get())
    out[count++] = iovec{block->data + block->begin, block->end - block->begin};
  return count;
}

void SendQueue::consume(std::size_t bytes) {
  WEIR_ASSERT(bytes <= size_);
  size_ -= bytes;
  while (first_) {
    const std::size_t count = std::min<std::size_t>(bytes, first_->end - first_->begin);
    first_->begin += static_cast<std::uint32_t>(count);
    bytes -= count;
    if (first_->begin != first_->end) return;
    std::unique_ptr<BlockPool::Block> done = std::move(first_);
    first_ = std::move(done->next);
    if (!first_) last_ = nullptr;
    pool_.give_back(std::move(done));
    if (bytes == 0 && size_ > 0) return;
  }
}

void SendQueue::clear() {
  consume(size_);
}

}  // namespace weir::io
