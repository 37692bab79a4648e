#include "controlplane/core/narrator.h"

#include <utility>

#include "controlplane/core/text.h"

namespace weir::core {

Narrator::Narrator(ClusterView& view, Generation& generation, EventRing& events)
    : generation_(generation), events_(events) {
  view.on_placement([this](const ClusterView::PlacementChange& change) { placement(change); });
  view.on_origin([this](const ClusterView::OriginChange& change) { origin(change); });
}

void Narrator::placement(const ClusterView::PlacementChange& change) {
  const std::string subject = "streams/" + change.stream.str();
  if (!change.after) {
    return events_.add("STREAM_RELEASED", Severity::kInfo, subject,
                       fmt::format("no longer placed on {}", change.before->origin.str()),
                       {{"origin", change.before->origin.str()}});
  }
  const model::Placement& now = *change.after;
  const EventRing::Attributes attributes{{"origin", now.origin.str()},
                                         {"incarnation", now.incarnation.str()},
                                         {"holder", holder_text(now.holder)},
                                         {"epoch", format_as(now.epoch)}};
  const auto tell = [&](std::string_view type, Severity severity, std::string message) {
    events_.add(type, severity, subject, std::move(message), attributes);
  };
  const bool new_epoch = !change.before || change.before->epoch != now.epoch;
  if (new_epoch && std::holds_alternative<model::DirectHolder>(now.holder)) {
    return tell("STREAM_ADOPTED", Severity::kInfo,
                fmt::format("published on {} itself, past the forwarders", now.origin.str()));
  }
  if (!change.before) {
    if (generation_.settling()) {
      return tell("STREAM_RESTORED", Severity::kInfo,
                  fmt::format("restored on {} with its epoch", now.origin.str()));
    }
    return tell("STREAM_PLACED", Severity::kInfo, fmt::format("placed on {}", now.origin.str()));
  }
  const model::Placement& before = *change.before;
  if (before.epoch == now.epoch) {
    if (before.incarnation != now.incarnation) {
      return tell("STREAM_REPOINTED", Severity::kInfo,
                  fmt::format("{} carries on under a new incarnation", now.origin.str()));
    }
    if (before.state == now.state) return;
    if (now.state == model::PlacementState::kOrphaned) {
      return tell("STREAM_ORPHANED", Severity::kInfo,
                  "its publisher has ended; the origin is kept for a while");
    }
    return tell("STREAM_PUBLISHING", Severity::kInfo,
                fmt::format("{} accepted the publisher", now.origin.str()));
  }
  if (before.origin != now.origin || before.incarnation != now.incarnation) {
    return tell("STREAM_REPLACED", Severity::kWarning,
                fmt::format("placed again: from {} to {}", before.origin.str(), now.origin.str()));
  }
  if (before.state == model::PlacementState::kOrphaned || before.holder == now.holder) {
    return tell("STREAM_RESUMED", Severity::kInfo,
                fmt::format("a publisher came back to {}", now.origin.str()));
  }
  tell("STREAM_TAKEN_OVER", Severity::kWarning,
       fmt::format("{} was displaced", holder_text(before.holder)));
}

void Narrator::origin(const ClusterView::OriginChange& change) {
  const std::string subject = "origins/" + change.origin.str();
  if (!change.after) {
    return events_.add("ORIGIN_REMOVED", Severity::kInfo, subject,
                       "dead for a day and no longer named by any placement");
  }
  const store::OriginRecord& now = *change.after;
  if (!change.before || change.before->incarnation != now.incarnation) {
    events_.add("ORIGIN_INCARNATION", Severity::kInfo, subject,
                change.before ? "its process is another one now" : "it is known from now on",
                {{"incarnation", now.incarnation.str()}, {"process", now.process}});
  }
  const bool was_cordoned = change.before && change.before->cordoned;
  if (now.cordoned == was_cordoned) return;
  events_.add(now.cordoned ? "ORIGIN_CORDONED" : "ORIGIN_UNCORDONED", Severity::kInfo, subject,
              now.cordoned ? fmt::format("no new placements by order: {}", now.cordon_reason)
                           : "takes new placements again",
              {{"reason", now.cordon_reason}});
}

}  // namespace weir::core
