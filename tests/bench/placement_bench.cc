// What one placement decision costs by size of the cluster, idle (everything ties) and loaded.
// Threading: one thread.

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "common/base/random.h"
#include "controlplane/placement/decision_ring.h"
#include "controlplane/placement/placer.h"

namespace weir::placement {
namespace {

const MonotonicTime kNow{std::chrono::hours(1)};

std::vector<OriginView> cluster(std::int64_t size, bool loaded) {
  SeededRandom random(1);
  std::vector<OriginView> views;
  for (std::int64_t i = 0; i < size; ++i) {
    auto description = std::make_shared<model::OriginDescription>();
    description->id = OriginId("origin-" + std::to_string(i) + ".example.net");
    description->endpoints = {{model::Protocol::kRtmp, "192.0.2.1:1935"}};
    description->capacity.egress_bits_per_second = 1'000'000'000;
    auto view =
        make_view(std::move(description), IncarnationId("incarnation-" + std::to_string(i)));
    view.state = model::OriginState::kAlive;
    view.load.emplace();
    view.load_time = kNow;
    if (loaded) {
      view.placed_streams = static_cast<std::uint32_t>(random.below(500));
      view.load->streams = view.placed_streams;
      view.load->cpu_utilization = static_cast<double>(random.below(900)) / 1000;
      view.load->egress_bits_per_second = static_cast<double>(random.below(900'000'000));
    }
    views.push_back(std::move(view));
  }
  return views;
}

/// `sample`: as several replicas decide; 0 = the best of all.
void decide(benchmark::State& state, bool loaded, std::uint32_t sample) {
  const auto views = cluster(state.range(0), loaded);
  std::vector<Standing> standings;
  for (const auto& view : views) standings.push_back(make_standing({}, view, kNow));
  Placer placer{Settings{}};
  std::vector<Request> requests(64);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    requests[i].stream = parse_stream_key("live/stream" + std::to_string(i)).value();
    requests[i].sample = sample;
    requests[i].seed = i;
  }
  std::size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        placer.decide(requests[next++ % requests.size()],
                      Snapshot{.now = kNow, .origins = views, .standings = standings}));
  }
}
BENCHMARK_CAPTURE(decide, idle, false, 0)->Arg(4)->Arg(100)->Arg(1'000)->Arg(10'000);
BENCHMARK_CAPTURE(decide, loaded, true, 0)->Arg(4)->Arg(100)->Arg(1'000)->Arg(10'000);
BENCHMARK_CAPTURE(decide, loaded_of_two, true, 2)->Arg(100)->Arg(10'000);

void standing(benchmark::State& state) {
  const auto views = cluster(1'000, true);
  std::size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(make_standing({}, views[next++ % views.size()], kNow));
  }
}
BENCHMARK(standing);

void reserve(benchmark::State& state) {
  ReservationLedger ledger;
  const IncarnationId incarnation("incarnation");
  MonotonicTime now = kNow;
  for (auto _ : state) {
    now += std::chrono::milliseconds(1);
    const auto id = ledger.reserve(incarnation, Cost{.bits_per_second = 4e6}, now);
    ledger.bound(id);
    benchmark::DoNotOptimize(ledger.advance(now));
    benchmark::DoNotOptimize(ledger.pending(incarnation));
  }
}
BENCHMARK(reserve);

}  // namespace
}  // namespace weir::placement
