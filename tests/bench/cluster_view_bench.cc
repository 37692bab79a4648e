// What a replica's memory of the cluster costs: bytes per placed stream, and reads and changes of
// it among a million. Threading: one thread.

#include <cstdint>
#include <memory>
#include <string>

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <malloc.h>

#include "controlplane/core/cluster_view.h"

namespace weir::core {
namespace {

constexpr std::int64_t kStreams = 1'000'000;
constexpr std::int64_t kOrigins = 10'000;
constexpr std::int64_t kForwarders = 100;

std::string name(std::int64_t number) {
  return fmt::format("__defaultVhost__/live/s{:09}", number);
}

model::Placement placement(std::int64_t number) {
  const auto counter = static_cast<std::uint64_t>(number) + 1;
  model::Placement made;
  made.stream = parse_stream_key(name(number)).value();
  made.origin = OriginId(fmt::format("origin-{:06}.example.net", number * 7919 % kOrigins));
  made.incarnation = IncarnationId(made.origin.str() + "/1");
  made.holder = model::SessionHolder{ForwarderId(fmt::format("forwarder-{}", number % kForwarders)),
                                     SessionId(fmt::format("session-{:012}", number))};
  made.epoch = {7, counter};
  made.revision = {7, counter};
  made.state = model::PlacementState::kPublishing;
  made.media_accepted = true;
  made.verdict = fmt::format("~{} 0.0{} streams; next ~{} 0.0{}; 9990 of 10000; NOT_ALIVE 10",
                             made.origin.str(), number % 10, made.origin.str(), number % 10);
  return made;
}

store::Change changed(model::Placement placement) {
  const StreamKey stream = placement.stream;
  return {placement.revision, store::Change::PlacementChanged{stream, std::move(placement)}};
}

std::size_t heap_bytes() {
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

/// Filled once; the bytes that it took.
struct Filled {
  ClusterView view;
  std::size_t bytes = 0;
  std::size_t key_bytes = 0;
  std::size_t verdict_bytes = 0;

  Filled() {
    for (std::int64_t at = 0; at < kOrigins; ++at) {
      store::OriginRecord record;
      record.description.id = OriginId(fmt::format("origin-{:06}.example.net", at));
      record.description.endpoints = {{model::Protocol::kRtmp, "192.0.2.1:1935"}};
      record.incarnation = IncarnationId(record.description.id.str() + "/1");
      record.revision = {7, 1};
      view.learn(record);
    }
    const std::size_t before = heap_bytes();
    // In no order, as the store tells of them.
    for (std::int64_t at = 0; at < kStreams; ++at) {
      auto made = placement(at * 7'368'787 % kStreams);
      key_bytes += made.stream.str().size();
      verdict_bytes += made.verdict.size();
      view.apply(changed(std::move(made)));
    }
    bytes = heap_bytes() - before;
  }
};

Filled& filled() {
  static Filled made;
  return made;
}

void memory(benchmark::State& state) {
  const Filled& all = filled();
  for (auto _ : state) benchmark::DoNotOptimize(&all);
  const auto count = static_cast<double>(kStreams);
  state.counters["bytes"] = static_cast<double>(all.bytes - all.key_bytes) / count;
  state.counters["key"] = static_cast<double>(all.key_bytes) / count;
  state.counters["verdict"] = static_cast<double>(all.verdict_bytes) / count;
}
BENCHMARK(memory)->Iterations(1);  // fills it, too

void known_route(benchmark::State& state) {
  const Filled& all = filled();
  std::int64_t next = 0;
  for (auto _ : state) {
    const bool known = all.view.known_route(
        name(next = (next + 7'368'787) % kStreams),
        [](const PlacementBook::Entry& entry, const model::OriginDescription&) {
          benchmark::DoNotOptimize(entry.epoch);
        });
    if (!known) state.SkipWithError("not known");
  }
}
BENCHMARK(known_route);

void change(benchmark::State& state) {
  Filled& all = filled();
  std::int64_t next = 0;
  std::uint64_t revision = kStreams;
  for (auto _ : state) {
    auto made = placement(next = (next + 7'368'787) % kStreams);
    made.revision.number = ++revision;
    all.view.apply(changed(std::move(made)));
  }
}
BENCHMARK(change);

/// A new stream comes and goes.
void come_and_go(benchmark::State& state) {
  Filled& all = filled();
  std::uint64_t revision = std::uint64_t{1} << 40;
  std::int64_t next = 0;
  for (auto _ : state) {
    auto made = placement(kStreams + (next = (next + 7'368'787) % kStreams));
    const StreamKey stream = made.stream;
    made.revision.number = ++revision;
    all.view.apply(changed(std::move(made)));
    all.view.apply({{7, ++revision}, store::Change::PlacementChanged{stream, std::nullopt}});
  }
}
BENCHMARK(come_and_go);

void first_page(benchmark::State& state, bool of_origin) {
  const Filled& all = filled();
  const OriginId origin(of_origin ? "origin-000001.example.net" : "");
  for (auto _ : state) benchmark::DoNotOptimize(all.view.page({}, 101, origin));
}
BENCHMARK_CAPTURE(first_page, of_all, false);
BENCHMARK_CAPTURE(first_page, of_an_origin, true);

}  // namespace
}  // namespace weir::core
