// OwnershipWorld: encoders that publish on an origin itself, past the forwarders, and what agents
// and the control plane make of them (docs/adr/0013).

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "tests/conformance/ownership_world.h"

namespace weir::store {

/// The agent reports an untagged live stream that nobody placed, as far as is known.
void OwnershipWorld::direct_acts(std::size_t index) {
  const Origin& origin = origins_[index];
  if (!origin.alive || origin.cut || !origin.direct) return;
  const auto placement = peek();
  const bool placed_well = placement && !declared_dead_.contains(placement->incarnation);
  // A late report adopts what was placed meanwhile; the verb has to refuse that.
  if (!placed_well || chance(20)) adopt(index);
}

void OwnershipWorld::adopt(std::size_t index) {
  const AdoptRequest request{stream_, origins_[index].id, origins_[index].incarnation};
  send([this, request] {
    const auto before = peek();
    const bool let_go = !before || declared_dead_.contains(before->incarnation);
    store_->adopt(request, {}, [this, before, let_go](Reply<Changed> reply) {
      note_error(reply);
      const auto* changed = std::get_if<Changed>(&reply);
      if (changed == nullptr || !changed->changed) return;
      const model::Placement& adopted = *changed->placement;
      if (!let_go) fail("I8 a stream was adopted that somebody holds");
      check_epoch(adopted);
      if (Session* session = before ? session_of(before->holder) : nullptr) {
        displaced_.insert(static_cast<std::size_t>(session - sessions_.data()));
      }
      accepted_.push_back({adopted.epoch, adopted.holder, adopted.origin});
    });
  });
}

/// Its origin lists the stream no longer, or is dead.
void OwnershipWorld::release_missing(const model::Placement& placement) {
  const Origin& origin = origins_[placement.origin == origins_[0].id ? 0 : 1];
  const bool gone =
      declared_dead_.contains(placement.incarnation) || (!origin.cut && !origin.direct);
  if (!gone) return;
  send([this, held = HolderRef{stream_, placement.holder, placement.epoch}] {
    store_->release(held, {}, [this](Reply<Changed> reply) { note_error(reply); });
  });
}

std::string OwnershipWorld::direct_rest_problem(
    const std::optional<model::Placement>& placement) const {
  const bool any =
      std::ranges::any_of(origins_, [](const Origin& origin) { return origin.direct; });
  if (!placement) return any ? "a direct publisher is not in the store" : "";
  if (!std::holds_alternative<model::DirectHolder>(placement->holder)) {
    return "a placement stays without anybody";
  }
  const Origin& origin = origins_[placement->origin == origins_[0].id ? 0 : 1];
  return origin.direct ? "" : "players would go where nobody publishes";
}

}  // namespace weir::store
