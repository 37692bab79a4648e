#pragma once
// What the parts of one session share. Threading: the session's worker. Lifetime: references
// outlive the session.

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
};

}  // namespace weir::relay
