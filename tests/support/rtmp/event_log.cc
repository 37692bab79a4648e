#include "tests/support/rtmp/event_log.h"

#include <cstdio>

#include <fmt/format.h>

#include "tests/support/rtmp/json.h"

namespace weir::tests {

double EventLog::now() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

void EventLog::write(std::uint64_t session, std::string_view event, std::string_view more) const {
  const std::string line = fmt::format("{{\"t\":{:.6f},\"session\":{},\"event\":\"{}\"{}}}\n",
                                       now(), session, event, more);
  // One write per line: a reader that polls the file never sees half of one for long.
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fflush(stdout);
}

std::string EventLog::field(std::string_view key, std::string_view value) {
  return fmt::format(",\"{}\":{}", key, json_string(value));
}

std::string EventLog::field(std::string_view key, std::uint64_t value) {
  return fmt::format(",\"{}\":{}", key, value);
}

std::string EventLog::field(std::string_view key, double value) {
  return fmt::format(",\"{}\":{:.6f}", key, value);
}

std::string to_hex(const std::uint8_t* bytes, std::size_t count) {
  std::string text;
  text.reserve(2 * count);
  for (std::size_t i = 0; i < count; ++i) text += fmt::format("{:02x}", bytes[i]);
  return text;
}

}  // namespace weir::tests
