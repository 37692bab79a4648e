#include "origin-agent/source/srs/server_process.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdlib>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "origin-agent/source/limits.h"
#include "origin-agent/source/procfs.h"
#include "origin-agent/source/srs/limits.h"

namespace weir::agent::srs {
namespace {

/// How far what SRS says of its age and what the kernel says may lie apart: it counts from after
/// its configuration was read.
constexpr std::uint64_t kAgeDifferenceSeconds = 3;

std::optional<std::uint32_t> positive(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value == 0) return std::nullopt;
  return value;
}

/// Whose path it is a stranger may have chosen: a FIFO or a terminal would hold the one thread.
std::string read_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return {};
  std::string text;
  struct stat facts{};
  if (::fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode)) {
    std::array<char, 16384> buffer;
    ssize_t got = 0;
    while (text.size() < kServerConfigBytesMax &&
           (got = ::read(fd, buffer.data(), buffer.size())) > 0)
      text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  ::close(fd);
  text.resize(std::min(text.size(), kServerConfigBytesMax));
  return text;
}

/// Splits at NUL bytes.
std::string_view next_entry(std::string_view& text) {
  const std::size_t end = std::min(text.find('\0'), text.size());
  const std::string_view entry = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return entry;
}

std::optional<std::uint64_t> age_seconds(const ProcessIdentity& process) {
  const std::string uptime = read_file("/proc/uptime");
  double since_boot = 0;
  const auto [end, error] =
      std::from_chars(uptime.data(), uptime.data() + uptime.size(), since_boot);
  if (error != std::errc()) return std::nullopt;
  const auto start =
      static_cast<double>(process.start_ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return static_cast<std::uint64_t>(std::max(0.0, since_boot - start));
}

}  // namespace

std::optional<std::uint32_t> parse_max_connections(std::string_view config) {
  std::optional<std::uint32_t> found;
  int depth = 0;
  std::string name;  // first word of a directive
  std::string word;
  int words = 0;
  const auto end_word = [&] {
    if (word.empty()) return;
    if (++words == 1) name = word;
    if (words == 2 && depth == 0 && name == "max_connections" && !found) found = positive(word);
    word.clear();
  };
  bool comment = false;
  for (const char c : config) {
    if (comment) {
      comment = c != '\n';
      continue;
    }
    if (c == '#' || c == ';' || c == '{' || c == '}' ||
        std::isspace(static_cast<unsigned char>(c)) != 0) {
      end_word();
      comment = c == '#';
      if (c == ';' || c == '{' || c == '}') words = 0;
      if (c == '{') ++depth;
      if (c == '}') --depth;
    } else if (c != '"' && c != '\'' && word.size() < kHeartbeatTextBytesMax) {
      word += c;
    }
  }
  return found;
}

std::optional<std::uint32_t> max_connections_of_environment(std::string_view environ_text) {
  static constexpr std::string_view kName = "SRS_MAX_CONNECTIONS=";
  while (!environ_text.empty()) {
    const std::string_view entry = next_entry(environ_text);
    if (entry.starts_with(kName)) return positive(entry.substr(kName.size()));
  }
  return std::nullopt;
}

std::string config_path_of(std::string_view cmdline, std::string_view cwd) {
  next_entry(cmdline);  // the program
  while (!cmdline.empty()) {
    if (next_entry(cmdline) != "-c") continue;
    const std::string_view path = next_entry(cmdline);
    if (path.empty() || path.starts_with('/')) return std::string(path);
    return fmt::format("{}/{}", cwd, path);
  }
  return {};
}

std::optional<ProcessIdentity> local_process(std::int32_t pid, std::uint16_t rtmp_port,
                                             std::optional<std::uint64_t> uptime_seconds) {
  const auto process = process_identity(pid);
  if (!process) return std::nullopt;
  switch (listens_on(pid, rtmp_port)) {
    case Listens::kYes:
      return process;
    case Listens::kNo:
      return std::nullopt;
    case Listens::kUnknown:
      break;
  }
  const auto age = age_seconds(*process);
  if (!age || !uptime_seconds || *age > *uptime_seconds + kAgeDifferenceSeconds ||
      *uptime_seconds > *age + kAgeDifferenceSeconds)
    return std::nullopt;
  return process;
}

std::optional<std::uint32_t> max_connections_of(const ProcessIdentity& process) {
  const std::string base = fmt::format("/proc/{}/", process.pid);
  if (const auto set = max_connections_of_environment(read_file(base + "environ"))) return set;
  std::array<char, 4096> cwd{};
  const ssize_t size = ::readlink((base + "cwd").c_str(), cwd.data(), cwd.size());
  const std::string path =
      config_path_of(read_file(base + "cmdline"),
                     std::string_view(cwd.data(), size > 0 ? static_cast<std::size_t>(size) : 0));
  // Seen through the process's own root: it may have another one.
  if (path.empty()) return std::nullopt;
  return parse_max_connections(read_file(base + "root" + path));
}

}  // namespace weir::agent::srs
