#pragma once
// What /proc tells: identity and usage of a process, who listens on a port, facts of the host.
//
// Purpose: parsing apart from reading, so that the parsers are tested on text. Reads are short and
// never block on a disk, so they are done in place.
// Threading: any. Lifetime: values.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "origin-agent/report/messages.h"
#include "origin-agent/source/origin_source.h"

namespace weir::agent {

/// The fields of /proc/<pid>/stat that are used here (proc(5)).
struct ProcStat {
  char state = '?';  ///< Z and X have exited
  std::int32_t parent = 0;
  std::uint64_t cpu_ticks = 0;    ///< utime + stime
  std::uint64_t start_ticks = 0;  ///< field 22
  std::uint64_t resident_pages = 0;
};

std::optional<ProcStat> parse_proc_stat(std::string_view text);
/// The soft limit "Max open files" of /proc/<pid>/limits; 0 = not found or unlimited.
std::uint32_t parse_open_files_limit(std::string_view text);
/// Inodes of the sockets that listen on `port` in a /proc/net/tcp or tcp6 table.
std::vector<std::uint64_t> parse_listeners(std::string_view table, std::uint16_t port);
/// A pid file: a positive number, white space around it.
std::optional<std::int32_t> parse_pid_file(std::string_view text);

/// Nothing when there is no such process or it is a zombie.
std::optional<ProcessIdentity> process_identity(std::int32_t pid);
/// Processor and memory; nothing when that process runs no more.
std::optional<ProcessUsage> process_usage(const ProcessIdentity& process);

/// Descriptors of a process; 0 = unknown.
struct OpenFiles {
  std::uint32_t open = 0;
  std::uint32_t max = 0;
};
OpenFiles open_files(std::int32_t pid);

/// A process found, or why not.
struct FoundProcess {
  std::optional<ProcessIdentity> process;
  std::string trouble;
};
/// The process that a pid file names. `worker`: where that process has exactly one child, the child
/// is meant (a master and its worker).
FoundProcess find_by_pid_file(const std::string& path, bool worker);
/// The process that serves `port`: of several that hold its socket, the only child of the others
/// (a master and its worker), else their common parent, else the oldest.
FoundProcess find_by_port(std::uint16_t port);

/// Whether a process holds a socket that listens on `port` here. kUnknown: somebody does, and its
/// descriptors may not be read.
enum class Listens { kYes, kNo, kUnknown };
Listens listens_on(std::int32_t pid, std::uint16_t port);

HostFacts read_host_facts();

}  // namespace weir::agent
