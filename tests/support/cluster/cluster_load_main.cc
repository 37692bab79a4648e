// weir-cluster-load: simulated agents, origins, forwarders and clients against real replicas.
//
//   weir-cluster-load --endpoint 127.0.0.1:7400 --endpoint … --history FILE [--streams N …]
//
// JSON lines on standard output: ready; progress each second; summary. SIGTERM, or the end of
// --seconds: clients stop, what is under way ends, and replicas are asked for every stream that is
// held (audit). Exit status: 0, 1 when a replica disagreed or nothing came to rest, 2 usage.

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <fmt/format.h>
#include <sys/resource.h>

#include "common/async/asio_executor.h"
#include "tests/support/cluster/audit.h"
#include "tests/support/cluster/workload.h"

namespace {

using namespace std::chrono_literals;
using weir::Duration;
using weir::MonotonicTime;
using weir::cluster::Audit;
using weir::cluster::Figures;
using weir::cluster::Options;
using weir::cluster::Workload;
using weir::cluster::World;

constexpr auto kReadyWithin = 60s;
constexpr auto kRestWithin = 40s;
constexpr auto kAuditPatience = 10s;
constexpr auto kLetGoWithin = 3s;
constexpr std::size_t kWrongShown = 20;

std::string counts(const std::map<std::string, std::uint64_t>& counts) {
  std::string out;
  for (const auto& [name, count] : counts)
    out += fmt::format("{}\"{}\":{}", out.empty() ? "" : ",", name, count);
  return "{" + out + "}";
}

class Load {
 public:
  Load(boost::asio::io_context& io, World& world, const Options& options, Duration length)
      : io_(io), world_(world), workload_(world, options), length_(length) {}

  void start() {
    began_ = world_.clock.now();
    workload_.start();
    tick();
  }
  void wind_down() {
    if (phase_ == Phase::kStarting) return finish(1, "ended before it began");
    if (phase_ != Phase::kRunning) return;
    enter(Phase::kResting);
    workload_.wind_down();
  }
  int status() const { return status_; }

 private:
  enum class Phase { kStarting, kRunning, kResting, kAuditing, kOver };

  void enter(Phase phase) {
    phase_ = phase;
    since_ = world_.clock.now();
  }
  void tick() {
    const MonotonicTime now = world_.clock.now();
    workload_.tick();
    if (now >= progress_due_ && phase_ != Phase::kStarting) progress(now);
    advance(now);
    if (phase_ != Phase::kOver) world_.executor.run_after(weir::cluster::kTick, [this] { tick(); });
  }

  void advance(MonotonicTime now) {
    switch (phase_) {
      case Phase::kStarting:
        if (workload_.ready()) {
          fmt::print("{{\"event\":\"ready\",\"after\":{:.3f}}}\n", seconds(now - began_));
          std::fflush(stdout);
          enter(Phase::kRunning);
          workload_.run();
        } else if (now - began_ > kReadyWithin) {
          finish(1, "not everybody was attached and registered in time");
        }
        return;
      case Phase::kRunning:
        if (length_ != Duration{} && now - since_ >= length_) wind_down();
        return;
      case Phase::kResting:
        if (workload_.quiet() && now - since_ > 1s) {
          audit();
        } else if (now - since_ > kRestWithin) {
          rested_ = false;
          audit();
        }
        return;
      case Phase::kAuditing:
        if (audit_->done()) over();
        return;
      case Phase::kOver:
        return;
    }
  }

  void audit() {
    rest_ = world_.clock.now() - since_;
    ran_ = since_ - began_;
    enter(Phase::kAuditing);
    std::vector<weir::cluster::SimForwarder::Held> held;
    for (const auto& forwarder : workload_.forwarders())
      for (auto& one : forwarder->all_held()) held.push_back(std::move(one));
    audit_ = std::make_unique<Audit>(world_, std::move(held), kAuditPatience);
    audit_->start();
  }

  void over() {
    for (std::size_t at = 0; at < std::min(kWrongShown, audit_->wrong().size()); ++at)
      fmt::print("{{\"event\":\"wrong\",\"what\":\"{}\"}}\n", audit_->wrong()[at]);
    Figures& figures = world_.figures;
    const double share = figures.calls() == 0
                             ? 0
                             : 100.0 *
                                   static_cast<double>(figures.refused() + figures.timed_out()) /
                                   static_cast<double>(figures.calls());
    fmt::print(
        "{{\"event\":\"summary\",\"seconds\":{:.1f},\"calls\":{},\"calls_per_second\":{:.0f},"
        "\"refused\":{},\"timed_out\":{},\"refused_or_timed_out_percent\":{:.3f},"
        "\"acquires\":{},\"lookups\":{},\"publishers\":{{\"asked\":{},\"placed\":{},\"held\":{},"
        "\"gave_up\":{}}},\"ends\":{},\"reattached\":{},\"held_at_end\":{},\"rested\":{},"
        "\"rest_seconds\":{:.1f},\"audited\":{},\"audit_wrong\":{},",
        seconds(ran_), figures.calls(), static_cast<double>(figures.calls()) / seconds(ran_),
        figures.refused(), figures.timed_out(), share, counts(figures.acquires),
        counts(figures.lookups), figures.asked_to_publish, figures.placed, figures.held_by_another,
        figures.gave_up, counts(figures.ends), figures.reattached, workload_.held(), rested_,
        seconds(rest_), audit_->asked(), audit_->wrong().size());
    const auto latency = [](weir::cluster::Latencies& of) {
      return fmt::format("{{\"p50\":{:.2f},\"p99\":{:.2f},\"max\":{:.2f}}}", of.quantile(0.5),
                         of.quantile(0.99), of.quantile(1));
    };
    fmt::print("\"acquire_ms\":{},\"lookup_ms\":{},\"accepted_ms\":{},\"history\":{}}}\n",
               latency(figures.acquire_latency), latency(figures.lookup_latency),
               latency(figures.wait_latency), world_.history.written());
    finish(rested_ && audit_->wrong().empty() ? 0 : 1, {});
  }

  void finish(int status, std::string_view why) {
    if (!why.empty()) fmt::print("{{\"event\":\"failed\",\"why\":\"{}\"}}\n", why);
    std::fflush(stdout);
    status_ = status;
    phase_ = Phase::kOver;
    world_.history.flush();
    workload_.stop();
    since_ = world_.clock.now();
    let_go();
  }
  /// gRPC must have let go of every call before its objects go.
  void let_go() {
    if (world_.replicas.open() == 0) return io_.stop();
    if (world_.clock.now() - since_ > kLetGoWithin) std::_Exit(status_);
    world_.executor.run_after(10ms, [this] { let_go(); });
  }

  void progress(MonotonicTime now) {
    progress_due_ = now + 1s;
    const Figures& figures = world_.figures;
    fmt::print(
        "{{\"event\":\"progress\",\"t\":{:.1f},\"calls\":{},\"refused\":{},\"timed_out\":{},"
        "\"placed\":{},\"held\":{},\"attached\":{},\"all_asked\":{}}}\n",
        seconds(now - began_), figures.calls(), figures.refused(), figures.timed_out(),
        figures.placed, workload_.held(), workload_.attached(), workload_.all_asked());
    std::fflush(stdout);
    world_.history.flush();
  }

  static double seconds(Duration duration) {
    return std::chrono::duration<double>(duration).count();
  }

  boost::asio::io_context& io_;
  World& world_;
  Workload workload_;
  const Duration length_;
  Phase phase_ = Phase::kStarting;
  MonotonicTime began_{};
  MonotonicTime since_{};
  MonotonicTime progress_due_{};
  Duration rest_{};
  Duration ran_{};
  bool rested_ = true;
  std::unique_ptr<Audit> audit_;
  int status_ = 1;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Simulated agents, forwarders and clients against real replicas.");
  Options options;
  std::string history_file;
  double length = 0;
  app.add_option("--endpoint", options.endpoints, "host:port of a replica")->required();
  app.add_option("--history", history_file, "File for what was asked, told and held");
  app.add_option("--name", options.name, "Prefix of every id and stream");
  app.add_option("--streams", options.streams, "Streams asked for");
  app.add_option("--origins", options.origins, "Simulated origins");
  app.add_option("--agents", options.agents, "Agents that share them");
  app.add_option("--forwarders", options.forwarders, "Simulated forwarders");
  app.add_option("--clients", options.clients, "Clients at once");
  app.add_option("--racers", options.racers, "Clients that ask for a new stream at once");
  app.add_option("--seed", options.seed, "Of everything that is drawn");
  app.add_option("--seconds", length, "Clients stop then; 0 = at SIGTERM");
  app.add_option("--rate", options.rate, "Actions per second; 0 = as answers come");
  app.add_option("--deaths", options.deaths, "Origins that die, per minute");
  app.add_option("--capacity", options.capacity, "Streams that an origin takes");
  app.add_flag("--hold-only", options.hold_only, "After the first asks only hold");
  CLI11_PARSE(app, argc, argv);

  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  boost::asio::io_context io(1);
  const auto work = boost::asio::make_work_guard(io);
  weir::async::AsioExecutor executor(io);
  const weir::SystemClock clock;
  weir::SeededRandom random(options.seed);
  weir::history::Recorder history(clock);
  if (!history_file.empty()) {
    if (const auto opened = history.open(history_file, "load"); !opened) {
      fmt::print(stderr, "{}\n", opened.error().message);
      return 2;
    }
  }
  weir::cluster::Replicas replicas(executor, options.endpoints);
  Figures figures;
  World world{executor, clock, random, replicas, history, figures};
  Load load(io, world, options,
            std::chrono::duration_cast<Duration>(std::chrono::duration<double>(length)));
  boost::asio::signal_set end(io, SIGTERM, SIGINT);
  end.async_wait([&](boost::system::error_code error, int) {
    if (!error) load.wind_down();
  });
  load.start();
  io.run();
  return load.status();
}
