#include "tests/support/rtmp/json.h"

#include <charconv>
#include <cmath>

#include <fmt/format.h>

namespace weir::tests {
namespace {

constexpr int kDepthMax = 64;

class Parser {
 public:
  Parser(std::string_view text, std::string& why) : text_(text), why_(why) {}

  bool document(Json& value) {
    if (!parse(value, 0)) return false;
    skip_space();
    return at_ == text_.size() || fail("something follows the value");
  }

 private:
  bool fail(std::string_view what) {
    if (why_.empty()) why_ = fmt::format("{} at byte {}", what, at_);
    return false;
  }
  void skip_space() {
    while (at_ < text_.size() &&
           std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos)
      ++at_;
  }
  bool take(char wanted) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }
  bool word(std::string_view wanted) {
    if (!text_.substr(at_).starts_with(wanted)) return false;
    at_ += wanted.size();
    return true;
  }

  bool parse(Json& value, int depth) {
    if (depth > kDepthMax) return fail("nested too deeply");
    skip_space();
    if (at_ >= text_.size()) return fail("the text ends");
    if (text_[at_] == '{') return object(value, depth);
    if (text_[at_] == '[') return array(value, depth);
    if (text_[at_] == '"') {
      value.kind = Json::Kind::kString;
      return string(value.text);
    }
    if (word("null")) return true;
    if (word("true") || word("false")) {
      value.kind = Json::Kind::kBoolean;
      value.boolean = text_[at_ - 2] == 'u';
      return true;
    }
    value.kind = Json::Kind::kNumber;
    const auto [end, error] =
        std::from_chars(text_.data() + at_, text_.data() + text_.size(), value.number);
    if (error != std::errc()) return fail("no value");
    at_ = static_cast<std::size_t>(end - text_.data());
    return true;
  }

  bool object(Json& value, int depth) {
    value.kind = Json::Kind::kObject;
    ++at_;
    if (take('}')) return true;
    do {
      std::string& name = value.names.emplace_back();
      skip_space();
      if (at_ >= text_.size() || text_[at_] != '"' || !string(name)) return fail("no member name");
      if (!take(':')) return fail("no colon");
      if (!parse(value.items.emplace_back(), depth + 1)) return false;
    } while (take(','));
    return take('}') || fail("the object does not end");
  }

  bool array(Json& value, int depth) {
    value.kind = Json::Kind::kArray;
    ++at_;
    if (take(']')) return true;
    do {
      if (!parse(value.items.emplace_back(), depth + 1)) return false;
    } while (take(','));
    return take(']') || fail("the array does not end");
  }

  bool string(std::string& out) {
    ++at_;
    while (at_ < text_.size() && text_[at_] != '"') {
      if (text_[at_] != '\\') {
        out += text_[at_++];
        continue;
      }
      if (++at_ >= text_.size() || !escape(out)) return fail("bad escape");
    }
    return at_++ < text_.size() || fail("the string does not end");
  }

  bool escape(std::string& out) {
    static constexpr std::string_view kNames = "\"\\/bfnrt";
    static constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    const char name = text_[at_++];
    if (name != 'u') {
      const std::size_t index = kNames.find(name);
      if (index == std::string_view::npos) return false;
      out += kMeanings[index];
      return true;
    }
    std::uint32_t code = 0;
    if (!hex4(code)) return false;
    if (code >= 0xD800 && code < 0xDC00 && word("\\u")) {
      std::uint32_t low = 0;
      if (!hex4(low)) return false;
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    put_utf8(code, out);
    return true;
  }

  bool hex4(std::uint32_t& code) {
    if (text_.size() - at_ < 4) return false;
    const char* begin = text_.data() + at_;
    at_ += 4;
    return std::from_chars(begin, begin + 4, code, 16).ptr == begin + 4;
  }

  static void put_utf8(std::uint32_t code, std::string& out) {
    const auto tail = [&](int shift) { out += static_cast<char>(0x80 | (code >> shift & 0x3F)); };
    if (code < 0x80) {
      out += static_cast<char>(code);
    } else if (code < 0x800) {
      out += static_cast<char>(0xC0 | code >> 6), tail(0);
    } else if (code < 0x10000) {
      out += static_cast<char>(0xE0 | code >> 12), tail(6), tail(0);
    } else {
      out += static_cast<char>(0xF0 | code >> 18), tail(12), tail(6), tail(0);
    }
  }

  std::string_view text_;
  std::string& why_;
  std::size_t at_ = 0;
};

}  // namespace

const Json* Json::find(std::string_view name) const {
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] == name) return &items[i];
  return nullptr;
}

double Json::number_or(std::string_view name, double otherwise) const {
  const Json* member = find(name);
  return member && member->is(Kind::kNumber) ? member->number : otherwise;
}

std::uint32_t Json::unsigned_or(std::string_view name, std::uint32_t otherwise) const {
  const Json* member = find(name);
  // By way of 64 bits: a script may write 2^32 - 1, and negative numbers wrap as they do on the
  // wire.
  return member && member->is(Kind::kNumber)
             ? static_cast<std::uint32_t>(static_cast<std::int64_t>(member->number))
             : otherwise;
}

bool Json::boolean_or(std::string_view name, bool otherwise) const {
  const Json* member = find(name);
  return member && member->is(Kind::kBoolean) ? member->boolean : otherwise;
}

std::string Json::text_or(std::string_view name, std::string_view otherwise) const {
  const Json* member = find(name);
  return member && member->is(Kind::kString) ? member->text : std::string(otherwise);
}

std::optional<Json> parse_json(std::string_view text, std::string& why) {
  why.clear();
  Json value;
  if (!Parser(text, why).document(value)) return std::nullopt;
  return value;
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace weir::tests
