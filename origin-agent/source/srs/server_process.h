#pragma once
// What this host knows of an SRS process: whether the one that names itself runs here, and how many
// connections its configuration allows.
//
// Purpose: SRS names a pid, which in a container or on another machine is somebody else's here; and
// its API does not tell max_connections, although that is the first wall an origin meets.
// Threading: any; reads of /proc and of one file, in place. Lifetime: values.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "origin-agent/report/messages.h"

namespace weir::agent::srs {

/// `max_connections` of a configuration text of SRS; nothing when it does not say. Pure.
std::optional<std::uint32_t> parse_max_connections(std::string_view config);
/// Value of SRS_MAX_CONNECTIONS in the text of /proc/<pid>/environ. Pure.
std::optional<std::uint32_t> max_connections_of_environment(std::string_view environ_text);
/// The configuration file of a command line as in /proc/<pid>/cmdline; empty = none. Pure.
std::string config_path_of(std::string_view cmdline, std::string_view cwd);

/// The process `pid` of this host if it serves `rtmp_port`; nothing when another one does, or none
/// here. Where the process's descriptors may not be read (another user's), it is taken when
/// somebody here listens on the port and it is as old as SRS says that it is.
std::optional<ProcessIdentity> local_process(std::int32_t pid, std::uint16_t rtmp_port,
                                             std::optional<std::uint64_t> uptime_seconds);

/// From its environment, else its configuration file; nothing when neither says, or may be read.
std::optional<std::uint32_t> max_connections_of(const ProcessIdentity& process);

}  // namespace weir::agent::srs
