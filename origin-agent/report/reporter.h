#pragma once
// Reporter: the report stream as a state machine, without a socket or a clock.
//
// Purpose: decides what an agent says to which control-plane replica and when: the hello after
// every origin was looked at once, reports with sequence numbers, complete lists at attach and each
// snapshot interval and changes between, verdicts (said again after a re-attach while they are
// still true), and leaving a replica that falls silent, or that is stale while another is not.
// Origins come and go while it runs. Inputs are the methods that take `now`; after each of them
// take_actions() says what to do and next_wakeup() when to call tick(). Threading: one thread.
// Lifetime: as long as the agent.

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/endpoints/endpoint_choice.h"
#include "origin-agent/report/messages.h"
#include "origin-agent/report/saved_state.h"
#include "origin-agent/report/stream_table.h"

namespace weir::endpoints {
class FresherSearch;
}

namespace weir::agent {

struct OpenLink {
  std::size_t endpoint = 0;  ///< index into the configured control-plane replicas
  bool anew = false;         ///< what there may be of a connection to it is no good
};
struct CloseLink {
  std::string why;
};
/// Whether that replica is stale; the answer goes to freshness_told().
struct AskFreshness {
  std::size_t endpoint = 0;
};
struct SendUp {
  UpMessage message;
};
/// saved_state() changed and should be written.
struct SaveState {};
struct LearnEpoch {
  StreamEpoch epoch;
};
/// For the log: an origin was taken in or turned away.
struct AcceptedNews {
  Accepted accepted;
};
using ReporterAction =
    std::variant<OpenLink, CloseLink, AskFreshness, SendUp, SaveState, LearnEpoch, AcceptedNews>;

struct ReporterConfig {
  AgentId agent;
  std::string instance;
  std::string version;
  HostFacts host;
  std::size_t endpoints = 0;
  std::vector<OriginSpec> origins;  ///< known from the start: numbers 0, 1, …
};

class Reporter {
 public:
  /// `random` spreads the pauses between attempts; it outlives the reporter.
  Reporter(ReporterConfig config, SavedState saved, Random& random);
  ~Reporter();
  Reporter(Reporter&&) noexcept;

  /// The number by which everything else names it; numbers are never used again. At most
  /// kOriginsMax origins, ids are unique: the caller sees to both.
  std::size_t add_origin(OriginSpec spec);
  /// Of the same id.
  void change_origin(MonotonicTime now, std::size_t origin, OriginSpec spec);
  /// Not watched any more.
  void remove_origin(MonotonicTime now, std::size_t origin);
  /// A verdict about it has not been taken in by a replica: removed now, nobody might ever hear of
  /// its end.
  bool has_unsaid_verdict(std::size_t origin) const;
  const OriginSpec& spec(std::size_t origin) const { return *states_.at(origin).spec; }
  std::size_t origin_count() const { return states_.size(); }

  // What the monitors of the origins found out.
  /// The process answered a probe (again).
  void process_seen(MonotonicTime now, std::size_t origin, const ProcessIdentity& process);
  /// First look only: a process is there and does not answer.
  void process_unanswered(MonotonicTime now, std::size_t origin, const ProcessIdentity& process);
  /// First look only: no process is there.
  void process_absent(MonotonicTime now, std::size_t origin);
  /// `evidence`: when it was found out.
  void process_failed(MonotonicTime now, std::size_t origin, VerdictReason reason,
                      MonotonicTime evidence);
  /// Complete list of live streams.
  void streams_read(std::size_t origin, std::vector<ReportedStream> streams);
  void load_read(std::size_t origin, const LoadSample& load);
  /// Ends the wait for first looks that do not come.
  void first_looks_over(MonotonicTime now);

  // What the link says.
  void received(MonotonicTime now, const DownMessage& message);
  void link_closed(MonotonicTime now, endpoints::Failure failure);
  /// nullopt = it gave no answer to that.
  void freshness_told(MonotonicTime now, std::size_t endpoint, std::optional<bool> stale);

  void tick(MonotonicTime now);

  std::vector<ReporterAction> take_actions();
  /// MonotonicTime::max(): nothing to do until an input comes.
  MonotonicTime next_wakeup() const;

  bool attached() const { return link_ == Link::kAttached; }
  bool was_attached() const { return was_attached_; }
  /// Was attached when every origin known then had been looked at; stays so when others come.
  bool was_ready() const { return was_ready_; }
  /// Every origin was looked at at least once.
  bool looked_at_all() const { return unseen_ == 0; }
  SavedState saved_state() const;

 private:
  enum class Link {
    kWaiting,   ///< for the first looks
    kPausing,   ///< until attach_at_
    kOpening,   ///< hello sent, no welcome yet
    kAttached,  ///< welcomed
  };

  struct PendingVerdict {
    std::string process;
    IncarnationId incarnation;  ///< empty: the process went before it was accepted
    VerdictReason reason = VerdictReason::kProcessGone;
    MonotonicTime evidence;
    bool sent = false;              ///< on this link
    std::uint64_t taken_in_by = 0;  ///< once sent: the report whose acknowledgement covers it
  };

  struct OriginState {
    std::shared_ptr<const OriginSpec> spec;
    bool looked_at = false;
    std::string process;        ///< empty = none
    bool answering = false;     ///< the last probe of `process` was answered
    IncarnationId incarnation;  ///< of `process`; empty = not told yet, or declared dead
    bool accepted = false;      ///< on this link
    bool snapshot_due = true;
    std::optional<PendingVerdict> verdict;
    MonotonicTime offer_again = MonotonicTime::max();  ///< after a rejection
    Duration offer_delay{};
    StreamTable streams;
    bool streams_known = false;
    std::uint64_t stream_readings = 0;
    LoadSample load;
    bool load_known = false;
  };

  using Entry = std::pair<const std::size_t, OriginState>;

  OriginState& state(std::size_t origin);
  bool link_open() const { return link_ == Link::kOpening || link_ == Link::kAttached; }
  void mark_looked_at(OriginState& origin);
  void looked_at(MonotonicTime now, std::size_t origin);
  void offer_at(Entry& entry, MonotonicTime when);
  void open(MonotonicTime now);
  void failed(MonotonicTime now, endpoints::Failure failure);
  void move(endpoints::EndpointChoice::Next next);
  void send(MonotonicTime now, UpMessage message);
  void send_seen(MonotonicTime now, const OriginState& origin);
  void send_verdict(MonotonicTime now, OriginState& origin);
  void send_report(MonotonicTime now);
  OriginSeen describe(const OriginState& origin) const;
  void set_incarnation(OriginState& origin, IncarnationId incarnation);
  void see_generation(std::uint64_t generation);

  void on(MonotonicTime now, const Welcome& welcome);
  void on(MonotonicTime now, const Accepted& accepted);
  void on(MonotonicTime now, const Ack& ack);
  void on(MonotonicTime now, const ReplicaHeartbeat& heartbeat);
  void on(MonotonicTime now, const StreamEpoch& epoch);

  const ReporterConfig config_;
  SavedState saved_;                           ///< as last read or told to save
  std::map<std::size_t, OriginState> states_;  ///< by number
  std::map<OriginId, std::size_t> numbers_;
  std::size_t next_number_ = 0;
  std::size_t unseen_ = 0;                                  ///< origins not looked at yet
  std::set<std::pair<MonotonicTime, std::size_t>> offers_;  ///< their `offer_again`
  std::vector<ReporterAction> actions_;

  Link link_ = Link::kWaiting;
  bool was_attached_ = false;
  bool was_ready_ = false;
  struct Replicas;
  std::unique_ptr<Replicas> replicas_;  ///< what is known of each
  std::size_t endpoint_ = 0;            ///< of the link, or the next one
  std::uint64_t attaches_ = 0;
  MonotonicTime attach_at_ = MonotonicTime::max();
  MonotonicTime silent_at_ = MonotonicTime::max();  ///< the replica is left then
  MonotonicTime last_sent_;
  MonotonicTime last_report_;
  MonotonicTime next_report_ = MonotonicTime::max();
  MonotonicTime next_snapshot_ = MonotonicTime::max();
  Duration report_interval_;
  Duration snapshot_interval_;
  std::uint64_t sequence_ = 0;
  std::uint64_t acknowledged_ = 0;  ///< highest sequence on this link
};

}  // namespace weir::agent
