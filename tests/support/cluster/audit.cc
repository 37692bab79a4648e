#include "tests/support/cluster/audit.h"

#include <utility>

#include "tests/support/cluster/workload.h"

namespace weir::cluster {
namespace {

constexpr std::size_t kInFlight = 64;
constexpr auto kAskAgain = std::chrono::milliseconds(200);

}  // namespace

Audit::Audit(World& world, std::vector<SimForwarder::Held> held, Duration patience)
    : world_(world), held_(std::move(held)), deadline_(world.clock.now() + patience) {}

void Audit::start() {
  for (std::size_t at = 0; at < held_.size(); ++at) waiting_.push_back(at);
  ask_more();
}

void Audit::ask_more() {
  while (open_ < kInFlight && !waiting_.empty()) {
    const std::size_t at = waiting_.front();
    waiting_.pop_front();
    ++open_;
    ask(at);
  }
}

void Audit::ask(std::size_t at) {
  const std::size_t endpoint = at % world_.replicas.size();
  const MonotonicTime asked = world_.clock.now();
  world_.replicas.look_up(endpoint, held_[at].stream,
                          [this, at, endpoint, asked](const grpc::Status& status,
                                                      const pb::GetPlacementResponse& response) {
                            note_lookup(world_, endpoint, held_[at].stream, asked, status,
                                        response);
                            answered(at, status, response);
                          });
}

void Audit::answered(std::size_t at, const grpc::Status& status,
                     const pb::GetPlacementResponse& response) {
  const SimForwarder::Held& held = held_[at];
  const auto& placement = response.route().placement();
  const bool right = status.ok() && epoch_of(placement.epoch()) == held.epoch &&
                     holder_of(placement.holder()) == held.holder;
  if (!right && world_.clock.now() < deadline_) {
    world_.executor.run_after(kAskAgain, [this, at] { ask(at); });
    return;
  }
  if (!right) {
    wrong_.push_back(fmt::format(
        "{} is held by {} under {}, and {} says {}", held.stream, held.holder, held.epoch,
        world_.replicas.name(at % world_.replicas.size()),
        status.ok()
            ? fmt::format("{} under {}", holder_of(placement.holder()), epoch_of(placement.epoch()))
            : outcome_of(status)));
  }
  --open_;
  ask_more();
}

}  // namespace weir::cluster
