#pragma once
// Outbox: what one call of a session wants sent on one leg, gathered for one sendmsg().
//
// Purpose: views of the receive buffer and copies of what the session made up, in order. Pieces
// that touch are joined, so a relay that passes a read on bit by bit still sends one piece.
// Threading: the worker's thread; one per worker and leg (the client's, the origin's,
// further origins' on demand), reused by every session.
// Lifetime: the content is valid until clear().

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include <sys/uio.h>

namespace weir::io {

class Outbox {
 public:
  void add_view(std::span<const std::uint8_t> bytes) {
    if (bytes.empty()) return;
    size_ += bytes.size();
    // sendmsg() takes pointers to mutable data and changes nothing.
    auto* data = const_cast<std::uint8_t*>(bytes.data());
    if (!pieces_.empty()) {
      iovec& last = pieces_.back();
      if (static_cast<std::uint8_t*>(last.iov_base) + last.iov_len == data) {
        last.iov_len += bytes.size();
        return;
      }
    }
    pieces_.push_back(iovec{data, bytes.size()});
  }

  void add_copy(std::span<const std::uint8_t> bytes) {
    if (bytes.empty()) return;
    std::uint8_t* place = reserve(bytes.size());
    std::memcpy(place, bytes.data(), bytes.size());
    add_view({place, bytes.size()});
  }

  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  std::span<iovec> pieces() { return pieces_; }
  void clear() {
    pieces_.clear();
    size_ = 0;
    used_ = 0;
    large_.clear();
  }

 private:
  static constexpr std::size_t kArenaBytes = 16 * 1024;

  std::uint8_t* reserve(std::size_t bytes) {
    if (bytes > kArenaBytes - used_) {
      large_.push_back(std::make_unique<std::uint8_t[]>(bytes));
      return large_.back().get();
    }
    std::uint8_t* place = arena_.get() + used_;
    used_ += bytes;
    return place;
  }

  std::vector<iovec> pieces_;
  std::size_t size_ = 0;
  std::unique_ptr<std::uint8_t[]> arena_ = std::make_unique<std::uint8_t[]>(kArenaBytes);
  std::size_t used_ = 0;
  std::vector<std::unique_ptr<std::uint8_t[]>> large_;
};

}  // namespace weir::io
