#include "controlplane/placement/origin_view.h"

#include <utility>

#include "common/base/contract.h"
#include "controlplane/placement/rendezvous.h"

namespace weir::placement {

OriginView make_view(std::shared_ptr<const model::OriginDescription> description,
                     IncarnationId incarnation) {
  WEIR_ASSERT(description != nullptr);
  OriginView view;
  view.incarnation = std::move(incarnation);
  view.id_hash = rendezvous_hash(description->id.str());
  for (const auto& endpoint : description->endpoints) {
    view.protocol_bits |= 1U << static_cast<unsigned>(endpoint.protocol);
  }
  view.description = std::move(description);
  return view;
}

std::uint32_t average_placed(std::span<const OriginView> origins) {
  std::uint64_t sum = 0;
  std::uint64_t count = 0;
  for (const auto& view : origins) {
    if (view.state != model::OriginState::kAlive || view.cordoned || view.draining) {
      continue;
    }
    sum += std::uint64_t{view.placed_streams} + view.pending.in_flight;
    ++count;
  }
  return count == 0 ? 0 : static_cast<std::uint32_t>(sum / count);
}

}  // namespace weir::placement
