#pragma once
// Logging: one line per event on stderr, as text or as one JSON object, with a component and
// fields.
//
// Purpose: the only way this project logs; the library behind it appears in log.cc alone. Names
// that clients send may carry tokens behind a `?`: pass them through redact_stream_name() or
// redact_url(). Threading: every function from any thread, except Every (one thread). Lifetime:
// loggers are values; the sink lives as long as the process.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "common/base/clock.h"

namespace weir::log {

enum class Level { kTrace, kDebug, kInfo, kWarning, kError };
enum class Format { kText, kJson };

/// Applies to every logger, those that exist included. Before the first call: text, info.
void configure(Format format, Level level);
/// Whether lines of this level are written.
bool enabled(Level level);

/// From the words of the configuration: "trace", "debug", "info", "warning", "error"; "text",
/// "json".
std::optional<Level> parse_level(std::string_view word);
std::optional<Format> parse_format(std::string_view word);
std::string_view to_string(Level level);

/// A fact that travels with every line of a logger: session, stream, origin.
struct Field {
  std::string key;
  std::string value;
};

class Logger {
 public:
  explicit Logger(std::string component);

  /// A copy of this logger with one more field.
  template <class Value>
  Logger with(std::string_view key, const Value& value) const {
    return with_text(key, fmt::format("{}", value));
  }

  template <class... Args>
  void trace(fmt::format_string<Args...> text, Args&&... args) const {
    log(Level::kTrace, text, std::forward<Args>(args)...);
  }
  template <class... Args>
  void debug(fmt::format_string<Args...> text, Args&&... args) const {
    log(Level::kDebug, text, std::forward<Args>(args)...);
  }
  template <class... Args>
  void info(fmt::format_string<Args...> text, Args&&... args) const {
    log(Level::kInfo, text, std::forward<Args>(args)...);
  }
  template <class... Args>
  void warning(fmt::format_string<Args...> text, Args&&... args) const {
    log(Level::kWarning, text, std::forward<Args>(args)...);
  }
  template <class... Args>
  void error(fmt::format_string<Args...> text, Args&&... args) const {
    log(Level::kError, text, std::forward<Args>(args)...);
  }
  template <class... Args>
  void log(Level level, fmt::format_string<Args...> text, Args&&... args) const {
    if (enabled(level)) write(level, text, fmt::make_format_args(args...));
  }

 private:
  Logger with_text(std::string_view key, std::string value) const;
  void write(Level level, fmt::string_view text, fmt::format_args args) const;

  // Shared and never changed: loggers are copied into every session.
  std::shared_ptr<const std::string> component_;
  std::shared_ptr<const std::vector<Field>> fields_;
};

/// The logger of code that has no component of its own (main functions).
const Logger& default_logger();

template <class... Args>
void debug(fmt::format_string<Args...> text, Args&&... args) {
  default_logger().debug(text, std::forward<Args>(args)...);
}
template <class... Args>
void info(fmt::format_string<Args...> text, Args&&... args) {
  default_logger().info(text, std::forward<Args>(args)...);
}
template <class... Args>
void warning(fmt::format_string<Args...> text, Args&&... args) {
  default_logger().warning(text, std::forward<Args>(args)...);
}
template <class... Args>
void error(fmt::format_string<Args...> text, Args&&... args) {
  default_logger().error(text, std::forward<Args>(args)...);
}

/// Lets one line through per interval: for conditions that a stranger can cause at will.
class Every {
 public:
  explicit Every(Duration interval) : interval_(interval) {}
  bool allow(MonotonicTime now);
  /// Lines held back since the last one let through; reading it resets it.
  std::uint64_t take_suppressed() { return std::exchange(suppressed_, 0); }

 private:
  Duration interval_;
  std::optional<MonotonicTime> last_;
  std::uint64_t suppressed_ = 0;
};

/// A stream, app or path as a client named it, with everything from the first query mark on cut
/// away
/// ("live?…"): queries carry tokens. An escaped query mark counts.
std::string redact_stream_name(std::string_view name);
/// A URL without user information and query.
std::string redact_url(std::string_view url);

}  // namespace weir::log
