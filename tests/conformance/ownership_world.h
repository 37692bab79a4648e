#pragma once
// A small cluster around one stream, for exploring who owns it (the scenarios of docs/adr/0004).
//
// Purpose: encoders on two forwarders, two origins with their agents, and the control plane's
// habits (asking holders, pushing epochs, restoring) drive a real StateStore, whichever it is.
// Every message may be late, repeated and reordered, as a seed decides; the invariants I1–I7 are
// checked at each step. Threading: one thread. Lifetime: one world per seed.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/random.h"
#include "controlplane/store/state_store.h"
#include "tests/conformance/state_store_conformance.h"

namespace weir::store {

/// How often each fault may happen in one run.
struct Faults {
  int end_session = 0;
  int idle = 0;
  int origin_dies = 0;
  int false_verdict = 0;
  int store_freezes = 0;
  int forwarder_crashes = 0;
  int cut_forwarder = 0;
  int cut_agent = 0;
  int store_loses_all = 0;
  int direct = 0;  ///< an encoder publishes on an origin itself
};

struct Scenario {
  std::string name;
  Faults faults;
  std::vector<std::size_t> forwarder_of = {0, 1};  ///< per session
  bool first_is_live = false;
  bool reject = false;  ///< policy of a second publisher; else takeover_if_idle
  /// At the end the encoders of the forwarders leave and the direct ones stay; else the reverse.
  bool direct_stays = false;
};

inline void PrintTo(const Scenario& scenario, std::ostream* out) {
  *out << scenario.name;
}

/// Wraps the store under test, to break it on purpose.
using StoreWrapper =
    std::function<std::unique_ptr<StateStore>(StateStore& real, Executor& executor)>;

class OwnershipWorld {
 public:
  OwnershipWorld(std::unique_ptr<StoreUnderTest> under_test, const Scenario& scenario,
                 std::uint64_t seed, const StoreWrapper& wrap = {});
  /// Faults and interleavings, then healing; the first violated invariant, or empty.
  std::string run();

 private:
  enum class SessionState {
    kNew,    ///< wants to publish
    kAsked,  ///< its acquire is on its way
    kHeld,   ///< was told that another holds the stream
    kGiven,  ///< knows its origin, does not publish yet
    kLive,   ///< publishes
    kEnded,
  };
  struct Session {
    model::Holder holder;
    std::size_t forwarder = 0;
    SessionState state = SessionState::kNew;
    std::optional<model::Placement> given;
    std::optional<AcquireResult> held;
    int attempt = 0;
    bool idle = false;
    MonotonicTime media_since{};
  };
  struct Known {
    Epoch epoch;
    model::Holder holder;
    OriginId origin;
  };
  struct Forwarder {
    ForwarderId id;
    bool cut = false;
    std::optional<Known> known;
  };
  struct Tag {
    std::size_t session = 0;
    Epoch epoch;
    bool operator==(const Tag&) const = default;
  };
  struct Origin {
    OriginId id;
    bool alive = true;
    bool cut = false;  ///< its agent, from the control plane
    int process = 1;
    IncarnationId incarnation;
    std::optional<Tag> publisher;
    bool direct = false;         ///< its publisher came to it directly, and has no tag
    std::optional<Known> known;  ///< highest epoch its agent was told
    std::optional<Tag> kick;     ///< decided, not yet done
  };

  // ownership_world_test.cc: time, messages, checks
  void fail(const std::string& what);
  void send(std::function<void()> message);
  void deliver_one();
  void pass_time(Duration by);
  void renew(const Forwarder& forwarder);
  void wrap_store();
  /// The store stands still, and nobody else does.
  void freeze(Duration by);
  void raise_when_lost();
  template <class T>
  void note_error(const Reply<T>& reply);
  std::optional<model::Placement> peek();
  void check_bound(const AcquireResult& result, const AcquireRequest& request);
  void check_epoch(const model::Placement& bound);
  std::string rest_problem();
  // ownership_direct_test.cc: publishers on the origins themselves
  void direct_acts(std::size_t index);
  void adopt(std::size_t index);
  void release_missing(const model::Placement& placement);
  std::string direct_rest_problem(const std::optional<model::Placement>& placement) const;
  // ownership_actors_test.cc: what encoders, forwarders, agents and the control plane do
  void act();
  void session_acts(std::size_t index);
  void ask_to_publish(std::size_t index, std::optional<Takeover> takeover,
                      std::optional<Failed> failed);
  void second_publisher(Session& session, std::size_t index);
  void dial(Session& session, std::size_t index);
  void end(std::size_t index, bool say_so);
  void close_fenced(std::size_t index, const std::string& why);
  void push();
  void tell_forwarder(Forwarder& forwarder, const Known& known);
  void agent_acts(std::size_t index);
  void report_origin(std::size_t index);
  void restore_all();
  void control_plane_asks();
  void claim_missing();
  void fault();
  void crash_forwarder();
  void reconnect(Forwarder& forwarder);
  void heal();

  bool chance(std::uint64_t percent) { return random_.below(100) < percent; }
  Session* session_of(const model::Holder& holder);

  Scenario scenario_;
  Faults left_;
  SeededRandom random_;
  StoreWrapper wrap_;
  std::unique_ptr<StoreUnderTest> under_test_;
  MonotonicTime now_{};
  std::unique_ptr<StateStore> wrapped_;
  StateStore* store_ = nullptr;
  bool lost_ = false;
  bool healing_ = false;

  StreamKey stream_;
  std::vector<Session> sessions_;
  std::vector<Forwarder> forwarders_;
  std::vector<Origin> origins_;
  std::vector<std::function<void()>> messages_;
  std::vector<Known> accepted_;            ///< everything that was ever bound
  std::set<IncarnationId> declared_dead_;  ///< verdicts that the store accepted
  std::set<std::size_t> displaced_;        ///< by a decision that may end them
  std::string problem_;
};

}  // namespace weir::store
