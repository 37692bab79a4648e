#pragma once
// Links to attached forwarders and agents: implemented over gRPC streams in controlplane/service,
// by fakes in the tests.
//
// Threading: the core calls from its one thread; an implementation hands over to wherever it
// writes. Lifetime: shared by the stream and the core; a link whose stream has ended ignores what
// it is sent.

#include <memory>
#include <string>
#include <string_view>

#include "controlplane/core/errors.h"
#include "controlplane/core/messages.h"

namespace weir::core {

/// A link's queue is bounded: when it overflows the link ends the stream, and the peer attaches
/// again and is told everything from the start.
class ForwarderLink {
 public:
  virtual ~ForwarderLink() = default;
  virtual void send(ForwarderDown message) = 0;
  /// Ends the stream; `message` is for people.
  virtual void end(Reason reason, std::string_view message) = 0;
};

class AgentLink {
 public:
  virtual ~AgentLink() = default;
  virtual void send(AgentDown message) = 0;
  virtual void end(Reason reason, std::string_view message) = 0;
  /// `address:port` of the peer.
  virtual std::string peer() const = 0;
};

}  // namespace weir::core
