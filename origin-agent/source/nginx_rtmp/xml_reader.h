#pragma once
// XmlReader: a pull reader for the small XML that servers print on their statistics pages.
//
// Purpose: elements, text and the five named and the numeric character references, checked for
// nesting; no namespaces, no document type (refused), attributes are skipped. Everything is bounded
// (source/limits.h), nothing is allocated in proportion to the input, errors name the byte.
// Threading: one thread. Lifetime: the text outlives the reader; name() and text() hold until the
// next call of next().

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace weir::agent {

class XmlReader {
 public:
  enum class Token {
    kStart,  ///< name() was opened; it is on path()
    kEnd,    ///< name() was closed; it is no longer on path()
    kText,   ///< text() inside path(); not told when only white space
    kDone,   ///< the root element was closed and nothing but white space or comments follows
    kError,  ///< error() says what; final
  };

  explicit XmlReader(std::string_view document) : document_(document) {}

  Token next();
  std::string_view name() const { return name_; }
  const std::string& text() const { return text_; }
  /// Names of the open elements, outermost first.
  const std::vector<std::string_view>& path() const { return path_; }
  std::string error() const;

 private:
  Token fail(std::string_view what);
  Token read_text();
  Token read_markup();
  Token read_start_tag();
  Token read_end_tag();
  bool skip_past(std::string_view mark);
  std::string_view read_name();
  void append_reference();

  std::string_view document_;
  std::size_t position_ = 0;
  std::vector<std::string_view> path_;
  std::string_view name_;
  std::string text_;
  std::string_view error_;
  bool pending_end_ = false;  ///< <name/> is told as start and end
  bool root_seen_ = false;
};

}  // namespace weir::agent
