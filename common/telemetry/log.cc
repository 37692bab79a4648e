#include "common/telemetry/log.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "common/telemetry/log_format.h"

namespace weir::log {
namespace {

struct Settings {
  std::atomic<Format> format{Format::kText};
  std::atomic<Level> level{Level::kInfo};
};

Settings& settings() {
  static Settings instance;
  return instance;
}

/// Never destroyed: threads may still log while the process ends.
spdlog::logger& sink() {
  static spdlog::logger* const instance = [] {
    auto* logger = new spdlog::logger("weir", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->set_pattern("%v");  // lines come complete from format_line()
    logger->set_level(spdlog::level::trace);
    logger->flush_on(spdlog::level::trace);
    return logger;
  }();
  return *instance;
}

constexpr std::array<std::string_view, 5> kLevelWords{"trace", "debug", "info", "warning", "error"};

/// Position of the first `?` or `#`, plain or percent-encoded.
std::size_t query_start(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '?' || text[i] == '#') return i;
    if (text[i] != '%' || i + 2 >= text.size()) continue;
    const char high = text[i + 1];
    const char low = static_cast<char>(std::tolower(static_cast<unsigned char>(text[i + 2])));
    if ((high == '3' && low == 'f') || (high == '2' && low == '3')) return i;
  }
  return std::string_view::npos;
}

}  // namespace

void configure(Format format, Level level) {
  settings().format = format;
  settings().level = level;
}

bool enabled(Level level) {
  return level >= settings().level.load(std::memory_order_relaxed);
}

std::string_view to_string(Level level) {
  return kLevelWords[static_cast<std::size_t>(level)];
}

std::optional<Level> parse_level(std::string_view word) {
  const auto found = std::ranges::find(kLevelWords, word);
  if (found == kLevelWords.end()) return std::nullopt;
  return static_cast<Level>(found - kLevelWords.begin());
}

std::optional<Format> parse_format(std::string_view word) {
  if (word == "text") return Format::kText;
  if (word == "json") return Format::kJson;
  return std::nullopt;
}

Logger::Logger(std::string component)
    : component_(std::make_shared<const std::string>(std::move(component))) {}

Logger Logger::with_text(std::string_view key, std::string value) const {
  Logger copy = *this;
  auto fields = fields_ ? std::make_shared<std::vector<Field>>(*fields_)
                        : std::make_shared<std::vector<Field>>();
  fields->push_back({std::string(key), std::move(value)});
  copy.fields_ = std::move(fields);
  return copy;
}

void Logger::write(Level level, fmt::string_view text, fmt::format_args args) const {
  const std::string message = fmt::vformat(text, args);
  Line line{.time = std::chrono::system_clock::now(),
            .level = level,
            .component = *component_,
            .message = message,
            .fields = {}};
  if (fields_) line.fields = *fields_;
  sink().log(spdlog::level::info,
             spdlog::string_view_t(format_line(settings().format.load(), line)));
}

const Logger& default_logger() {
  static const Logger* const instance = new Logger("weir");
  return *instance;
}

bool Every::allow(MonotonicTime now) {
  if (last_ && now - *last_ < interval_) {
    ++suppressed_;
    return false;
  }
  last_ = now;
  return true;
}

std::string redact_stream_name(std::string_view name) {
  const std::size_t start = query_start(name);
  if (start == std::string_view::npos) return std::string(name);
  return std::string(name.substr(0, start)) + "?…";
}

std::string redact_url(std::string_view url) {
  std::string out = redact_stream_name(url);
  const std::size_t scheme = out.find("://");
  if (scheme == std::string::npos) return out;
  const std::size_t authority = scheme + 3;
  const std::size_t end = std::min(out.find('/', authority), out.size());
  const std::size_t at = out.rfind('@', end);
  if (at != std::string::npos && at >= authority) out.erase(authority, at + 1 - authority);
  return out;
}

}  // namespace weir::log
