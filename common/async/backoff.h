#pragma once
// Backoff: exponential delays with full jitter, so that many clients of one failed peer do not come
// back together. Threading: one thread. Lifetime: the Random outlives it.

#include "common/base/clock.h"
#include "common/base/random.h"

namespace weir::async {

class Backoff {
 public:
  /// 0 < initial <= max
  Backoff(Duration initial, Duration max, Random& random);

  /// Uniform in (0, limit]; the limit starts at `initial` and doubles up to `max`.
  Duration next();
  void reset() { limit_ = initial_; }

 private:
  Duration initial_;
  Duration max_;
  Duration limit_;
  Random* random_;
};

}  // namespace weir::async
