#include "controlplane/service/attach_join.h"

#include <utility>

#include "controlplane/service/limits.h"

namespace weir::service {

bool join(control::v1::ForwarderServiceAttachResponse& last,
          control::v1::ForwarderServiceAttachResponse& message) {
  if (message.has_acquire_answers() && last.has_acquire_answers()) {
    auto& answers = *last.mutable_acquire_answers()->mutable_answers();
    if (answers.size() >= kJoinedMax) return false;
    for (auto& answer : *message.mutable_acquire_answers()->mutable_answers())
      answers.Add(std::move(answer));
    return true;
  }
  if (!message.has_route_update()) return false;
  if (last.has_route_update()) {
    control::v1::RouteUpdate first = std::move(*last.mutable_route_update());
    *last.mutable_route_updates()->add_updates() = std::move(first);
  }
  if (!last.has_route_updates() || last.route_updates().updates_size() >= kJoinedMax) return false;
  *last.mutable_route_updates()->add_updates() = std::move(*message.mutable_route_update());
  return true;
}

}  // namespace weir::service
