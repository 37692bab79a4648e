#pragma once
// Metrics: counters, gauges and histograms, exposed as Prometheus text by the admin server.
//
// Purpose: a registry object handed to whoever counts; there is no global one. The library behind
// it appears in metrics.cc alone. Threading: every function from any thread; add, set and observe
// are lock-free or nearly so. Lifetime: metrics live as long as their registry, at a fixed address,
// unless remove() ends them: keep references.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace weir::metrics {

using Labels = std::map<std::string, std::string>;

class Counter {
 public:
  virtual ~Counter() = default;
  /// amount >= 0
  virtual void add(double amount = 1) = 0;
  virtual double value() const = 0;
};

class Gauge {
 public:
  virtual ~Gauge() = default;
  virtual void set(double value) = 0;
  virtual void add(double amount) = 0;
  virtual double value() const = 0;
};

class Histogram {
 public:
  virtual ~Histogram() = default;
  virtual void observe(double value) = 0;
};

/// Metrics asked for again with the same name and labels are the same object. One name has one
/// type; labels must come from a bounded set (states, reasons, ids of this cluster), never from
/// clients.
class Registry {
 public:
  Registry();
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  /// `buckets`: upper bounds, ascending.
  Histogram& histogram(const std::string& name, const std::string& help,
                       const std::vector<double>& buckets, const Labels& labels = {});

  /// Ends every metric that has this label: what it names is gone. References to them are invalid.
  void remove(const std::string& label, const std::string& value);

  /// Runs before each exposition, on the thread that exposes: refreshes gauges that are derived.
  void before_expose(std::function<void()> refresh);
  /// Everything, in Prometheus' text format.
  std::string expose();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// `weir_build_info`: constant 1, the same in each daemon.
void expose_build_info(Registry& registry, const std::string& binary, const std::string& version);

}  // namespace weir::metrics
