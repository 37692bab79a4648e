#pragma once
// post_heartbeat: one POST as SRS sends it, on a connection of its own.
//
// Threading: the io_context's one thread. Lifetime: keeps itself until it is answered or has
// failed; `done` is called once, never inside the call.

#include <cstdint>
#include <functional>
#include <string>

#include <boost/asio/io_context.hpp>

namespace weir::tests {

/// `status` 0: not answered.
using HeartbeatDone = std::function<void(int status, const std::string& answer)>;

void post_heartbeat(boost::asio::io_context& context, const std::string& host, std::uint16_t port,
                    const std::string& path, const std::string& body, HeartbeatDone done);

}  // namespace weir::tests
