#pragma once
// ByteReader / ByteWriter: bounded big-endian access to a caller's buffer.
// Reading past the end sets a sticky failure and yields zero, so a parser checks ok() once per
// group. Threading: one object per thread. Lifetime: views; the buffer must outlive them.

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace weir {

class ByteReader {
 public:
  explicit ByteReader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  std::size_t position() const { return position_; }
  std::size_t remaining() const { return bytes_.size() - position_; }
  std::span<const std::uint8_t> rest() const { return bytes_.subspan(position_); }

  std::uint8_t u8() { return static_cast<std::uint8_t>(unsigned_be(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(unsigned_be(2)); }
  std::uint32_t u24() { return static_cast<std::uint32_t>(unsigned_be(3)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(unsigned_be(4)); }
  std::uint64_t u64() { return unsigned_be(8); }
  /// The one little-endian field of RTMP: the message stream id.
  std::uint32_t u32_le() {
    const std::uint32_t v = u32();
    return __builtin_bswap32(v);
  }
  std::span<const std::uint8_t> bytes(std::size_t count) {
    if (!take(count)) return {};
    return bytes_.subspan(position_ - count, count);
  }
  std::string_view text(std::size_t count) {
    const auto span = bytes(count);
    return {reinterpret_cast<const char*>(span.data()), span.size()};
  }
  void skip(std::size_t count) { take(count); }

 private:
  bool take(std::size_t count) {
    if (!ok_ || count > remaining()) {
      ok_ = false;
      return false;
    }
    position_ += count;
    return true;
  }
  std::uint64_t unsigned_be(std::size_t count) {
    if (!take(count)) return 0;
    std::uint64_t value = 0;
    for (std::size_t i = position_ - count; i < position_; ++i) value = value << 8 | bytes_[i];
    return value;
  }

  std::span<const std::uint8_t> bytes_;
  std::size_t position_ = 0;
  bool ok_ = true;
};

}  // namespace weir
