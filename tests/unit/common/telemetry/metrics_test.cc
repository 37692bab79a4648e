#include "common/telemetry/metrics.h"

#include <gtest/gtest.h>

namespace weir::metrics {
namespace {

TEST(Metrics, ExposesPrometheusText) {
  Registry registry;
  registry.counter("weir_test_things_total", "Things.", {{"kind", "a"}}).add();
  registry.counter("weir_test_things_total", "Things.", {{"kind", "a"}}).add(2);
  registry.gauge("weir_test_level", "Level.").set(-1.5);
  registry.histogram("weir_test_seconds", "Time.", {0.1, 1}).observe(0.5);
  const std::string text = registry.expose();
  for (const char* expected :
       {"# HELP weir_test_things_total Things.", "# TYPE weir_test_things_total counter",
        "weir_test_things_total{kind=\"a\"} 3", "weir_test_level -1.5",
        "weir_test_seconds_bucket{le=\"0.1\"} 0", "weir_test_seconds_bucket{le=\"1\"} 1",
        "weir_test_seconds_count 1"})
    EXPECT_NE(text.find(expected), std::string::npos) << expected << "\nin\n" << text;
}

TEST(Metrics, SameNameAndLabelsAreTheSameObject) {
  Registry registry;
  EXPECT_EQ(&registry.counter("a_total", "A."), &registry.counter("a_total", "A."));
  EXPECT_NE(&registry.counter("a_total", "A.", {{"x", "1"}}),
            &registry.counter("a_total", "A.", {{"x", "2"}}));
}

TEST(Metrics, RefreshersRunBeforeEachExpositionAndMayAskForMetrics) {
  Registry registry;
  int runs = 0;
  registry.before_expose([&] { registry.gauge("weir_test_runs", "Runs.").set(++runs); });
  EXPECT_NE(registry.expose().find("weir_test_runs 1"), std::string::npos);
  EXPECT_NE(registry.expose().find("weir_test_runs 2"), std::string::npos);
}

TEST(Metrics, BuildInfoNamesBinaryAndVersion) {
  Registry registry;
  expose_build_info(registry, "weir-test", "1.2.3");
  EXPECT_NE(registry.expose().find("weir_build_info{binary=\"weir-test\",version=\"1.2.3\"} 1"),
            std::string::npos);
}

TEST(Metrics, WhatIsGoneIsExposedNoMoreAndMayComeBack) {
  Registry registry;
  registry.gauge("weir_test_g", "G.", {{"origin", "a"}}).set(1);
  registry.gauge("weir_test_g", "G.", {{"origin", "b"}}).set(2);
  registry.counter("weir_test_c", "C.", {{"origin", "a"}, {"reason", "x"}}).add();
  registry.remove("origin", "a");
  std::string text = registry.expose();
  EXPECT_EQ(text.find("origin=\"a\""), std::string::npos);
  EXPECT_NE(text.find("weir_test_g{origin=\"b\"} 2"), std::string::npos);
  registry.gauge("weir_test_g", "G.", {{"origin", "a"}}).set(3);
  EXPECT_NE(registry.expose().find("weir_test_g{origin=\"a\"} 3"), std::string::npos);
}

TEST(MetricsDeath, OneNameHasOneType) {
  Registry registry;
  registry.counter("weir_test_x", "X.");
  EXPECT_DEATH(registry.gauge("weir_test_x", "X."), "contract violated");
}

}  // namespace
}  // namespace weir::metrics
