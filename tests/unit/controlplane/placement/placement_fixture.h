#pragma once
// Builders for placement tests: origins with sensible defaults, and a cluster that places like the
// core. Threading: one thread.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "controlplane/placement/limits.h"
#include "controlplane/placement/placer.h"

namespace weir::placement {

inline MonotonicTime at(Duration since_start) {
  return MonotonicTime(std::chrono::hours(1) + since_start);
}

inline StreamKey stream_key(const std::string& name) {
  return parse_stream_key("live/" + name).value();
}

inline OriginView origin(const std::string& id,
                         const std::function<void(model::OriginDescription&)>& change = {}) {
  model::OriginDescription description;
  description.id = OriginId(id);
  description.kind = model::OriginKind::kNginxRtmp;
  description.endpoints = {{model::Protocol::kRtmp, "127.0.0.1:1935"}};
  if (change) change(description);
  OriginView view = make_view(std::make_shared<model::OriginDescription>(std::move(description)),
                              IncarnationId(id + "-1"));
  view.state = model::OriginState::kAlive;
  return view;
}

/// Places and reserves as the core does; the store is taken to bind the winner at once or later.
class Cluster {
 public:
  explicit Cluster(std::vector<OriginView> origins) : views(std::move(origins)) {}

  Decision decide(const std::string& stream, MonotonicTime now) {
    request.stream = stream_key(stream);
    return placer.decide(request, Snapshot{.now = now, .origins = views});
  }

  std::string place(const std::string& stream, MonotonicTime now) {
    for (const auto& changed : ledger.advance(now)) refresh(changed);
    const Decision decision = decide(stream, now);
    if (decision.ranked.empty()) return "";
    const Ranked& winner = decision.ranked.front();
    last = ledger.reserve(winner.incarnation, decision.cost, now);
    refresh(winner.incarnation);
    return winner.origin.str();
  }

  OriginView& view(const IncarnationId& incarnation) {
    for (auto& view : views) {
      if (view.incarnation == incarnation) return view;
    }
    ADD_FAILURE() << "no incarnation " << incarnation.str();
    return views.front();
  }

  void refresh(const IncarnationId& incarnation) {
    view(incarnation).pending = ledger.pending(incarnation);
  }

  std::vector<OriginView> views;
  Request request;
  Placer placer{Settings{}};
  ReservationLedger ledger;
  ReservationLedger::Id last = 0;
};

}  // namespace weir::placement
