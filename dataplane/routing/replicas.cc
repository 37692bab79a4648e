#include "dataplane/routing/replicas.h"

#include <algorithm>
#include <vector>

#include "dataplane/routing/limits.h"

namespace weir::routing {

void Replicas::welcomed(std::size_t endpoint) {
  attached_ = endpoint;
  stale_ = false;
  heard();
  choice_.answered(endpoint, heard_);
}

bool Replicas::beats(std::size_t endpoint) const {
  return attached_ == endpoint && clock_.now() - heard_ <= kReplicaDoubtedAfter;
}

std::size_t Replicas::for_call(std::span<const std::size_t> tried, bool silence) {
  if (attached_ && !stale_ && beats(*attached_)) {
    // What takes a replica long that lives is the takeover of a stream; the answer comes to the
    // repeat.
    const auto tries = std::ranges::count(tried, *attached_);
    if (tries == 0 || (silence && tries < kAcquireTriesWhereAttached)) return *attached_;
  }
  if (!attached_ || beats(*attached_)) return choice_.for_call(tried, clock_.now());
  // Nobody else knows yet that it is silent.
  std::vector<std::size_t> with_silent(tried.begin(), tried.end());
  with_silent.push_back(*attached_);
  return choice_.for_call(with_silent, clock_.now());
}

bool Replicas::call_failed(std::size_t endpoint, endpoints::Failure failure) {
  // One call that took too long says less than a stream that beats.
  if (failure == endpoints::Failure::kSilent && beats(endpoint)) return false;
  return choice_.failed(endpoint, failure, clock_.now());
}

}  // namespace weir::routing
