#pragma once
// Who listens on a port, asked of the kernel by port instead of read from /proc/net/tcp, which
// lists every connection of the host: with tens of thousands of them one reading takes tens of
// milliseconds, and an agent asks about hundreds of servers when it starts.
// Threading: any; short system calls that wait for nothing outside the kernel. Lifetime: values.

#include <cstdint>
#include <optional>
#include <vector>

namespace weir::agent {

/// Inodes of the TCP sockets that listen on `port`, of both families. Nothing: the kernel does not
/// offer it (a container's seccomp filter, a kernel without inet_diag).
std::optional<std::vector<std::uint64_t>> listening_inodes(std::uint16_t port);

}  // namespace weir::agent
