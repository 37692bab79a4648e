#pragma once
// How a log line looks, apart from where it goes. Client-supplied bytes can neither break a line
// nor the JSON. Threading: pure. Lifetime: values.

#include <span>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/telemetry/log.h"

namespace weir::log {

struct Line {
  WallTime time;
  Level level = Level::kInfo;
  std::string_view component;
  std::string_view message;
  std::span<const Field> fields;
};

/// `2026-01-02T03:04:05.678Z warning relay: text session=ab12 stream=live/x`, or
/// `{"time":…,"level":…,"component":…,"message":…,"session":…}` with field keys that would hide a
/// standard one prefixed by `field_`. No end of line.
std::string format_line(Format format, const Line& line);

/// A JSON string literal, quotes included; bytes that are not UTF-8 become U+FFFD.
std::string json_quote(std::string_view text);

}  // namespace weir::log
