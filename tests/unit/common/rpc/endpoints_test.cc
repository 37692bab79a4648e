#include "common/rpc/endpoints.h"

#include <set>

#include <gtest/gtest.h>

namespace weir::rpc {
namespace {

TEST(Endpoints, FailureMovesOnAndComesRound) {
  SeededRandom random(1);
  Endpoints endpoints({"a:1", "b:1", "c:1"}, random);
  std::set<std::string> seen;
  const std::string first = endpoints.current();
  for (int i = 0; i < 3; ++i) {
    seen.insert(endpoints.current());
    endpoints.failed();
  }
  EXPECT_EQ(seen.size(), 3U);
  EXPECT_EQ(endpoints.current(), first);
}

TEST(Endpoints, ClientsSpreadOverTheReplicas) {
  std::set<std::string> first;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SeededRandom random(seed);
    first.insert(Endpoints({"a:1", "b:1", "c:1"}, random).current());
  }
  EXPECT_EQ(first.size(), 3U);
}

TEST(Endpoints, StaysWithTheOnlyOne) {
  SeededRandom random(1);
  Endpoints endpoints({"a:1"}, random);
  endpoints.failed();
  EXPECT_EQ(endpoints.current(), "a:1");
}

}  // namespace
}  // namespace weir::rpc
