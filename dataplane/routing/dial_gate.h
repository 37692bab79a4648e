#pragma once
// DialGate: how many dials to one origin a worker has under way; the others wait their turn.
//
// Purpose: an origin is one thread behind a short listen queue. Thousands of dials at once overflow
// it, lose their SYNs for a second, and end as failures of an origin that is only busy. A dial is
// under way from connect() to the origin's first answer. Publishers go first: theirs decide where a
// stream is, and a player only comes a moment later. Who waits learns its turn by `wake`, which is
// called from within another session's call and must only record.
// Threading: the worker's thread. Lifetime: outlives its passes.

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <unordered_map>
#include <utility>

#include "common/base/callback.h"
#include "common/base/ids.h"
#include "dataplane/routing/limits.h"
#include "dataplane/routing/route.h"

namespace weir::routing {

class DialGate {
  struct Origin;
  struct Place;

 public:
  /// One dial, waiting or under way; gives its place back when it goes.
  class Pass {
   public:
    enum class State {
      kNone,
      kWaiting,
      kGranted,  ///< may dial
      kGivenUp,  ///< the origin does not answer others: no use waiting for it
    };
    Pass() = default;
    Pass(Pass&& other) noexcept { *this = std::move(other); }
    Pass& operator=(Pass&& other) noexcept;
    ~Pass() { leave(); }
    State state() const;
    void leave();
    /// The origin has answered.
    void answered();
    /// It has not, within its time. After kUnansweredDialsMax of these, in which it has answered
    /// nobody else either, whoever waits for it is told to give up.
    void unanswered();

   private:
    friend class DialGate;
    Pass(DialGate& gate, std::list<Place>::iterator place) : gate_(&gate), place_(place) {}
    DialGate* gate_ = nullptr;
    std::list<Place>::iterator place_;
  };

  explicit DialGate(std::size_t limit = kDialsPerOriginMax) : limit_(limit) {}
  DialGate(const DialGate&) = delete;
  DialGate& operator=(const DialGate&) = delete;

  /// Before the first dial. At least one.
  void set_limit(std::size_t limit);
  Pass enter(const IncarnationId& origin, Intent intent, Callback<void()> wake);
  /// Origins with a dial under way.
  std::size_t size() const { return origins_.size(); }

 private:
  struct Place {
    Pass::State state = Pass::State::kWaiting;
    Origin* origin = nullptr;  ///< null = given up
    Intent intent = Intent::kPlay;
    std::uint64_t answers_before = 0;  ///< of the origin, when it was let in
    Callback<void()> wake;
  };
  struct Origin {
    IncarnationId id;
    std::list<Place> granted;
    std::array<std::list<Place>, 2> waiting;  ///< by intent, publishers first; oldest first
    std::uint64_t answers = 0;
    std::size_t unanswered = 0;  ///< dials, in a row
  };

  static std::list<Place>& queue(Origin& origin, Intent intent) {
    return origin.waiting[intent == Intent::kPublish ? 0 : 1];
  }

  void leave(std::list<Place>::iterator place);
  void give_up(Origin& origin);

  std::size_t limit_;
  std::unordered_map<IncarnationId, Origin> origins_;
  std::list<Place> given_up_;  ///< until their passes go
};

}  // namespace weir::routing
