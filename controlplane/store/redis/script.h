#pragma once
// A Lua script and its SHA-1, by which Redis knows it.
// Threading: value. Lifetime: outlives the commands that run it (scripts are made once per
// process).

#include <string>
#include <string_view>

namespace weir::store::redis {

class Script {
 public:
  /// `name` is for logs and metrics: a word of this program.
  Script(std::string name, std::string text);

  const std::string& name() const { return name_; }
  const std::string& text() const { return text_; }
  /// 40 lower-case hexadecimal digits.
  const std::string& sha() const { return sha_; }

 private:
  std::string name_;
  std::string text_;
  std::string sha_;
};

}  // namespace weir::store::redis
