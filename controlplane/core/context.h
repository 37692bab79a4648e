#pragma once
// What every part of the core is given: the seams to the outside, the options, and the shared view.
// Threading: the core's thread. Lifetime: made by app/ (or a test) and outlives the core.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/executor.h"
#include "common/base/ids.h"
#include "common/base/random.h"
#include "common/telemetry/log.h"
#include "common/telemetry/metrics.h"
#include "controlplane/core/messages.h"
#include "controlplane/core/record_book.h"
#include "controlplane/core/record_values.h"
#include "controlplane/model/origin.h"
#include "controlplane/store/state_store.h"

namespace weir::core {

/// What a policy of the cluster can say (PolicyRules), with a value for everything.
struct Policy {
  SecondPublisher second_publisher = SecondPublisher::kTakeoverIfIdle;
  Adopt adopt = Adopt::kSrs;
  std::uint64_t default_stream_bits_per_second = 4'000'000;
  std::uint32_t default_origin_streams = 1'000;
  bool operator==(const Policy&) const = default;
};

/// The policy in it is the one in force: as configured, or as the cluster's policy says
/// (PolicyInForce).
struct Options : Policy {
  ReplicaId replica;
  std::string version;
  std::string store_name = "memory";
  std::vector<std::string> vhosts;  ///< kept apart; all others mean the default one
  /// True when only this machine reaches the gRPC listener: loopback origins are fine then.
  bool listener_is_loopback = true;
};

/// What outlives this process and an embedded store (`--state-dir`).
struct KeptState {
  struct StaticOrigin {
    model::OriginDescription description;
    std::string process;
    IncarnationId incarnation;
    bool operator==(const StaticOrigin&) const = default;
  };
  std::uint64_t generation = 0;  ///< highest ever used or seen
  std::vector<StaticOrigin> static_origins;
  bool operator==(const KeptState&) const = default;
};

class StateKeeper {
 public:
  virtual ~StateKeeper() = default;
  /// Durable when it returns true; a failure is told by the keeper and tried again with the next
  /// change.
  virtual bool save(const KeptState& state) = 0;
  virtual bool save(const KeptRecords& records) = 0;
};

/// Keeps nothing: no --state-dir was given.
class NoStateKeeper final : public StateKeeper {
 public:
  bool save(const KeptState&) override { return true; }
  bool save(const KeptRecords&) override { return true; }
};

/// Contacts an origin to learn whether it answers in its protocol.
class OriginProber {
 public:
  virtual ~OriginProber() = default;
  /// Exactly one completion, later, on the core's thread, within `timeout`.
  virtual void probe(const model::Endpoint& endpoint, Duration timeout,
                     Callback<void(ContactOutcome)> done) = 0;
};

class PeerCodec;

struct Context {
  Executor& executor;
  const Clock& clock;
  Random& random;
  store::StateStore& store;
  metrics::Registry& metrics;
  log::Logger log;
  StateKeeper& keeper;
  OriginProber& prober;
  Options options;
  /// How to write to other replicas; null: there cannot be any (an embedded store).
  const PeerCodec* codec = nullptr;
};

}  // namespace weir::core
