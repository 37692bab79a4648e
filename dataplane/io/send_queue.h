#pragma once
// SendQueue: bytes a socket did not take, in blocks of a pool shared by one worker.
//
// Threading: the worker's thread; the count of queued bytes is shared by all workers.
// Lifetime: the pool outlives its queues.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <sys/uio.h>

#include "dataplane/io/limits.h"

namespace weir::io {

class BlockPool {
 public:
  struct Block {
    std::unique_ptr<Block> next;
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    std::uint8_t
        data[kQueueBlockBytes - sizeof(std::unique_ptr<Block>) - 2 * sizeof(std::uint32_t)];
  };
  static_assert(sizeof(Block) == kQueueBlockBytes);

  /// `held`: bytes of all blocks in use, of all workers.
  explicit BlockPool(std::atomic<std::size_t>& held) : held_(held) {}
  ~BlockPool();
  std::unique_ptr<Block> take();
  void give_back(std::unique_ptr<Block> block);
  /// Counts bytes that wait like those of blocks, but elsewhere; instead of `before`.
  void count_elsewhere(std::size_t before, std::size_t now);
  std::size_t held() const { return held_.load(std::memory_order_relaxed); }
  /// Bytes of blocks in use that this pool gave out, and of what was counted with them.
  std::size_t held_here() const { return held_here_; }

 private:
  std::atomic<std::size_t>& held_;
  std::unique_ptr<Block> free_;
  std::size_t free_count_ = 0;
  std::size_t held_here_ = 0;
};

class SendQueue {
 public:
  explicit SendQueue(BlockPool& pool) : pool_(pool) {}
  ~SendQueue() { clear(); }
  SendQueue(const SendQueue&) = delete;
  SendQueue& operator=(const SendQueue&) = delete;

  void append(std::span<const std::uint8_t> bytes);
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  /// Fills at most out.size() pieces from the front; returns how many.
  std::size_t gather(std::span<iovec> out) const;
  void consume(std::size_t bytes);
  void clear();

 private:
  BlockPool& pool_;
  std::unique_ptr<BlockPool::Block> first_;
  BlockPool::Block* last_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace weir::io
