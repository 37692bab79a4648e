#pragma once
// EndpointChoice: which replica of the control plane an agent or forwarder talks to next, and when.
//
// Purpose: the one place that knows how each replica did. One that failed is tried again after a
// jittered pause, and after the others; one that takes connections and answers nobody is left alone
// for longer, because every try costs its caller a deadline; one that said it is stale comes behind
// those that are not. The first is drawn, and so is every choice between equals: the clients of a
// replica that dies spread over the others, and over a moment.
// Threading: one thread. Lifetime: the Random outlives it.

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "common/base/clock.h"
#include "common/base/random.h"

namespace weir::endpoints {

enum class Failure {
  kBroken,   ///< refused the connection, broke it, or could not serve
  kSilent,   ///< took it, and did not answer in time
  kLeaving,  ///< said that it shuts down
};

class EndpointChoice {
 public:
  /// Endpoints are numbers below `count`, which is not 0.
  EndpointChoice(std::size_t count, Random& random);

  std::size_t count() const { return endpoints_.size(); }

  /// It served: an attach stream was welcomed, a call was answered.
  void answered(std::size_t endpoint, MonotonicTime now);
  /// It did not. False = within the pause that an earlier failure brought: the same trouble, told
  /// by another of the calls that met it.
  bool failed(std::size_t endpoint, Failure failure, MonotonicTime now);
  /// It said whether its view of the store is stale.
  void told(std::size_t endpoint, bool stale, MonotonicTime now);

  struct Next {
    std::size_t endpoint = 0;
    MonotonicTime at;
  };
  /// Where the attach stream goes, and when. Asked once for each stream.
  Next next(MonotonicTime now);
  /// `was_attached`: the stream before was up until `failure` ended it, and those of many others
  /// with it.
  Next next_after(Failure failure, bool was_attached, MonotonicTime now);
  /// Where a call goes that somebody waits for: the best now, one that was `tried` last.
  std::size_t for_call(std::span<const std::size_t> tried, MonotonicTime now);
  /// How long the welcome of an attach stream may take there.
  Duration welcome_within(std::size_t endpoint) const;

 private:
  struct Endpoint {
    std::size_t failures = 0;  ///< in a row
    std::size_t silences = 0;  ///< in a row
    std::optional<MonotonicTime> good_since;
    std::optional<MonotonicTime> failed_at;
    MonotonicTime retry_at = MonotonicTime::min();
    MonotonicTime avoided_until = MonotonicTime::min();
    bool stale = false;
    std::optional<MonotonicTime> told_at;
  };
  struct Rank;

  Rank rank(const Endpoint& endpoint, MonotonicTime now) const;
  Duration jittered(Duration limit);

  std::vector<Endpoint> endpoints_;
  Random& random_;
};

}  // namespace weir::endpoints
