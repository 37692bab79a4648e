#pragma once
// Listing: the read-only answers for operators, from the replica's memory.
//
// Purpose: pages in order of name; the state of the cluster at a glance.
// Threading: the core's thread. Lifetime: pointers in answers are valid until the next change.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/core/agents.h"
#include "controlplane/core/cluster_view.h"
#include "controlplane/core/context.h"
#include "controlplane/core/direct_streams.h"
#include "controlplane/core/forwarders.h"
#include "controlplane/core/generation.h"
#include "controlplane/core/liveness.h"
#include "controlplane/core/marks.h"
#include "controlplane/core/origin_board.h"
#include "controlplane/core/record_keeper.h"
#include "controlplane/core/replicas.h"
#include "controlplane/core/reported_streams.h"
#include "controlplane/core/session_table.h"
#include "controlplane/core/static_origins.h"

namespace weir::core {

struct OriginInfo {
  store::OriginRecord record;
  model::OriginState state = model::OriginState::kSuspect;
  std::string state_reason;
  std::optional<model::Load> load;
  Duration load_age{};
  std::uint32_t placed_streams = 0;
  std::vector<ForwarderId> penalized_forwarders;
  OriginMarks marks;
};

struct StreamInfo {
  model::Placement placement;
  SessionTable::Counts sessions;
  std::optional<StreamLoad> load;
  Duration load_age{};
  std::vector<OriginId> split_at;  ///< live there as well
  OriginId pin;                    ///< placed there only, by an operator's order; empty = none
};

struct ForwarderInfo {
  ForwarderRecord record;  ///< without the link
  bool attached = false;
  ReplicaId replica;  ///< that it is attached to, or was last
  Duration last_seen_age{};
  SessionTable::Counts sessions;
};

struct SessionInfo {
  ClientSession session;  ///< media_idle as of now
};

template <class T>
struct Page {
  std::vector<T> items;
  std::string next;  ///< name of the last item; empty = the last page
};

/// A replica as the others see it; the one that answers is among them.
struct ReplicaInfo {
  ReplicaId id;
  std::string instance;
  std::string version;
  bool answers = false;  ///< this is the one
  Duration age{};        ///< since it was heard of
  Duration uptime{};
  bool stale = false;
  Duration store_age{};
  std::string store_trouble;
  std::uint32_t forwarders = 0, agents = 0;
};

struct StatusInfo {
  Options options;
  std::uint64_t generation = 0;
  bool settling = false;
  bool verdicts_frozen = false;
  std::uint32_t origins_alive = 0, origins_suspect = 0, origins_dead = 0, origins_cordoned = 0;
  std::uint32_t streams_bound = 0, streams_publishing = 0, streams_orphaned = 0;
  std::uint32_t streams_split = 0, streams_direct = 0;
  std::uint32_t forwarders_attached = 0, agents_attached = 0, origins_rejected = 0;
  std::uint32_t origins_draining = 0, pins = 0;
  bool records_known = false;
  SessionTable::Counts sessions;
  Duration uptime{};
  std::vector<ReplicaInfo> replicas;  ///< live ones, in order of id
  std::vector<std::string> warnings;
};

class Listing {
 public:
  Listing(Context& context, ClusterView& view, Generation& generation, SessionTable& sessions,
          OriginBoard& board, Liveness& liveness, Forwarders& forwarders, Agents& agents,
          StaticOrigins& static_origins, ReportedStreams& reported, DirectStreams& direct,
          const Replicas& replicas, RecordKeeper& record_keeper);

  Answer<OriginInfo> origin(const OriginId& id) const;
  /// Also one that is gone, with nothing but its marks.
  OriginInfo marked_origin(const OriginId& id) const;
  OriginInfo describe(const store::OriginRecord& record) const;
  Page<OriginInfo> origins(const std::string& after, std::size_t limit) const;

  /// A pinned one that is not placed has a placement without an epoch.
  Answer<StreamInfo> stream(const StreamKey& key) const;
  /// `origin` empty = all.
  Page<StreamInfo> streams(const std::string& after, std::size_t limit,
                           const OriginId& origin) const;
  Revision revision() const { return view_.revision(); }

  Answer<ForwarderInfo> forwarder(const ForwarderId& id) const;
  Page<ForwarderInfo> forwarders(const std::string& after, std::size_t limit) const;

  /// Empty filters = all.
  Page<SessionInfo> sessions(const std::string& after, std::size_t limit, const std::string& stream,
                             const ForwarderId& forwarder) const;
  /// Forwarders that hold sessions here but are not attached to any replica.
  std::vector<ForwarderId> unreachable(const ForwarderId& only) const;

  StatusInfo status() const;

 private:
  StreamInfo describe(const model::Placement& placement) const;
  ForwarderInfo describe(const ForwarderRecord& record) const;
  ForwarderInfo describe(const PeerForwarder& told, const ReplicaId& replica) const;
  void add_replicas(StatusInfo& status) const;
  void warn_of_replicas(StatusInfo& status) const;
  void add_warnings(StatusInfo& status) const;
  void warn_of_splits(StatusInfo& status) const;
  void warn_of_rejected(StatusInfo& status) const;

  Context& context_;
  ClusterView& view_;
  Generation& generation_;
  SessionTable& sessions_;
  OriginBoard& board_;
  Liveness& liveness_;
  Forwarders& forwarders_;
  Agents& agents_;
  StaticOrigins& static_origins_;
  ReportedStreams& reported_;
  DirectStreams& direct_;
  const Replicas& replicas_;
  RecordKeeper& record_keeper_;
  MonotonicTime started_;
};

}  // namespace weir::core
