#pragma once
// What a client counts (docs/operations/metrics.md). Threading: as the registry. Lifetime: the
// registry outlives it.

#include "common/telemetry/metrics.h"
#include "controlplane/store/redis/reply.h"

namespace weir::store::redis {

class ClientMetrics {
 public:
  explicit ClientMetrics(metrics::Registry& registry);

  void connected(bool is);
  void answered(const Answer& answer, double seconds);

 private:
  metrics::Registry& registry_;
  metrics::Gauge& connected_;
  metrics::Counter& connections_;
  metrics::Counter& ok_;
  metrics::Histogram& seconds_;
};

}  // namespace weir::store::redis
