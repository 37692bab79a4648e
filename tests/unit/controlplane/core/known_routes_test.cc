// Routes of known streams, read from other threads while the core changes them.

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "controlplane/core/cluster_view.h"

namespace weir::core {
namespace {

constexpr std::uint64_t kGeneration = 7;

StreamKey stream(std::uint64_t number) {
  return parse_stream_key("live/s" + std::to_string(number)).value();
}

store::OriginRecord record(const std::string& id, std::uint64_t revision) {
  store::OriginRecord made;
  made.description.id = OriginId(id);
  made.description.endpoints = {{model::Protocol::kHttp, id + ":8080"},
                                {model::Protocol::kRtmp, id + ":1935"}};
  made.incarnation = IncarnationId(id + "-1");
  made.revision = {kGeneration, revision};
  return made;
}

/// Everything in it follows from the number, so that a reader can tell a mixed one.
store::Change placed(std::uint64_t at, std::uint64_t number) {
  model::Placement made;
  made.stream = stream(at);
  made.origin = OriginId("o" + std::to_string(number % 3));
  made.incarnation = IncarnationId(made.origin.str() + "-1");
  made.holder = model::SessionHolder{ForwarderId("f" + std::to_string(number % 5)),
                                     SessionId("session-" + std::to_string(number))};
  made.epoch = {kGeneration, number};
  made.revision = {kGeneration, number};
  made.verdict = std::string(number % 100, 'v');
  return {made.revision, store::Change::PlacementChanged{stream(at), made}};
}

/// What a reader on another thread takes along.
struct Taken {
  std::string origin, forwarder, session, endpoint;
  std::uint64_t number = 0;
  std::size_t verdict_size = 0;
};

std::optional<Taken> look(const ClusterView& view, const StreamKey& stream) {
  Taken taken;
  const bool known = view.known_route(
      stream.str(), [&](const PlacementBook::Entry& entry, const model::OriginDescription& origin) {
        EXPECT_EQ(entry.origin, origin.id);
        taken = {entry.origin.str(),          entry.forwarder->str(), std::string(entry.holder),
                 origin.endpoints[0].address, entry.epoch.counter,    entry.verdict.size()};
      });
  if (!known) return std::nullopt;
  return taken;
}

void expect_whole(const Taken& route) {
  EXPECT_EQ(route.origin, "o" + std::to_string(route.number % 3));
  EXPECT_EQ(route.forwarder, "f" + std::to_string(route.number % 5));
  EXPECT_EQ(route.session, "session-" + std::to_string(route.number));
  EXPECT_EQ(route.verdict_size, route.number % 100);
}

TEST(KnownRoutes, AreThoseOfPlacedStreamsWhoseOriginIsKnown) {
  ClusterView view;
  EXPECT_FALSE(look(view, stream(1)));
  view.apply(placed(1, 3));
  EXPECT_FALSE(look(view, stream(1))) << "restored, its origin has not come back";
  view.learn(record("o0", 1));
  const auto known = look(view, stream(1));
  ASSERT_TRUE(known);
  expect_whole(*known);
  view.apply({{kGeneration, 4}, store::Change::OriginChanged{OriginId("o0"), std::nullopt}});
  EXPECT_FALSE(look(view, stream(1)));
}

TEST(KnownRoutes, FollowTheEndpointsOfTheirOrigin) {
  ClusterView view;
  view.learn(record("o0", 1));
  view.apply(placed(1, 3));
  auto moved = record("o0", 4);
  moved.description.endpoints[0].address = "elsewhere:8080";
  view.learn(moved);
  EXPECT_EQ(look(view, stream(1))->endpoint, "elsewhere:8080");
}

TEST(KnownRoutes, AreNeverHalfChangedNorOlderThanTheOneBefore) {
  constexpr std::uint64_t kStreams = 40;
  ClusterView view;
  for (const char* id : {"o0", "o1", "o2"}) view.learn(record(id, 1));
  std::atomic<bool> over = false;
  std::atomic<std::uint64_t> reads = 0;
  const auto read = [&] {
    std::vector<std::uint64_t> seen(kStreams, 0);
    while (!over) {
      for (std::uint64_t at = 0; at < kStreams; ++at) {
        const auto route = look(view, stream(at));
        ++reads;
        if (!route) continue;
        expect_whole(*route);
        EXPECT_GE(route->number, seen[at]);
        seen[at] = route->number;
      }
    }
  };
  std::thread first(read);
  std::thread second(read);
  std::uint64_t number = 1;
  // Grown and shrunk again and again, until both readers had their share of it.
  while (number < 4'000 || reads < 4'000) {
    const std::uint64_t at = ++number % kStreams;
    view.apply(placed(at, number));
    if (number % 3 == 0) {
      ++number;
      view.apply({{kGeneration, number}, store::Change::PlacementChanged{stream(at), {}}});
    }
  }
  over = true;
  first.join();
  second.join();
}

}  // namespace
}  // namespace weir::core
