#pragma once
// Text of values in Redis: words between spaces, so that people can read them with redis-cli.
//
// Purpose: a word holds no space, no control character, no `|` (between the parts of a list) and no
// `%`: those are written %XX. Scripts compare and join words without looking into them.
// Threading: pure. Lifetime: values.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.h"

namespace weir::store::redis {

std::string to_word(std::string_view text);
/// nullopt: a malformed escape.
std::optional<std::string> from_word(std::string_view word);

/// Digits only, and exact in a double.
std::optional<std::uint64_t> to_number(std::string_view text);
/// What scripts can count with: more becomes the least that is too much.
std::string number_word(std::uint64_t number);

std::int64_t microseconds(Duration duration);
std::string time_word(WallTime time);
WallTime wall_time(std::uint64_t microseconds);

/// Takes words off the front of a text.
class WordReader {
 public:
  explicit WordReader(std::string_view text) : rest_(text) {}
  /// As it is written; empty and failed() at the end.
  std::string_view raw();
  std::string text();
  std::uint64_t number();
  /// One of the letters of `allowed`; its index.
  std::size_t letter(std::string_view allowed);
  std::string_view rest() const { return rest_; }
  bool failed() const { return failed_; }
  void fail() { failed_ = true; }

 private:
  std::string_view rest_;
  bool ended_ = false;
  bool failed_ = false;
};

}  // namespace weir::store::redis
