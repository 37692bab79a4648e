#pragma once
// AttachLink: one report stream at a time to one control-plane replica. The seam between the report
// driver and gRPC; tests use a fake.
//
// Threading: everything, callbacks included, on the agent's one thread; no callback runs inside a
// call. Lifetime: the listener outlives the link.

#include <cstddef>
#include <optional>
#include <string>

#include "common/base/callback.h"
#include "common/endpoints/endpoint_choice.h"
#include "origin-agent/report/messages.h"

namespace weir::agent {

class AttachLinkListener {
 public:
  virtual ~AttachLinkListener() = default;
  virtual void link_received(const DownMessage& message) = 0;
  /// Not called for a stream that close() ended.
  virtual void link_closed(const std::string& why, endpoints::Failure failure) = 0;
};

class AttachLink {
 public:
  virtual ~AttachLink() = default;
  /// Ends the stream there may be and starts one to replica `endpoint` of the configuration; `anew`
  /// on another connection than the last one.
  virtual void open(std::size_t endpoint, bool anew, AttachLinkListener& listener) = 0;
  virtual void send(const UpMessage& message) = 0;
  virtual void close() = 0;
  /// Whether that replica is stale; nullopt = no answer to that in time.
  virtual void ask_freshness(std::size_t endpoint, Callback<void(std::optional<bool>)> answer) = 0;
};

}  // namespace weir::agent
