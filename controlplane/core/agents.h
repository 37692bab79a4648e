#pragma once
// Agents: attached ones, the origins they report, admission of processes as incarnations, load
// (design 6).
//
// Purpose: an agent names its origins by names of its own and says which id each of them asks for;
// here they are matched with the ids in the cluster, which differ when two live origins ask for
// one. Threading: the core's thread. Lifetime: links are shared with the RPC edge.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "controlplane/core/attach_stream.h"
#include "controlplane/core/cluster_view.h"
#include "controlplane/core/context.h"
#include "controlplane/core/direct_streams.h"
#include "controlplane/core/events.h"
#include "controlplane/core/generation.h"
#include "controlplane/core/holders.h"
#include "controlplane/core/links.h"
#include "controlplane/core/liveness.h"
#include "controlplane/core/origin_board.h"
#include "controlplane/core/peer_messages.h"
#include "controlplane/core/reported_streams.h"
#include "controlplane/core/restorer.h"
#include "controlplane/core/stream_spellings.h"

namespace weir::core {

class Agents {
 public:
  Agents(Context& context, ClusterView& view, Generation& generation, EventRing& events,
         OriginBoard& board, Liveness& liveness, Holders& holders, Restorer& restorer,
         ReportedStreams& reported, DirectStreams& direct);

  // --- from the RPC edge
  /// A new stream: it ends when no hello follows within kHelloWithin.
  void opened(const std::shared_ptr<AgentLink>& link);
  void message(const std::shared_ptr<AgentLink>& link, AgentUp message);
  void closed(const std::shared_ptr<AgentLink>& link);

  void heartbeat();
  /// Forgets agents that have been away for long and whose origins are gone.
  void tick();
  void end_all(std::string_view reason);
  /// The rules want the process of an origin registered.
  void admit(const OriginId& origin);
  /// The store's history is another one: every process is registered again.
  void register_all();

  // --- with other replicas
  bool attached(const AgentId& agent) const;
  /// Of its newest stream here; null: not known here.
  const AttachStream* stream(const AgentId& agent) const;
  /// It has a newer attach stream at another replica: nothing of it is kept here.
  void let_go(const AgentId& agent);
  /// The attached ones, as other replicas are told of them.
  std::vector<PeerAgent> told() const;
  /// Whether another replica has a newer stream of it than this one; any stream where none is
  /// named.
  std::function<bool(const AgentId&, const AttachStream*)> superseded;

  std::size_t attached_count() const { return links_.size(); }
  /// Origins that attached agents watch and whose process has not been seen to run.
  std::size_t waiting_for_process() const;
  bool admitting() const { return admitting_ > 0; }
  /// An origin that an attached agent offers and that was turned away.
  struct Rejected {
    AgentId agent;
    OriginId origin;  ///< as the agent calls it
    std::string why;
  };
  std::size_t rejected_count() const;
  std::vector<Rejected> rejected(std::size_t limit) const;

 private:
  struct Origin {
    OriginSeen seen;         ///< newest
    OriginId id;             ///< in the cluster; the one asked for until it was accepted
    IncarnationId accepted;  ///< of `seen.process`; empty = not accepted yet
    bool listed = false;     ///< its streams are known completely
    bool told = false;       ///< on this link: the epochs of its streams
    StreamSpellings spellings;
    std::uint64_t reading = 0;  ///< of its streams, as its agent counts them
    MonotonicTime read_at{};    ///< when that one was first told of
  };
  struct Agent {
    AgentId id;
    std::string instance;
    std::shared_ptr<AgentLink> link;  ///< null = not attached
    AttachStream stream;              ///< the newest one here
    MonotonicTime last_message{};
    std::optional<MonotonicTime> detached_since;
    std::map<OriginId, Origin> origins;        ///< by the agent's own name
    std::map<OriginId, std::string> rejected;  ///< likewise, and why
    /// Ids in the cluster that it reported on and does not any more.
    std::set<OriginId> left;
  };

  void hello(const std::shared_ptr<AgentLink>& link, AgentHello hello);
  void report(Agent& agent, LoadReport& report);
  void report_origin(const Agent& agent, Origin& origin, OriginReport& report);
  void seen(Agent& agent, OriginSeen seen);
  void verdict(Agent& agent, const OriginVerdict& verdict);
  void forgotten(Agent& agent, const OriginId& own);
  void detach(Agent& agent);
  /// Keeps what is known of the origin; null: turned away.
  Origin* note_seen(Agent& agent, OriginSeen seen);
  void reject(Agent& agent, const OriginSeen& seen, const std::string& why);
  /// Whether the origin's id in the cluster is taken for this very origin of this agent.
  bool owns(const AgentId& agent, const OriginId& own, const OriginId& id) const;
  /// What the origin owns goes with it.
  void disown(Agent& agent, const OriginId& own, const OriginId& id);
  /// Where `successor` is served now, nothing else can be.
  void replace_left(Agent& agent, const Origin& successor);
  /// Forgets those of its origins for which `gone` holds, with what they own.
  template <class Gone>
  void prune(Agent& agent, Gone gone);
  Origin* find(const AgentId& agent, const OriginId& own);
  std::string rejection(const Agent& agent, const OriginSeen& seen) const;
  void upsert(const AgentId& agent, const OriginId& own);
  void accepted(const AgentId& agent, const OriginId& own, const std::string& process,
                const store::OriginUpserted& upserted);
  void take_streams(const Agent& agent, Origin& origin, std::vector<ReportedStream> live,
                    std::vector<StreamKey> ended, bool complete);
  void tell_epochs(const Agent& agent, const Origin& origin);
  /// Under every name that the origin has for the stream.
  void tell_epoch(const Agent& agent, const Origin& origin, const model::Placement& placement);
  void on_placement(const ClusterView::PlacementChange& change);
  void on_live(const OriginId& origin, const StreamKey& stream);
  struct Owner {
    Agent* agent = nullptr;  ///< null: nobody reports on it
    Origin* origin = nullptr;
  };
  Owner owner(const OriginId& origin);

  Context& context_;
  ClusterView& view_;
  Generation& generation_;
  EventRing& events_;
  OriginBoard& board_;
  Liveness& liveness_;
  Holders& holders_;
  Restorer& restorer_;
  ReportedStreams& reported_;
  DirectStreams& direct_;
  const VhostRules vhosts_;
  std::map<AgentId, Agent> agents_;
  std::unordered_map<const AgentLink*, AgentId> links_;
  struct Own {
    AgentId agent;
    OriginId origin;
  };
  std::unordered_map<OriginId, Own> owners_;  ///< id in the cluster -> who reports it, as what
  std::size_t admitting_ = 0;
};

}  // namespace weir::core
