#pragma once
// Opening TCP listeners so that a port held by anybody else is refused by name.
//
// Purpose: SO_REUSEPORT lets two programs share a port without noticing; every listener is
// therefore bound once without it (common/base/listen_address.h) before the real sockets are
// opened. Threading: call from the thread that wires the process; resolving a host name may block.
// Lifetime: acceptors belong to the io_context they were opened on.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <boost/asio/ip/tcp.hpp>

#include "common/base/result.h"

namespace weir::async {

/// One listening, non-blocking acceptor. `address`: see resolve_listen_address(). `flag` is what
/// the error names ("--admin"). Errors: address_in_use, address_not_available, permission_denied,
/// invalid_argument.
Result<boost::asio::ip::tcp::acceptor> open_listener(boost::asio::io_context& io,
                                                     const std::string& address,
                                                     const std::string& flag);

/// One acceptor per io_context, all on one address and port, among which the kernel spreads
/// connections (SO_REUSEPORT). Port 0 picks one port for all.
Result<std::vector<boost::asio::ip::tcp::acceptor>> open_shared_listeners(
    std::span<boost::asio::io_context* const> ios, const std::string& address,
    const std::string& flag);

/// `address:port` as bound, IPv6 in brackets: for ready lines.
std::string local_address(const boost::asio::ip::tcp::acceptor& acceptor);

/// Raises the soft limit of open descriptors to the hard one; returns the limit in force.
std::uint64_t raise_open_files_limit();

}  // namespace weir::async
