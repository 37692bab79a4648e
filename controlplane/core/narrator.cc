#include "controlplane/core/narrator.h"

#include <utility>

#include "controlplane/core/text.h"

namespace weir::core {

Narrator::Narrator(ClusterView& view, Generation& generation, EventRing& events)
    : generation_(generation), events_(events) {
  view.on_placement([this](const ClusterView::PlacementChange& change) { placement(change); });
  view.on_origin([this](const ClusterView::OriginChange& change) { origin(change); });
  view.records().on_change([this](const RecordBook::Change& change) { record(change); });
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
}

void Narrator::record(const RecordBook::Change& change) {
  using Kind = store::RecordKind;
  const bool on = change.after.has_value();
  const std::string value = on ? *change.after->value : std::string();
  const auto tell = [&](std::string_view type, const char* collection, std::string message,
                        EventRing::Attributes attributes = {}) {
    events_.add(type, Severity::kInfo, fmt::format("{}/{}", collection, change.name),
                std::move(message), std::move(attributes));
  };
  switch (change.kind) {
    case Kind::kCordon:
      if (!on) return tell("ORIGIN_UNCORDONED", "origins", "its cordon is taken back");
      return tell("ORIGIN_CORDONED", "origins",
                  fmt::format("no new placements by order: {}", value), {{"reason", value}});
    case Kind::kDrain: {
      if (!on) return tell("ORIGIN_UNDRAINED", "origins", "it need not run empty any more");
      const DrainMark mark = decode_drain(value);
      return tell("ORIGIN_DRAINING", "origins",
                  fmt::format("shall run empty, no new placements: {}", mark.reason),
                  {{"reason", mark.reason}});
    }
    case Kind::kWeight: {
      const std::string weight = on ? value : "1";
      return tell("ORIGIN_WEIGHT_CHANGED", "origins", fmt::format("its weight is {}", weight),
                  {{"weight", weight}});
    }
    case Kind::kPin:
      if (!on) return tell("STREAM_UNPINNED", "streams", "may be placed anywhere again");
      return tell("STREAM_PINNED", "streams", fmt::format("is placed on {} only", value),
                  {{"origin", value}});
    case Kind::kPolicy:
      return tell("POLICY_CHANGED", "policies",
                  on ? "another policy is in force" : "what each process is configured with holds");
    case Kind::kToken:
      return on ? tell("TOKEN_CREATED", "tokens", "a token was created")
                : tell("TOKEN_REVOKED", "tokens", "a token was revoked");
    case Kind::kSigningKey:
      return on ? tell("SIGNING_KEY_CREATED", "signingKeys", "a signing key was created")
                : tell("SIGNING_KEY_DELETED", "signingKeys", "a signing key was deleted");
  }
}

}  // namespace weir::core
