#include "common/telemetry/metrics.h"

#include <mutex>
#include <utility>

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "common/base/contract.h"

namespace weir::metrics {
namespace {

class PrometheusCounter final : public Counter {
 public:
  using Family = prometheus::Family<prometheus::Counter>;
  PrometheusCounter(Family& family, prometheus::Counter& inner) : family_(family), inner_(inner) {}
  ~PrometheusCounter() override { family_.Remove(&inner_); }
  void add(double amount) override { inner_.Increment(amount); }
  double value() const override { return inner_.Value(); }

 private:
  Family& family_;
  prometheus::Counter& inner_;
};

class PrometheusGauge final : public Gauge {
 public:
  using Family = prometheus::Family<prometheus::Gauge>;
  PrometheusGauge(Family& family, prometheus::Gauge& inner) : family_(family), inner_(inner) {}
  ~PrometheusGauge() override { family_.Remove(&inner_); }
  void set(double value) override { inner_.Set(value); }
  void add(double amount) override { inner_.Increment(amount); }
  double value() const override { return inner_.Value(); }

 private:
  Family& family_;
  prometheus::Gauge& inner_;
};

class PrometheusHistogram final : public Histogram {
 public:
  using Family = prometheus::Family<prometheus::Histogram>;
  PrometheusHistogram(Family& family, prometheus::Histogram& inner)
      : family_(family), inner_(inner) {}
  ~PrometheusHistogram() override { family_.Remove(&inner_); }
  void observe(double value) override { inner_.Observe(value); }

 private:
  Family& family_;
  prometheus::Histogram& inner_;
};

using Key = std::pair<std::string, Labels>;

template <class Interface>
using Table = std::map<Key, std::unique_ptr<Interface>>;

}  // namespace

struct Registry::State {
  enum class Type { kCounter, kGauge, kHistogram };

  /// One name, one type: mixing them is a bug that Prometheus would only show at the scrape.
  void check_type(const std::string& name, Type type) {
    WEIR_ASSERT(types.emplace(name, type).first->second == type);
  }

  std::mutex mutex;
  prometheus::Registry registry;
  std::map<std::string, Type> types;
  Table<Counter> counters;
  Table<Gauge> gauges;
  Table<Histogram> histograms;
  std::vector<std::function<void()>> refreshers;
};

Registry::Registry() : state_(std::make_unique<State>()) {}
Registry::~Registry() = default;

Counter& Registry::counter(const std::string& name, const std::string& help, const Labels& labels) {
  const std::lock_guard lock(state_->mutex);
  state_->check_type(name, State::Type::kCounter);
  auto& slot = state_->counters[{name, labels}];
  if (!slot) {
    auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(state_->registry);
    slot = std::make_unique<PrometheusCounter>(family, family.Add(labels));
  }
  return *slot;
}

Gauge& Registry::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  const std::lock_guard lock(state_->mutex);
  state_->check_type(name, State::Type::kGauge);
  auto& slot = state_->gauges[{name, labels}];
  if (!slot) {
    auto& family = prometheus::BuildGauge().Name(name).Help(help).Register(state_->registry);
    slot = std::make_unique<PrometheusGauge>(family, family.Add(labels));
  }
  return *slot;
}

Histogram& Registry::histogram(const std::string& name, const std::string& help,
                               const std::vector<double>& buckets, const Labels& labels) {
  const std::lock_guard lock(state_->mutex);
  state_->check_type(name, State::Type::kHistogram);
  auto& slot = state_->histograms[{name, labels}];
  if (!slot) {
    auto& family = prometheus::BuildHistogram().Name(name).Help(help).Register(state_->registry);
    slot = std::make_unique<PrometheusHistogram>(family, family.Add(labels, buckets));
  }
  return *slot;
}

void Registry::remove(const std::string& label, const std::string& value) {
  const std::lock_guard lock(state_->mutex);
  const auto has_label = [&](const auto& entry) {
    const Labels& labels = entry.first.second;
    const auto found = labels.find(label);
    return found != labels.end() && found->second == value;
  };
  std::erase_if(state_->counters, has_label);
  std::erase_if(state_->gauges, has_label);
  std::erase_if(state_->histograms, has_label);
}

void Registry::before_expose(std::function<void()> refresh) {
  const std::lock_guard lock(state_->mutex);
  state_->refreshers.push_back(std::move(refresh));
}

std::string Registry::expose() {
  std::vector<std::function<void()>> refreshers;
  {
    const std::lock_guard lock(state_->mutex);
    refreshers = state_->refreshers;
  }
  for (const auto& refresh : refreshers) refresh();  // unlocked: they ask for metrics
  return prometheus::TextSerializer().Serialize(state_->registry.Collect());
}

void expose_build_info(Registry& registry, const std::string& binary, const std::string& version) {
  registry
      .gauge("weir_build_info", "Constant 1, labelled by binary and version.",
             {{"binary", binary}, {"version", version}})
      .set(1);
}

}  // namespace weir::metrics
