#pragma once
// DialGate: how many dials to one origin a worker has under way; the others wait their turn.
//
// Purpose: an origin is one thread behind a short listen queue. Thousands of dials at once overflow
// it, lose their SYNs for a second, and end as failures of an origin that is only busy. A dial is
// under way from connect() to the origin's first answer. Who waits learns its turn by `wake`, which
// is called from within another session's call and must only record.
// Threading: the worker's thread. Lifetime: outlives its passes.

#include <cstddef>
#include <list>
#include <unordered_map>
#include <utility>

#include "common/base/callback.h"
#include "common/base/ids.h"
#include "dataplane/routing/limits.h"

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
    /// The origin has not answered within its time: whoever waits for it is told to give up.
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
  Pass enter(const IncarnationId& origin, Callback<void()> wake);
  /// Origins with a dial under way.
  std::size_t size() const { return origins_.size(); }

 private:
  struct Place {
    Pass::State state = Pass::State::kWaiting;
    Origin* origin = nullptr;  ///< null = given up
    Callback<void()> wake;
  };
  struct Origin {
    IncarnationId id;
    std::list<Place> granted;
    std::list<Place> waiting;  ///< oldest first
  };

  void leave(std::list<Place>::iterator place);
  void give_up(Origin& origin);

  std::size_t limit_;
  std::unordered_map<IncarnationId, Origin> origins_;
  std::list<Place> given_up_;  ///< until their passes go
};

}  // namespace weir::routing
