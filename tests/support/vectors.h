#pragma once
// Captured bytes below tests/vectors, and small helpers to write bytes in tests. Threading: pure.

#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace weir::test {

/// The whole file, relative to tests/vectors; empty when it cannot be read.
inline std::vector<std::uint8_t> read_vector(const std::string& name) {
  std::ifstream file(std::string(WEIR_SOURCE_DIR) + "/tests/vectors/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// Concatenates numbers as bytes and texts as their characters.
class ByteText {
 public:
  ByteText& bytes(std::initializer_list<int> values) {
    for (const int value : values) out_.push_back(static_cast<std::uint8_t>(value));
    return *this;
  }
  ByteText& text(const std::string& value) {
    out_.insert(out_.end(), value.begin(), value.end());
    return *this;
  }
  ByteText& repeat(std::size_t count, int value) {
    out_.insert(out_.end(), count, static_cast<std::uint8_t>(value));
    return *this;
  }
  operator const std::vector<std::uint8_t>&() const { return out_; }
  const std::vector<std::uint8_t>& get() const { return out_; }

 private:
  std::vector<std::uint8_t> out_;
};

}  // namespace weir::test
