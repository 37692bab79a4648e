#include "dataplane/routing/route_cache.h"

#include <gtest/gtest.h>

namespace weir::routing {
namespace {

using Verdict = RouteCache::Verdict;

StreamKey key(const char* text) {
  return parse_stream_key(text).value();
}

RouteUpdate placed(Epoch epoch, Revision revision, const char* origin = "o1") {
  Route route;
  route.origin = OriginId(origin);
  route.rtmp_endpoints = {"127.0.0.1:1936"};
  route.epoch = epoch;
  route.revision = revision;
  return RouteUpdate{key("live/a"), route, revision};
}

RouteUpdate unplaced(Revision revision) {
  return RouteUpdate{key("live/a"), std::nullopt, revision};
}

TEST(RouteCacheTest, AnUnknownStreamIsNotTheSameAsOneThatIsNotPlaced) {
  RouteCache cache;
  EXPECT_EQ(cache.find(key("live/a")), nullptr);
  EXPECT_EQ(cache.apply(unplaced({1, 5})), Verdict::kApplied);
  ASSERT_NE(cache.find(key("live/a")), nullptr);
  EXPECT_FALSE(cache.find(key("live/a"))->route.has_value());
}

TEST(RouteCacheTest, AnOlderRevisionIsDiscardedAndAnEqualOneIgnored) {
  RouteCache cache;
  EXPECT_EQ(cache.apply(placed({1, 3}, {1, 10}, "o1")), Verdict::kApplied);
  EXPECT_EQ(cache.apply(placed({1, 3}, {1, 9}, "o2")), Verdict::kOld);
  EXPECT_EQ(cache.apply(placed({1, 3}, {1, 10}, "o2")), Verdict::kSame);
  EXPECT_EQ(cache.find(key("live/a"))->route->origin, OriginId("o1"));
  EXPECT_EQ(cache.apply(placed({1, 3}, {1, 11}, "o2")), Verdict::kApplied);
  EXPECT_EQ(cache.find(key("live/a"))->route->origin, OriginId("o2"));
}

TEST(RouteCacheTest, AnAbsenceOfAnOlderRevisionTakesNoRouteAway) {
  RouteCache cache;
  cache.apply(placed({1, 3}, {1, 10}));
  EXPECT_EQ(cache.apply(unplaced({1, 9})), Verdict::kOld);
  EXPECT_EQ(cache.apply(unplaced({1, 10})), Verdict::kSame);
  EXPECT_TRUE(cache.find(key("live/a"))->route);
}

TEST(RouteCacheTest, AnOlderEpochNeverComesBackWhateverItsRevisionSays) {
  RouteCache cache;
  EXPECT_EQ(cache.apply(placed({1, 7}, {1, 10})), Verdict::kApplied);
  EXPECT_EQ(cache.apply(placed({1, 6}, {1, 99}, "o2")), Verdict::kOld);
  EXPECT_EQ(cache.find(key("live/a"))->route->origin, OriginId("o1"));
}

TEST(RouteCacheTest, TheFenceOutlivesAReleaseOfTheStream) {
  RouteCache cache;
  cache.apply(placed({1, 7}, {1, 10}));
  EXPECT_EQ(cache.apply(unplaced({1, 11})), Verdict::kApplied);
  EXPECT_EQ(cache.apply(placed({1, 6}, {1, 12}, "o2")), Verdict::kOld);
  EXPECT_EQ(cache.apply(placed({1, 8}, {1, 12}, "o3")), Verdict::kApplied);
  EXPECT_EQ(cache.find(key("live/a"))->route->origin, OriginId("o3"));
}

TEST(RouteCacheTest, AHigherGenerationIsNewerThanAnyCounter) {
  RouteCache cache;
  cache.apply(placed({1, 900}, {1, 1000}));
  EXPECT_EQ(cache.apply(placed({2, 1}, {2, 1}, "o2")), Verdict::kApplied);
  EXPECT_EQ(cache.apply(placed({1, 901}, {1, 1001}, "o1")), Verdict::kOld);
}

TEST(RouteCacheTest, ARestoredEpochOfAnOldGenerationIsTakenWithItsNewRevision) {
  RouteCache cache;
  cache.apply(placed({1, 4}, {1, 10}));
  cache.apply(unplaced({2, 1}));
  EXPECT_EQ(cache.apply(placed({1, 4}, {2, 2})), Verdict::kApplied);
  ASSERT_TRUE(cache.find(key("live/a"))->route);
}

TEST(RouteCacheTest, AForgottenStreamTakesAnythingAgain) {
  RouteCache cache;
  cache.apply(placed({1, 7}, {1, 10}));
  cache.erase(key("live/a"));
  EXPECT_EQ(cache.size(), 0U);
  EXPECT_EQ(cache.apply(placed({1, 5}, {1, 8})), Verdict::kApplied);
}

}  // namespace
}  // namespace weir::routing
