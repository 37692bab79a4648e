// Simulated agents: one attach stream each, some origins each, a report each interval or none.

#include <atomic>
#include <chrono>
#include <csignal>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <grpcpp/client_context.h>
#include <grpcpp/grpcpp.h>
#include <sys/resource.h>

#include "common/base/secret.h"
#include "common/rpc/channel.h"
#include "tests/bench/controlplane/modes.h"
#include "weir/control/v1/origin_service.grpc.pb.h"

namespace weir::bench {
namespace {

using namespace std::chrono_literals;
using Up = control::v1::OriginServiceAttachRequest;
using Down = control::v1::OriginServiceAttachResponse;
using Time = std::chrono::steady_clock;

struct Totals {
  std::atomic<std::uint64_t> welcomed{0};
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> acknowledged{0};
  std::atomic<std::uint64_t> heartbeats{0};
  std::atomic<std::uint64_t> ended{0};
};

class Agent final : public grpc::ClientBidiReactor<Up, Down> {
 public:
  Agent(std::uint64_t number, std::uint64_t origins, std::shared_ptr<grpc::Channel> channel,
        Totals& totals)
      : totals_(totals), stub_(std::move(channel)) {
    auto* hello = up_.mutable_hello();
    hello->set_agent(fmt::format("bench-agent-{:05}", number));
    hello->set_instance(fmt::format("instance-{}", number));
    hello->set_version("bench");
    for (std::uint64_t at = 0; at < origins; ++at) {
      auto* seen = hello->add_origins();
      // A private address each: two live servers cannot listen on one.
      const std::uint64_t host = number * origins + at + 1;
      seen->set_origin(fmt::format("bench-origin-{:06}", host));
      seen->set_kind(control::v1::ORIGIN_KIND_NGINX_RTMP);
      auto* endpoint = seen->add_endpoints();
      endpoint->set_protocol(control::v1::PROTOCOL_RTMP);
      endpoint->set_address(
          fmt::format("10.{}.{}.{}:1935", host >> 16 & 255, host >> 8 & 255, host & 255));
      seen->set_process(fmt::format("process-{}", host));
      seen->set_probe_answered(true);
      seen->mutable_capacity()->set_streams(1'000'000);
    }
    context_.set_wait_for_ready(true);
    stub_.async()->Attach(&context_, this);
    StartRead(&down_);
    StartWrite(&up_);
    writing_ = true;
    StartCall();
  }

  void report() {
    const std::lock_guard lock(mutex_);
    if (writing_ || ended_) return;
    up_.Clear();
    if (incarnations_.empty()) {
      up_.mutable_heartbeat();
    } else {
      auto* report = up_.mutable_report();
      report->set_sequence(++sequence_);
      report->mutable_window()->set_seconds(1);
      for (const auto& [origin, incarnation] : incarnations_) {
        auto* of = report->add_origins();
        of->set_origin(origin);
        of->set_incarnation(incarnation);
        auto* load = of->mutable_load();
        load->set_cpu_utilization(0.2 + static_cast<double>(sequence_ % 10) / 100);
        load->set_mem_utilization(0.1);
        load->set_streams(20);
        load->set_players(200);
        load->set_connections(220);
        load->set_ingress_bits_per_second(80e6);
        load->set_egress_bits_per_second(800e6);
        load->set_ingress_bytes_total(sequence_ * 10'000'000);
        load->set_egress_bytes_total(sequence_ * 100'000'000);
        load->set_open_files(240);
        load->set_open_files_max(65'536);
        of->set_stream_readings(sequence_);
      }
    }
    writing_ = true;
    StartWrite(&up_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    if (down_.has_welcome()) totals_.welcomed.fetch_add(1);
    if (down_.has_report_ack()) totals_.acknowledged.fetch_add(1);
    if (down_.has_heartbeat()) totals_.heartbeats.fetch_add(1);
    if (down_.has_origin_accepted()) {
      const auto& accepted = down_.origin_accepted();
      const std::lock_guard lock(mutex_);
      if (accepted.rejection().empty()) {
        incarnations_[accepted.origin()] = accepted.incarnation();
        totals_.accepted.fetch_add(1);
      } else {
        std::fprintf(stderr, "rejected: %s\n", accepted.rejection().c_str());
      }
    }
    StartRead(&down_);
  }
  void OnWriteDone(bool) override {
    const std::lock_guard lock(mutex_);
    writing_ = false;
  }
  void OnDone(const grpc::Status& status) override {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    if (totals_.ended.fetch_add(1) == 0 && !status.ok()) {
      std::fprintf(stderr, "ended: %s\n", status.error_message().c_str());
    }
  }
  void cancel() { context_.TryCancel(); }

 private:
  Totals& totals_;
  control::v1::OriginService::Stub stub_;
  grpc::ClientContext context_;
  Down down_;
  std::mutex mutex_;
  Up up_;
  bool writing_ = false;
  bool ended_ = false;
  std::uint64_t sequence_ = 0;
  std::map<std::string, std::string> incarnations_;
};

void print(const Totals& totals) {
  print_results({{"welcomed", static_cast<double>(totals.welcomed.load())},
                 {"accepted", static_cast<double>(totals.accepted.load())},
                 {"acknowledged", static_cast<double>(totals.acknowledged.load())},
                 {"heartbeats", static_cast<double>(totals.heartbeats.load())},
                 {"ended", static_cast<double>(totals.ended.load())}});
}

std::uint64_t wanted(const std::string& text) {
  return std::stoull(text);
}

}  // namespace

/// Prints its totals once all are attached and every second from then on, until it is killed.
int run_agents(const Flags& flags) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  const auto count = flags.number("agents", 1);
  const auto origins = flags.number("origins-each", 1);
  const auto first = flags.number("first", 0);
  // 0 = a connection for each agent.
  const auto connections = wanted(flags.text("connections", "0"));
  const auto report_millis = flags.number("report-millis", 1'000);
  const std::string target = flags.text("target", "");
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  for (std::uint64_t at = 0; at < connections; ++at) {
    channels.push_back(rpc::make_channel(target, Secret()));
  }
  Totals totals;
  std::vector<std::unique_ptr<Agent>> agents;
  for (std::uint64_t at = 0; at < count; ++at) {
    auto channel =
        connections == 0 ? rpc::make_channel(target, Secret()) : channels[at % channels.size()];
    agents.push_back(std::make_unique<Agent>(first + at, origins, std::move(channel), totals));
    // Not faster than they are taken in: the replica gives a hello 5 s.
    while (agents.size() > totals.welcomed.load() + totals.ended.load() + 50) {
      std::this_thread::sleep_for(1ms);
    }
  }
  while (totals.welcomed.load() < count && totals.ended.load() == 0) {
    std::this_thread::sleep_for(10ms);
  }
  // Reports are spread over their interval, as agents that were started at any time send them.
  const auto step =
      std::chrono::nanoseconds(report_millis * 1'000'000 / std::max<std::uint64_t>(count, 1));
  auto due = Time::now();
  auto told = due;
  std::size_t at = 0;
  while (true) {
    const auto now = Time::now();
    for (; due <= now; due += step) agents[at++ % agents.size()]->report();
    if (now - told >= 1s) {
      told = now;
      print(totals);
    }
    std::this_thread::sleep_for(
        std::min<Time::duration>(std::max<Time::duration>(due - now, 1ms), 10ms));
  }
}

}  // namespace weir::bench
