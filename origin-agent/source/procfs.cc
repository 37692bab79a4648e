#include "origin-agent/source/procfs.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "origin-agent/source/limits.h"
#include "origin-agent/source/socket_diag.h"

namespace weir::agent {
namespace {

template <class Number>
std::optional<Number> number(std::string_view text, int base = 10) {
  Number value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || rest != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Splits off the next word; empty at the end.
std::string_view next_word(std::string_view& text) {
  const std::size_t start = text.find_first_not_of(" \t\n\r");
  if (start == std::string_view::npos) {
    text = {};
    return {};
  }
  text.remove_prefix(start);
  const std::size_t end = std::min(text.find_first_of(" \t\n\r"), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end);
  return word;
}

std::string_view next_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

/// Nothing when it cannot be read; errno says why.
std::optional<std::string> read_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  std::string text;
  std::array<char, 16384> buffer;
  ssize_t got = 0;
  while (text.size() < kProcFileBytesMax && (got = ::read(fd, buffer.data(), buffer.size())) > 0) {
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  ::close(fd);
  if (got < 0) return std::nullopt;
  return text;
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

/// Calls `visit(name)` for each entry; false when the directory cannot be read.
template <class Visit>
bool for_each_entry(const std::string& path, Visit visit) {
  const Directory directory(::opendir(path.c_str()));
  if (!directory) return false;
  while (const dirent* entry = ::readdir(directory.get())) {
    if (entry->d_name[0] != '.') visit(entry->d_name);
  }
  return true;
}

std::optional<ProcStat> read_proc_stat(std::int32_t pid) {
  const auto text = read_file(fmt::format("/proc/{}/stat", pid));
  return text ? parse_proc_stat(*text) : std::nullopt;
}

std::vector<std::int32_t> all_pids() {
  std::vector<std::int32_t> pids;
  for_each_entry("/proc", [&](std::string_view name) {
    if (const auto pid = number<std::int32_t>(name)) pids.push_back(*pid);
  });
  return pids;
}

bool holds_socket(std::int32_t pid, const std::vector<std::uint64_t>& inodes) {
  const std::string directory = fmt::format("/proc/{}/fd", pid);
  bool holds = false;
  for_each_entry(directory, [&](std::string_view name) {
    if (holds) return;
    std::array<char, 64> target;
    const ssize_t size =
        ::readlink(fmt::format("{}/{}", directory, name).c_str(), target.data(), target.size());
    std::string_view link(target.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    if (!link.starts_with("socket:[") || !link.ends_with("]")) return;
    link.remove_prefix(8);
    link.remove_suffix(1);
    const auto inode = number<std::uint64_t>(link);
    holds = inode && std::find(inodes.begin(), inodes.end(), *inode) != inodes.end();
  });
  return holds;
}

/// Of the processes that share a listening socket, the one whose end is the origin's end.
std::int32_t choose_holder(const std::vector<std::int32_t>& holders) {
  std::vector<std::int32_t> children;
  std::vector<std::int32_t> parents;
  for (const std::int32_t pid : holders) {
    const auto stat = read_proc_stat(pid);
    if (stat && std::find(holders.begin(), holders.end(), stat->parent) != holders.end()) {
      children.push_back(pid);
      parents.push_back(stat->parent);
    }
  }
  if (children.size() == 1) return children.front();
  if (!parents.empty()) return *std::min_element(parents.begin(), parents.end());
  return *std::min_element(holders.begin(), holders.end());
}

/// Of this network namespace.
std::vector<std::uint64_t> listeners_of(std::uint16_t port) {
  if (auto told = listening_inodes(port)) return std::move(*told);
  std::vector<std::uint64_t> inodes;
  for (const char* path : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    const auto table = read_file(path);
    if (!table) continue;
    const auto found = parse_listeners(*table, port);
    inodes.insert(inodes.end(), found.begin(), found.end());
  }
  return inodes;
}

std::uint32_t count_open_files(std::int32_t pid) {
  // From Linux 6.2 on the directory's size is the number of its entries; before, it is 0.
  const std::string directory = fmt::format("/proc/{}/fd", pid);
  struct stat status{};
  if (::stat(directory.c_str(), &status) == 0 && status.st_size > 0)
    return static_cast<std::uint32_t>(status.st_size);
  std::uint32_t count = 0;
  for_each_entry(directory, [&](std::string_view) { ++count; });
  return count;
}

}  // namespace

std::optional<ProcStat> parse_proc_stat(std::string_view text) {
  // The command name stands in parentheses and may contain anything, ')' included.
  const std::size_t end = text.rfind(')');
  if (end == std::string_view::npos) return std::nullopt;
  text.remove_prefix(end + 1);
  ProcStat stat;
  const std::string_view state = next_word(text);
  if (state.size() != 1) return std::nullopt;
  stat.state = state[0];
  std::array<std::uint64_t, 25> field{};  // by the numbers of proc(5); 4 is the first one read here
  for (std::size_t i = 4; i < field.size(); ++i) {
    const std::string_view word = next_word(text);
    // Some fields are negative (priority, tty_nr): they are not used, and skipped.
    field[i] = number<std::uint64_t>(word).value_or(0);
    if (word.empty()) return std::nullopt;
  }
  stat.parent = static_cast<std::int32_t>(field[4]);
  stat.cpu_ticks = field[14] + field[15];
  stat.start_ticks = field[22];
  stat.resident_pages = field[24];
  return stat;
}

std::uint32_t parse_open_files_limit(std::string_view text) {
  constexpr std::string_view kName = "Max open files";
  while (!text.empty()) {
    std::string_view line = next_line(text);
    if (!line.starts_with(kName)) continue;
    line.remove_prefix(kName.size());
    return number<std::uint32_t>(next_word(line)).value_or(0);
  }
  return 0;
}

std::vector<std::uint64_t> parse_listeners(std::string_view table, std::uint16_t port) {
  constexpr std::string_view kListen = "0A";
  std::vector<std::uint64_t> inodes;
  next_line(table);  // headings
  while (!table.empty()) {
    std::string_view line = next_line(table);
    next_word(line);  // number of the line
    const std::string_view local = next_word(line);
    next_word(line);  // remote address
    if (next_word(line) != kListen) continue;
    const std::size_t colon = local.rfind(':');
    if (colon == std::string_view::npos) continue;
    if (number<std::uint16_t>(local.substr(colon + 1), 16) != port) continue;
    for (int skipped = 0; skipped < 5; ++skipped) next_word(line);  // queues, timers, uid, timeout
    if (const auto inode = number<std::uint64_t>(next_word(line)); inode && *inode != 0) {
      inodes.push_back(*inode);
    }
  }
  return inodes;
}

std::optional<std::int32_t> parse_pid_file(std::string_view text) {
  const auto pid = number<std::int32_t>(next_word(text));
  if (!pid || *pid <= 0 || !next_word(text).empty()) return std::nullopt;
  return pid;
}

std::optional<ProcessIdentity> process_identity(std::int32_t pid) {
  const auto stat = read_proc_stat(pid);
  if (!stat || stat->state == 'Z' || stat->state == 'X') return std::nullopt;
  return ProcessIdentity{pid, stat->start_ticks, {}};
}

std::optional<ProcessUsage> process_usage(const ProcessIdentity& process) {
  const auto stat = read_proc_stat(process.pid);
  if (!stat || stat->start_ticks != process.start_ticks) return std::nullopt;
  ProcessUsage usage;
  usage.cpu_seconds =
      static_cast<double>(stat->cpu_ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  usage.resident_bytes = stat->resident_pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return usage;
}

OpenFiles open_files(std::int32_t pid) {
  OpenFiles files;
  files.open = count_open_files(pid);
  if (const auto limits = read_file(fmt::format("/proc/{}/limits", pid)))
    files.max = parse_open_files_limit(*limits);
  return files;
}

FoundProcess find_by_pid_file(const std::string& path, bool worker) {
  const auto text = read_file(path);
  if (!text) return {std::nullopt, fmt::format("pid file {}: {}", path, std::strerror(errno))};
  const auto pid = parse_pid_file(*text);
  if (!pid) return {std::nullopt, fmt::format("pid file {} does not hold a pid", path)};
  std::optional<std::int32_t> child;
  std::size_t children = 0;
  if (worker) {
    for (const std::int32_t candidate : all_pids()) {
      const auto stat = read_proc_stat(candidate);
      if (!stat || stat->parent != *pid || stat->state == 'Z') continue;
      child = candidate;
      ++children;
    }
  }
  const std::int32_t meant = children == 1 ? *child : *pid;
  const auto process = process_identity(meant);
  if (!process) return {std::nullopt, fmt::format("process {} of {} does not run", meant, path)};
  return {process, {}};
}

FoundProcess find_by_port(std::uint16_t port) {
  const std::vector<std::uint64_t> inodes = listeners_of(port);
  if (inodes.empty()) return {std::nullopt, fmt::format("nothing listens on port {}", port)};
  std::vector<std::int32_t> holders;
  for (const std::int32_t pid : all_pids()) {
    if (process_identity(pid) && holds_socket(pid, inodes)) holders.push_back(pid);
  }
  if (holders.empty()) {
    return {std::nullopt,
            fmt::format("the process on port {} belongs to another user: give its pidfile", port)};
  }
  return {process_identity(choose_holder(holders)), {}};
}

Listens listens_on(std::int32_t pid, std::uint16_t port) {
  const std::vector<std::uint64_t> inodes = listeners_of(port);
  if (inodes.empty() || !process_identity(pid)) return Listens::kNo;
  if (holds_socket(pid, inodes)) return Listens::kYes;
  const Directory descriptors(::opendir(fmt::format("/proc/{}/fd", pid).c_str()));
  return descriptors ? Listens::kNo : Listens::kUnknown;
}

HostFacts read_host_facts() {
  HostFacts facts;
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) == 0) facts.hostname = name.data();
  facts.cores = static_cast<std::uint32_t>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
  facts.memory_bytes = static_cast<std::uint64_t>(std::max(0L, ::sysconf(_SC_PHYS_PAGES))) *
                       static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return facts;
}

}  // namespace weir::agent
