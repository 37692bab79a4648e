#pragma once
// What the parts of one session share. Threading: the session's worker. Lifetime: references
// outlive the session.

#include <cstdint>
#include <string>

#include "common/base/random.h"
#include "dataplane/relay/relay_session.h"
#include "dataplane/relay/session_config.h"
#include "dataplane/routing/route_resolver.h"

namespace weir::relay {

struct SessionContext {
  SessionIo& io;
  routing::RouteResolver& resolver;
  Random& random;
  const RtmpSessionConfig& config;
  SessionIdentity identity;

  /// The client session of the connection's stream of that number, from 1. The first keeps the
  /// connection's id, which is unique across restarts, so the others are, too.
  SessionId session_of(std::uint32_t number) const {
    return number <= 1 ? identity.session
                       : SessionId(identity.session.str() + "-" + std::to_string(number));
  }
};

}  // namespace weir::relay
