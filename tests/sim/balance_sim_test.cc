// Balance over time: 100 origins, 10,000 streams in steady churn, placed by the engine with nothing
// but what it would have: a report of each origin every so many placements, and its own
// reservations.
//
// The figure is the time-mean of (hottest origin / mean origin). Deterministic by seed; the random
// draw of SRS Proxy reaches 1.26 to 1.31 with equal streams and about 2.0 with a heavy tail.
// The first half of the churn is not measured. WEIR_SIM_FULL=1 runs seeds 1 to 20 with every stream
// replaced twice (minutes).
// Threading: one thread.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/random.h"
#include "controlplane/placement/limits.h"
#include "controlplane/placement/placer.h"

namespace weir::placement {
namespace {

constexpr std::size_t kOrigins = 100;
constexpr std::size_t kStreams = 10'000;
constexpr double kMeanUtilization = 0.5;
/// Placements per second: one report interval is one second.
using Placements = std::size_t;

class Balance {
 public:
  Balance(std::uint64_t seed, Placements per_report, bool heavy_tail)
      : random_(seed), per_report_(per_report), heavy_tail_(heavy_tail) {
    for (std::size_t i = 0; i < kOrigins; ++i) {
      auto description = std::make_shared<model::OriginDescription>();
      description->id = OriginId("o" + std::to_string(i));
      description->endpoints = {{model::Protocol::kRtmp, "127.0.0.1:1935"}};
      description->capacity.egress_bits_per_second =
          static_cast<std::uint64_t>(mean_bits() * kStreams / kOrigins / kMeanUtilization);
      views_.push_back(make_view(description, IncarnationId("i" + std::to_string(i))));
      views_.back().state = model::OriginState::kAlive;
    }
    load_.resize(kOrigins);
  }

  double run(std::size_t churn) {
    for (std::size_t i = 0; i < kStreams; ++i) add(start_origin(i), 0);
    report();
    double sum = 0;
    for (std::size_t i = 0; i < churn; ++i) {
      remove(random_.below(streams_.size()));
      place();
      if (i < churn / 2) continue;
      sum += *std::max_element(load_.begin(), load_.end()) * kOrigins / total_;
    }
    return sum / static_cast<double>(churn - churn / 2);
  }

 private:
  struct Stream {
    std::size_t origin;
    double bits;
    ReservationLedger::Id reservation;
  };

  /// A start near the steady state, so that a short run measures the engine: even counts, or for
  /// unequal streams the less loaded of two.
  std::size_t start_origin(std::size_t number) {
    if (!heavy_tail_) return number % kOrigins;
    const std::size_t one = random_.below(kOrigins);
    const std::size_t two = random_.below(kOrigins);
    return load_[one] <= load_[two] ? one : two;
  }

  double mean_bits() const { return heavy_tail_ ? 3.6e6 : 1e6; }
  double draw_bits() {
    if (!heavy_tail_) return 1e6;
    const double uniform = static_cast<double>(random_.next() >> 11) * 0x1.0p-53;
    return 1e6 * std::min(200.0, std::pow(1 - uniform, -1 / 1.2));  // Pareto, alpha 1.2, cap 200
  }

  void place() {
    now_ += Duration(std::chrono::seconds(1)) / per_report_;
    if (++since_report_ == per_report_) report();
    for (const auto& changed : ledger_.advance(now_)) refresh(index(changed));
    request_.stream = parse_stream_key("live/s" + std::to_string(++named_)).value();
    // Nobody declares how large an audience will be: the engine knows the default and learns by
    // report.
    request_.declared_bits_per_second = static_cast<std::uint64_t>(mean_bits());
    const Decision decision = placer_.decide(request_, Snapshot{.now = now_, .origins = views_});
    ASSERT_FALSE(decision.ranked.empty()) << decision.record.verdict;
    const std::size_t origin = index(decision.ranked.front().incarnation);
    const auto id = ledger_.reserve(views_[origin].incarnation, decision.cost, now_);
    ledger_.bound(id);
    add(origin, id);
  }

  void add(std::size_t origin, ReservationLedger::Id reservation) {
    ++views_[origin].placed_streams;
    refresh(origin);
    streams_.push_back({origin, draw_bits(), reservation});
    load_[origin] += streams_.back().bits;
    total_ += streams_.back().bits;
  }

  void remove(std::size_t which) {
    const Stream gone = streams_[which];
    streams_[which] = streams_.back();
    streams_.pop_back();
    load_[gone.origin] -= gone.bits;
    total_ -= gone.bits;
    --views_[gone.origin].placed_streams;
    ledger_.release(gone.reservation);
    refresh(gone.origin);
  }

  void report() {
    since_report_ = 0;
    for (std::size_t i = 0; i < kOrigins; ++i) {
      model::Load load;
      load.streams = views_[i].placed_streams;
      load.egress_bits_per_second = load_[i];
      views_[i].load = load;
      views_[i].load_time = now_;
      ledger_.reported(views_[i].incarnation, now_);
      refresh(i);
    }
  }

  static std::size_t index(const IncarnationId& incarnation) {
    return std::stoul(incarnation.str().substr(1));
  }
  void refresh(std::size_t i) { views_[i].pending = ledger_.pending(views_[i].incarnation); }

  SeededRandom random_;
  Placements per_report_;
  bool heavy_tail_;
  Placer placer_{Settings{}};
  ReservationLedger ledger_;
  std::vector<OriginView> views_;
  std::vector<double> load_;  ///< what is really there
  std::vector<Stream> streams_;
  Request request_;
  double total_ = 0;
  MonotonicTime now_{std::chrono::hours(1)};
  Placements since_report_ = 0;
  std::size_t named_ = 0;
};

/// Worst of the seeds, in the short run that every change makes or in the full one.
double worst(Placements per_report, bool heavy_tail) {
  const bool full = std::getenv("WEIR_SIM_FULL") != nullptr;
  const std::uint64_t seeds = full ? 20 : 2;
  const std::size_t churn = full ? 2 * kStreams : 2'000;
  double result = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    result = std::max(result, Balance(seed, per_report, heavy_tail).run(churn));
  }
  std::printf("%s streams, %zu placements per report: hottest / mean %.3f (worst of %u seeds)\n",
              heavy_tail ? "heavy-tailed" : "equal", per_report, result,
              static_cast<unsigned>(seeds));
  return result;
}

TEST(Balance, EqualStreamsStayWithinATenthOfTheMean) {
  EXPECT_LE(worst(20, false), 1.10);
  EXPECT_LE(worst(200, false), 1.10);
}

TEST(Balance, HeavyTailStaysNearTheFloorThatTheLargestStreamsSet) {
  EXPECT_LE(worst(20, true), 1.6);
  EXPECT_LE(worst(200, true), 1.6);
}

}  // namespace
}  // namespace weir::placement
