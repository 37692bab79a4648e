#include "tests/support/cluster/world.h"

#include <utility>

namespace weir::cluster {

bool SimOrigin::publish(const std::string& stream, Leg leg) {
  const bool taken = legs_.contains(stream);
  if (taken) return false;
  legs_.emplace(stream, std::move(leg));
  changed_.insert(stream);
  return true;
}

void SimOrigin::unpublish(const std::string& stream, const std::string& holder) {
  const auto found = legs_.find(stream);
  if (found == legs_.end() || found->second.holder != holder) return;
  legs_.erase(found);
  changed_.insert(stream);
}

void SimOrigin::drop_older(const std::string& stream, Epoch epoch, std::string_view why) {
  const auto found = legs_.find(stream);
  if (found == legs_.end() || found->second.epoch >= epoch) return;
  const Leg leg = std::move(found->second);
  legs_.erase(found);
  changed_.insert(stream);
  leg.closed(why);
}

void SimOrigin::die() {
  running_ = false;
  incarnation.clear();
  changed_.clear();
  const auto legs = std::exchange(legs_, {});
  for (const auto& [stream, leg] : legs) leg.closed("origin_died");
}

void SimOrigin::start_again() {
  ++life_;
  running_ = true;
}

Origins::Origins(std::string_view prefix, std::size_t count) {
  // Nobody listens there: what is dialled is the simulated origin of that name. Loads that run
  // beside each other have addresses of their own.
  const std::size_t net = 1 + std::hash<std::string_view>{}(prefix) % 250;
  for (std::size_t at = 0; at < count; ++at) {
    origins_.push_back(
        std::make_unique<SimOrigin>(fmt::format("{}-o{:03}", prefix, at + 1),
                                    fmt::format("127.{}.{}.{}:1935", net, at / 250, 1 + at % 250)));
    by_name_.emplace(origins_.back()->name(), origins_.back().get());
  }
}

SimOrigin* Origins::find(const std::string& name) {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

}  // namespace weir::cluster
