#pragma once
// Values of the API as short text, and the command line's words as values of the API.
// Threading: pure. Lifetime: values.

#include <optional>
#include <string>
#include <string_view>

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/generated_enum_reflection.h>
#include <google/protobuf/timestamp.pb.h>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "weir/control/v1/types.pb.h"

namespace weir::cli {

namespace api = control::v1;

/// "350ms", "1.2s", "5m10s", "3h12m", "2d4h"
std::string duration_text(const google::protobuf::Duration& duration);
std::string duration_text(Duration duration);
/// How long ago; empty when `time` is missing.
std::string age_text(bool present, const google::protobuf::Timestamp& time, WallTime now);
/// "2026-01-02 03:04:05Z"
std::string time_text(const google::protobuf::Timestamp& time);
/// "4.0M", "640k", "0": bits per second
std::string rate_text(double bits_per_second);
/// "73%"; empty when negative (unknown)
std::string share_text(double share);
/// "generation.counter"; empty when there is none
std::string epoch_text(const api::Epoch& epoch);
/// "forwarder/session", "direct", "external:name"; empty when there is none
std::string holder_text(const api::Holder& holder);
/// The key without the default vhost, as it is typed
std::string stream_text(std::string_view key);

/// "alive" for ORIGIN_STATE_ALIVE; "unknown" for values this program does not know.
std::string word_of(const google::protobuf::EnumDescriptor& type, int value);
template <class Enum>
std::string word(Enum value) {
  return word_of(*google::protobuf::GetEnumDescriptor<Enum>(), value);
}

/// `app/stream` or `vhost/app/stream` as the key that the API uses.
Result<std::string> stream_key_of(const std::string& text);

/// "90s", "5m", "2h", "1d", "250ms"; nothing when it is not a duration.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

}  // namespace weir::cli
