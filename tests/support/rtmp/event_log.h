#pragma once
// EventLog: one JSON object per line on stdout, as tests/e2e/harness/rtmp_tool.py reads it.
// Threading: one thread. Lifetime: outlives its writers.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir::tests {

class EventLog {
 public:
  EventLog() : start_(std::chrono::steady_clock::now()) {}
  /// Seconds since the log began.
  double now() const;
  /// {"t":…,"session":N,"event":"…"<more>} where `more` is empty or `,"key":value…` built by
  /// field().
  void write(std::uint64_t session, std::string_view event, std::string_view more = {}) const;

  static std::string field(std::string_view key, std::string_view value);
  static std::string field(std::string_view key, std::uint64_t value);
  static std::string field(std::string_view key, double value);

 private:
  std::chrono::steady_clock::time_point start_;
};

/// Lower-case hexadecimal.
std::string to_hex(const std::uint8_t* bytes, std::size_t count);

}  // namespace weir::tests
