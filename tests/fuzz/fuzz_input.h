#pragma once
// FuzzInput: operands out of a fuzzer's bytes; zero when they are used up.
// Threading: none. Lifetime: a view of the input.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace weir::fuzz {

class FuzzInput {
 public:
  FuzzInput(const std::uint8_t* data, std::size_t size) : rest_(data, size) {}

  bool empty() const { return rest_.empty(); }
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const std::uint8_t value = rest_.front();
    rest_ = rest_.subspan(1);
    return value;
  }
  std::uint32_t number(int bytes) {
    std::uint32_t value = 0;
    while (bytes-- > 0) value = value << 8 | byte();
    return value;
  }
  /// A two-byte length and as many bytes, or what there is.
  std::span<const std::uint8_t> block() {
    const std::size_t size = std::min<std::size_t>(number(2), rest_.size());
    const auto bytes = rest_.first(size);
    rest_ = rest_.subspan(size);
    return bytes;
  }

 private:
  std::span<const std::uint8_t> rest_;
};

}  // namespace weir::fuzz
