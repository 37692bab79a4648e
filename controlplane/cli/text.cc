#include "controlplane/cli/text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <ctime>
#include <utility>

#include <fmt/format.h>

#include "common/base/stream_key.h"

namespace weir::cli {

std::string duration_text(Duration duration) {
  using namespace std::chrono;
  const auto ms = std::max<std::int64_t>(duration_cast<milliseconds>(duration).count(), 0);
  const std::int64_t s = ms / 1000;
  if (ms < 1000) return fmt::format("{}ms", ms);
  if (s < 60) return fmt::format("{}.{}s", s, ms % 1000 / 100);
  if (s < 3600) return fmt::format("{}m{}s", s / 60, s % 60);
  if (s < 86400) return fmt::format("{}h{}m", s / 3600, s % 3600 / 60);
  return fmt::format("{}d{}h", s / 86400, s % 86400 / 3600);
}

std::string duration_text(const google::protobuf::Duration& duration) {
  return duration_text(std::chrono::seconds(duration.seconds()) +
                       std::chrono::nanoseconds(duration.nanos()));
}

std::string age_text(bool present, const google::protobuf::Timestamp& time, WallTime now) {
  if (!present) return {};
  const WallTime then = WallTime(std::chrono::seconds(time.seconds()));
  return duration_text(std::chrono::duration_cast<Duration>(now - then));
}

std::string time_text(const google::protobuf::Timestamp& time) {
  const std::time_t seconds = time.seconds();
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::string rate_text(double bits_per_second) {
  if (bits_per_second >= 999.95e6) return fmt::format("{:.1f}G", bits_per_second / 1e9);
  if (bits_per_second >= 999.5e3) return fmt::format("{:.1f}M", bits_per_second / 1e6);
  if (bits_per_second >= 1e3) return fmt::format("{:.0f}k", bits_per_second / 1e3);
  return fmt::format("{:.0f}", std::max(bits_per_second, 0.0));
}

std::string share_text(double share) {
  return share < 0 ? std::string() : fmt::format("{:.0f}%", share * 100);
}

std::string epoch_text(const api::Epoch& epoch) {
  if (epoch.generation() == 0 && epoch.counter() == 0) return {};
  return fmt::format("{}.{}", epoch.generation(), epoch.counter());
}

std::string holder_text(const api::Holder& holder) {
  switch (holder.holder_case()) {
    case api::Holder::kClientSession:
      return fmt::format("{}/{}", holder.client_session().forwarder(),
                         holder.client_session().session());
    case api::Holder::kDirect:
      return "direct";
    case api::Holder::kExternal:
      return "external:" + holder.external().name();
    case api::Holder::HOLDER_NOT_SET:
      break;
  }
  return {};
}

std::string stream_text(std::string_view key) {
  const std::size_t slash = key.find('/');
  if (key.substr(0, slash) == kDefaultVhost && slash != std::string_view::npos)
    key.remove_prefix(slash + 1);
  return std::string(key);
}

std::string word_of(const google::protobuf::EnumDescriptor& type, int value) {
  static constexpr std::string_view kUnset = "UNSPECIFIED";
  const auto* found = type.FindValueByNumber(value);
  if (found == nullptr) return "unknown";
  // Every enumeration starts with <PREFIX>_UNSPECIFIED.
  const std::size_t prefix = type.value(0)->name().size() - kUnset.size();
  std::string text = found->name().substr(prefix);
  if (text == kUnset) return {};
  std::ranges::transform(text, text.begin(), [](char c) {
    return c == '_' ? '-' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

Result<std::string> stream_key_of(const std::string& text) {
  const auto key = parse_stream_key(text);
  if (!key) return key.error();
  return key->str();
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  static constexpr std::pair<std::string_view, std::int64_t> kUnits[] = {
      {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  for (const auto& [name, milliseconds] : kUnits) {
    if (unit == name) return std::chrono::milliseconds(number * milliseconds);
  }
  return std::nullopt;
}

}  // namespace weir::cli
