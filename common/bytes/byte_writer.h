#pragma once
// ByteWriter: appends big-endian fields to a caller-supplied buffer and never past its end; an
// overflow sets a sticky failure. Threading: one object per thread. Lifetime: a view of the buffer.

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace weir {

class ByteWriter {
 public:
  explicit ByteWriter(std::span<std::uint8_t> buffer) : buffer_(buffer) {}

  bool ok() const { return ok_; }
  std::size_t size() const { return size_; }
  std::span<const std::uint8_t> written() const { return buffer_.first(size_); }

  void u8(std::uint8_t v) { unsigned_be(v, 1); }
  void u16(std::uint16_t v) { unsigned_be(v, 2); }
  void u24(std::uint32_t v) { unsigned_be(v, 3); }
  void u32(std::uint32_t v) { unsigned_be(v, 4); }
  void u64(std::uint64_t v) { unsigned_be(v, 8); }
  void u32_le(std::uint32_t v) { unsigned_be(__builtin_bswap32(v), 4); }
  void bytes(std::span<const std::uint8_t> data) {
    if (data.empty() || !reserve(data.size())) return;
    std::memcpy(buffer_.data() + size_ - data.size(), data.data(), data.size());
  }
  void text(std::string_view data) {
    bytes({reinterpret_cast<const std::uint8_t*>(data.data()), data.size()});
  }

 private:
  bool reserve(std::size_t count) {
    if (!ok_ || count > buffer_.size() - size_) {
      ok_ = false;
      return false;
    }
    size_ += count;
    return true;
  }
  void unsigned_be(std::uint64_t value, std::size_t count) {
    if (!reserve(count)) return;
    for (std::size_t i = 0; i < count; ++i)
      buffer_[size_ - 1 - i] = static_cast<std::uint8_t>(value >> (8 * i));
  }

  std::span<std::uint8_t> buffer_;
  std::size_t size_ = 0;
  bool ok_ = true;
};

}  // namespace weir
