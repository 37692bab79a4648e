#include "origin-agent/source/nginx_rtmp/xml_reader.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <utility>

#include <fmt/format.h>

#include "origin-agent/source/limits.h"

namespace weir::agent {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.' || c == ':';
}

void append_utf8(std::string& out, std::uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

constexpr std::array<std::pair<std::string_view, char>, 5> kNamedReferences{
    {{"lt", '<'}, {"gt", '>'}, {"amp", '&'}, {"quot", '"'}, {"apos", '\''}}};
/// Longest reference body, "#x10FFFF".
constexpr std::size_t kReferenceBytesMax = 8;

}  // namespace

XmlReader::Token XmlReader::fail(std::string_view what) {
  error_ = what;
  return Token::kError;
}

std::string XmlReader::error() const {
  return error_.empty() ? std::string() : fmt::format("{} at byte {}", error_, position_);
}

XmlReader::Token XmlReader::next() {
  if (!error_.empty()) return Token::kError;
  if (std::exchange(pending_end_, false)) {
    name_ = path_.back();
    path_.pop_back();
    return Token::kEnd;
  }
  while (position_ < document_.size()) {
    const Token token = document_[position_] == '<' ? read_markup() : read_text();
    // kDone from below means: nothing to tell, go on.
    if (token != Token::kDone) return token;
  }
  if (!path_.empty() || !root_seen_) return fail("the document ends too early");
  return Token::kDone;
}

XmlReader::Token XmlReader::read_text() {
  text_.clear();
  bool only_space = true;
  while (position_ < document_.size() && document_[position_] != '<') {
    if (text_.size() >= kXmlTextBytesMax) return fail("a text is too long");
    if (!is_space(document_[position_])) only_space = false;
    if (document_[position_] == '&') {
      append_reference();
    } else {
      text_ += document_[position_++];
    }
  }
  if (only_space) return Token::kDone;
  if (path_.empty()) return fail("text outside of the root element");
  return Token::kText;
}

void XmlReader::append_reference() {
  const std::size_t end = document_.find(';', position_);
  const std::string_view body =
      end == std::string_view::npos || end - position_ > kReferenceBytesMax + 1
          ? std::string_view()
          : document_.substr(position_ + 1, end - position_ - 1);
  for (const auto& [name, character] : kNamedReferences) {
    if (body != name) continue;
    text_ += character;
    position_ = end + 1;
    return;
  }
  if (body.size() > 1 && body[0] == '#') {
    const bool hexadecimal = body[1] == 'x' || body[1] == 'X';
    const std::string_view digits = body.substr(hexadecimal ? 2 : 1);
    std::uint32_t code = 0;
    const auto [rest, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), code, hexadecimal ? 16 : 10);
    const bool surrogate = code >= 0xD800 && code < 0xE000;
    if (error == std::errc() && rest == digits.data() + digits.size() && code > 0 &&
        code <= 0x10FFFF && !surrogate) {
      append_utf8(text_, code);
      position_ = end + 1;
      return;
    }
  }
  // Servers print names that clients chose; a bare '&' is taken as it stands.
  text_ += document_[position_++];
}

XmlReader::Token XmlReader::read_markup() {
  const std::string_view rest = document_.substr(position_);
  if (rest.starts_with("<?")) return skip_past("?>") ? Token::kDone : fail("an open instruction");
  if (rest.starts_with("<!--")) return skip_past("-->") ? Token::kDone : fail("an open comment");
  if (rest.starts_with("<!")) return fail("a declaration, which is not supported,");
  return rest.starts_with("</") ? read_end_tag() : read_start_tag();
}

bool XmlReader::skip_past(std::string_view mark) {
  const std::size_t found = document_.find(mark, position_);
  if (found == std::string_view::npos) return false;
  position_ = found + mark.size();
  return true;
}

std::string_view XmlReader::read_name() {
  const std::size_t start = position_;
  while (position_ < document_.size() && is_name(document_[position_])) ++position_;
  return document_.substr(start, position_ - start);
}

XmlReader::Token XmlReader::read_start_tag() {
  if (path_.empty() && root_seen_) return fail("a second root element");
  if (path_.size() >= kXmlDepthMax) return fail("elements are nested too deeply");
  ++position_;
  const std::string_view name = read_name();
  if (name.empty() || name.size() > kXmlNameBytesMax) return fail("not an element name");
  char quote = 0;
  bool slash = false;
  for (; position_ < document_.size(); ++position_) {
    const char c = document_[position_];
    if (quote != 0) {
      if (c == quote) quote = 0;
      continue;
    }
    if (c == '"' || c == '\'') quote = c;
    if (c == '<') return fail("'<' inside a tag");
    if (c == '>') break;
    slash = c == '/';
  }
  if (position_ >= document_.size()) return fail("an open tag");
  ++position_;
  root_seen_ = true;
  name_ = name;
  path_.push_back(name);
  pending_end_ = slash;
  return Token::kStart;
}

XmlReader::Token XmlReader::read_end_tag() {
  position_ += 2;
  const std::string_view name = read_name();
  while (position_ < document_.size() && is_space(document_[position_])) ++position_;
  if (position_ >= document_.size() || document_[position_] != '>') return fail("an open end tag");
  ++position_;
  if (path_.empty() || path_.back() != name) return fail("an end tag that closes nothing");
  name_ = path_.back();
  path_.pop_back();
  return Token::kEnd;
}

}  // namespace weir::agent
