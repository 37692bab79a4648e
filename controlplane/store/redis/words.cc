#include "controlplane/store/redis/words.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <system_error>

#include "controlplane/store/limits.h"

namespace weir::store::redis {
namespace {

constexpr std::string_view kHex = "0123456789ABCDEF";

bool is_plain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte > 0x20 && byte != 0x7F && c != '%' && c != '|';
}

}  // namespace

std::string to_word(std::string_view text) {
  if (std::ranges::all_of(text, is_plain)) return std::string(text);
  std::string word;
  word.reserve(text.size() + 16);
  for (const char c : text) {
    if (is_plain(c)) {
      word += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    word += '%';
    word += kHex[byte >> 4];
    word += kHex[byte & 15];
  }
  return word;
}

std::optional<std::string> from_word(std::string_view word) {
  std::string text;
  text.reserve(word.size());
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (word[i] != '%') {
      text += word[i];
      continue;
    }
    if (i + 2 >= word.size()) return std::nullopt;
    const auto high = kHex.find(word[i + 1]);
    const auto low = kHex.find(word[i + 2]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    text += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return text;
}

std::optional<std::uint64_t> to_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number > kGenerationMax) {
    return std::nullopt;
  }
  return number;
}

std::string number_word(std::uint64_t number) {
  return std::to_string(std::min(number, kGenerationMax));
}

std::int64_t microseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

std::string time_word(WallTime time) {
  const auto since_1970 =
      std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
  return number_word(since_1970 > 0 ? static_cast<std::uint64_t>(since_1970) : 0);
}

WallTime wall_time(std::uint64_t microseconds) {
  return WallTime(std::chrono::duration_cast<WallTime::duration>(
      std::chrono::microseconds(std::min(microseconds, kGenerationMax))));
}

std::string_view WordReader::raw() {
  if (ended_) {
    failed_ = true;
    return {};
  }
  const auto space = rest_.find(' ');
  const std::string_view word = rest_.substr(0, space);
  ended_ = space == std::string_view::npos;
  rest_.remove_prefix(ended_ ? rest_.size() : space + 1);
  return word;
}

std::string WordReader::text() {
  auto text = from_word(raw());
  if (!text) failed_ = true;
  return std::move(text).value_or(std::string());
}

std::uint64_t WordReader::number() {
  const auto number = to_number(raw());
  if (!number) failed_ = true;
  return number.value_or(0);
}

std::size_t WordReader::letter(std::string_view allowed) {
  const std::string_view word = raw();
  const auto index = word.size() == 1 ? allowed.find(word.front()) : std::string_view::npos;
  if (index == std::string_view::npos) failed_ = true;
  return index == std::string_view::npos ? 0 : index;
}

}  // namespace weir::store::redis
