#pragma once
// Whether an address is one of this machine, loopback included. Asks the kernel each time, because
// addresses come and go.
// Threading: any; two system calls that do not block. Lifetime: none.

#include <string>

namespace weir::agent {

/// `host`: an address. False for names and wildcards.
bool is_own_address(const std::string& host);

}  // namespace weir::agent
