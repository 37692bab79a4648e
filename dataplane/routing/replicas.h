#pragma once
// Replicas: what a forwarder knows of the control-plane replicas, shared by its attach stream and
// its calls.
//
// Purpose: a call goes to the replica that the forwarder is attached to, as long as that one gives
// signs of life; what happens to calls elsewhere counts for the stream's next choice, and the other
// way round. Threading: the control thread. Lifetime: clock and random outlive it.

#include <cstddef>
#include <optional>
#include <span>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/endpoints/endpoint_choice.h"

namespace weir::routing {

class Replicas {
 public:
  Replicas(std::size_t count, const Clock& clock, Random& random)
      : choice_(count, random), clock_(clock) {}

  std::size_t count() const { return choice_.count(); }
  endpoints::EndpointChoice& choice() { return choice_; }

  // The attach stream.
  void welcomed(std::size_t endpoint);
  void heard() { heard_ = clock_.now(); }
  void told_stale(bool stale) { stale_ = stale; }
  void detached() { attached_.reset(); }
  /// Attached to it, and it gave a sign of life lately.
  bool beats(std::size_t endpoint) const;

  // Calls.
  /// `silence`: the last try ended with its deadline.
  std::size_t for_call(std::span<const std::size_t> tried, bool silence);
  void call_answered(std::size_t endpoint) { choice_.answered(endpoint, clock_.now()); }
  /// True: it is worth a new connection.
  bool call_failed(std::size_t endpoint, endpoints::Failure failure);

 private:
  endpoints::EndpointChoice choice_;
  const Clock& clock_;
  std::optional<std::size_t> attached_;
  MonotonicTime heard_;
  bool stale_ = false;
};

}  // namespace weir::routing
