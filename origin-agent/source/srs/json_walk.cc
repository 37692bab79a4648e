#include "origin-agent/source/srs/json_walk.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include <boost/json/basic_parser_impl.hpp>
#include <fmt/format.h>

#include "origin-agent/source/srs/limits.h"

namespace weir::agent::srs {
namespace {

using boost::json::error_code;
using boost::json::string_view;

/// The callbacks of the library's parser; those that return bool stop it with `false` and an error.
class Handler {
 public:
  // Names that the library looks up.
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = kJsonKeyBytesMax;
  static constexpr std::size_t max_string_size = kJsonTextBytesMax;

  explicit Handler(JsonVisitor& visitor) : visitor_(visitor) {}

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) { return open(false); }
  bool on_object_end(std::size_t, error_code&) { return close(); }
  bool on_array_begin(error_code& error) {
    if (containers_.empty()) {
      error = boost::json::error::syntax;  // a document is an object here
      return false;
    }
    return open(true);
  }
  bool on_array_end(std::size_t, error_code&) { return close(); }
  bool on_key_part(string_view part, std::size_t, error_code&) {
    key_.append(part.data(), part.size());
    return true;
  }
  bool on_key(string_view part, std::size_t, error_code&) {
    key_.append(part.data(), part.size());
    keys_[containers_.size() - 1].swap(key_);
    key_.clear();
    return true;
  }
  bool on_string_part(string_view part, std::size_t, error_code&) {
    text_.append(part.data(), part.size());
    return true;
  }
  bool on_string(string_view part, std::size_t, error_code& error) {
    JsonScalar value;
    value.kind = JsonScalar::Kind::kText;
    if (text_.empty()) {
      value.text = std::string_view(part.data(), part.size());
    } else {
      text_.append(part.data(), part.size());
      value.text = text_;
    }
    const bool go_on = scalar(value, error);
    text_.clear();
    return go_on;
  }
  bool on_number_part(string_view, error_code&) { return true; }
  bool on_int64(std::int64_t value, string_view, error_code& error) {
    return number(static_cast<double>(value), error);
  }
  bool on_uint64(std::uint64_t value, string_view, error_code& error) {
    return number(static_cast<double>(value), error);
  }
  bool on_double(double value, string_view, error_code& error) { return number(value, error); }
  bool on_bool(bool value, error_code& error) {
    JsonScalar scalar_value;
    scalar_value.kind = JsonScalar::Kind::kBool;
    scalar_value.boolean = value;
    return scalar(scalar_value, error);
  }
  bool on_null(error_code& error) { return scalar({}, error); }
  bool on_comment_part(string_view, error_code&) { return true; }
  bool on_comment(string_view, error_code&) { return true; }

 private:
  bool open(bool is_array) {
    visitor_.begin(path());
    containers_.push_back(is_array);
    if (keys_.size() < containers_.size()) keys_.emplace_back();
    if (is_array) keys_[containers_.size() - 1] = "[]";
    return true;
  }
  bool close() {
    containers_.pop_back();
    visitor_.end(path());
    return true;
  }
  bool number(double value, error_code& error) {
    JsonScalar scalar_value;
    scalar_value.kind = JsonScalar::Kind::kNumber;
    scalar_value.number = value;
    return scalar(scalar_value, error);
  }
  bool scalar(const JsonScalar& value, error_code& error) {
    if (containers_.empty() || ++scalars_ > kJsonScalarsMax) {
      error =
          containers_.empty() ? boost::json::error::syntax : boost::json::error::array_too_large;
      return false;
    }
    visitor_.scalar(path(), value);
    return true;
  }
  JsonPath path() const { return JsonPath(keys_).first(containers_.size()); }

  JsonVisitor& visitor_;
  std::vector<bool> containers_;   ///< open ones; true = array
  std::vector<std::string> keys_;  ///< at least one for each of them; the rest is kept for reuse
  std::string key_, text_;
  std::size_t scalars_ = 0;
};

}  // namespace

std::uint64_t JsonScalar::as_count() const {
  if (kind == Kind::kText) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() ? value : 0;
  }
  // Doubles hold counters exactly up to 2^53; what is larger is no counter of SRS.
  if (kind != Kind::kNumber || !(number >= 0) || number > 9'007'199'254'740'992.0) return 0;
  return static_cast<std::uint64_t>(number);
}

Result<void> walk_json(std::string_view text, JsonVisitor& visitor) {
  // SRS escapes few control characters of the names that its clients choose, and the parser takes
  // none: one such name would hide everything else in the answer.
  const auto is_control = [](unsigned char c) { return c < ' '; };
  std::string cleaned;
  if (std::any_of(text.begin(), text.end(), is_control)) {
    cleaned = text;
    std::replace_if(cleaned.begin(), cleaned.end(), is_control, ' ');
    text = cleaned;
  }
  boost::json::parse_options options;
  options.max_depth = kJsonDepthMax;
  // SRS writes names as its clients sent them.
  options.allow_invalid_utf8 = true;
  boost::json::basic_parser<Handler> parser(options, visitor);
  error_code error;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), error);
  if (!error && used < text.size() && text.find_first_not_of(' ', used) != std::string_view::npos)
    error = boost::json::error::extra_data;
  if (!error) return {};
  return make_error(boost::system::errc::bad_message,
                    fmt::format("no JSON object as SRS writes it, at byte {} of {}: {}", used,
                                text.size(), error.message()),
                    Side::kOrigin, true);
}

}  // namespace weir::agent::srs
