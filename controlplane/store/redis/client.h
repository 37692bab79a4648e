#pragma once
// Client: one Redis (a single node, or the primary that Sentinel names) over one pipelined
// connection that is made again when it breaks.
//
// Purpose: commands and scripts with deadlines. hiredis formats and parses; the socket is Asio's,
// plain or TLS. A command that was written and not answered is never sent again: its caller learns
// kNoAnswer, "unknown whether it was done". Commands called while no connection is open wait for
// one, within their deadline. Answers arrive in the order of the calls, except that a script which
// Redis had to be given the text of is run after what was written behind it, and that refusals of
// the client itself come when they come.
//
// Only a primary is spoken to: a connection is used once it is authenticated, the database is
// selected, ROLE says master and a script has run.
//
// Threading: everything on the io_context's one thread; a completion is never run inside the call
// that caused it. Lifetime: the io_context, clock, random and registry outlive it. stop() and the
// destructor answer what is under way with kNoAnswer or kNotConnected, inside that call.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/callback.h"
#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/base/result.h"
#include "common/telemetry/log.h"
#include "common/telemetry/metrics.h"
#include "controlplane/store/redis/options.h"
#include "controlplane/store/redis/reply.h"
#include "controlplane/store/redis/script.h"

namespace boost::asio {
class io_context;
}

namespace weir::store::redis {

/// What its owner wants to know of connections. Called from the event loop, never inside a call.
struct ClientEvents {
  /// A connection is open and usable; `run_id` names the life of that Redis process.
  std::function<void(const std::string& run_id)> connected;
  /// It is gone; what was under way on it has been answered.
  std::function<void(const std::string& why)> lost;
};

class Client {
 public:
  Client(boost::asio::io_context& io, const Clock& clock, Random& random, Options options,
         log::Logger log, metrics::Registry& registry);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Begins to connect, and goes on until stop(). Fails (invalid_argument, operation_not_permitted)
  /// when the TLS files cannot be used; nothing else can be wrong before a connection is tried.
  Result<void> start(ClientEvents events = {});
  /// Answers everything, closes, and connects no more.
  void stop();

  /// Runs a script: EVALSHA, and where Redis does not know it, with its text. ARGV[1] is the run id
  /// of the connection that the command is written to; `args` follow from ARGV[2] on.
  void run(const Script& script, std::vector<std::string> keys, std::vector<std::string> args,
           Callback<void(Answer)> done);
  /// Any other command, its name first. Not for those that block or turn the connection to
  /// something else (SUBSCRIBE, MULTI, …).
  void command(std::vector<std::string> args, Callback<void(Answer)> done);

  bool connected() const;
  /// Of the connection that is open; empty without one.
  const std::string& run_id() const;
  /// Why the store is not usable, for people: no connection and why (wrong password, not a primary,
  /// wrong CA, …), or what Redis refuses (memory full, no permission, …). Empty when all is well.
  std::string trouble() const;
  const Options& options() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace weir::store::redis
