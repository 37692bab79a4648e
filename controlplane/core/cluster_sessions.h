#pragma once
// ClusterSessions: client sessions of the whole cluster, from every replica that has some.
//
// Purpose: lists and kicks wherever the forwarder is attached. Sessions are in order of id at every
// replica, so a page is the front of the merged pages, and its token is good everywhere. Who does
// not answer in time is named; what it has is missing. Threading: the core's thread. Lifetime: what
// is under way is dropped with it.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "controlplane/core/context.h"
#include "controlplane/core/errors.h"
#include "controlplane/core/events.h"
#include "controlplane/core/listing.h"
#include "controlplane/core/mailroom.h"
#include "controlplane/core/replicas.h"
#include "controlplane/core/request_window.h"
#include "controlplane/core/session_desk.h"

namespace weir::core {

struct SessionsPage {
  std::vector<SessionInfo> items;
  std::string next;                      ///< name of the last item; empty = the last page
  std::vector<std::string> unreachable;  ///< `forwarders/…`, `replicas/…`, each once
};

struct ListedSessionsQuery {
  std::string after;
  std::size_t limit = 0;
  std::string stream;  ///< empty = all
  ForwarderId forwarder;
};

class ClusterSessions {
 public:
  ClusterSessions(Context& context, EventRing& events, const Replicas& replicas, Mailroom& mailroom,
                  SessionDesk& desk, Listing& listing, const SessionTable& sessions);

  void list(ListedSessionsQuery query, std::function<void(SessionsPage)> respond);
  /// Ends it; answered once its forwarder has done so, or was asked for 500 ms (BUSY_RETRY).
  void kick(const SessionId& session, const std::string& reason, const std::string& request_id,
            Respond<SessionInfo> respond);
  void tick();

  // --- questions of other replicas
  void answer(const ListRemote& question, Callback<void(Mailroom::Body)> respond);
  void answer(const KickRemote& question, Callback<void(Mailroom::Body)> respond);

 private:
  struct Gathering;
  struct Kicking;

  void merge(const std::shared_ptr<Gathering>& gathering);
  /// Names forwarders that went with their replica, and are back nowhere.
  void name_missing(const ForwarderId& only, const std::function<void(std::string)>& name) const;
  void kick_here(const ClientSession& session, Callback<void(bool)> done);
  void kicked(const std::shared_ptr<Kicking>& kicking);

  Context& context_;
  EventRing& events_;
  const Replicas& replicas_;
  Mailroom& mailroom_;
  SessionDesk& desk_;
  Listing& listing_;
  const SessionTable& sessions_;
  RequestWindow<SessionInfo> window_;
};

}  // namespace weir::core
