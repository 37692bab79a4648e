#pragma once
// RegisterServer: the HTTP listener that SRS posts its heartbeats and http_hooks to.
//
// Purpose: a stock SRS joins by its heartbeat's URL alone. Small, bounded (limits.h) HTTP/1.1: one
// POST per connection. Hooks are answered 0 whatever they say and whatever becomes of them: SRS
// refuses a client whose hook fails, and this listener never decides about clients.
// Threading: everything on the io_context's one thread, the listener's calls included.
// Lifetime: the io_context, the clock and the listener outlive it; connections end with it.

#include <memory>
#include <string>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/telemetry/log.h"
#include "origin-agent/source/srs/heartbeat.h"

namespace boost::asio {
class io_context;
}

namespace weir::agent::srs {

/// SRS Proxy's path, the one in the sample configuration of older SRS, and ours for hooks.
inline constexpr std::string_view kRegisterPath = "/api/v1/srs/register";
inline constexpr std::string_view kServersPath = "/api/v1/servers";
inline constexpr std::string_view kHooksPath = "/api/v1/srs/hooks";

class RegisterListener {
 public:
  virtual ~RegisterListener() = default;
  /// `peer`: address of the sender, without port. An error goes back as HTTP 400 and into the log,
  /// once for each origin and text (SRS repeats its heartbeat and ignores the answer), and so often
  /// for each peer as limits.h says.
  virtual Result<void> registered(const Heartbeat& heartbeat, const std::string& peer) = 0;
  /// Hints: which origin is meant must be looked up by event.server and event.service, and what
  /// they say must be read from the origin.
  virtual void published(const HookEvent& event) = 0;
  virtual void unpublished(const HookEvent& event) = 0;
};

class RegisterServer {
 public:
  RegisterServer(boost::asio::io_context& io, const Clock& clock, RegisterListener& listener,
                 log::Logger logger);
  ~RegisterServer();
  RegisterServer(const RegisterServer&) = delete;
  RegisterServer& operator=(const RegisterServer&) = delete;

  /// Opens the listener; an empty address opens none. Errors: address_in_use, invalid_argument.
  Result<void> start(const std::string& address);
  /// `address:port` as bound; empty when disabled.
  std::string address() const;
  /// Closes the listener and every connection.
  void stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace weir::agent::srs
