// Unary calls by the callback API: each answer starts the next call of its lane.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <grpcpp/client_context.h>
#include <grpcpp/grpcpp.h>

#include "common/base/secret.h"
#include "common/rpc/channel.h"
#include "tests/bench/controlplane/modes.h"
#include "weir/control/v1/placement_service.grpc.pb.h"

namespace weir::bench {
namespace {

using namespace std::chrono_literals;
using Time = std::chrono::steady_clock;
using Stub = control::v1::PlacementService::Stub;

constexpr auto kDeadline = 10s;
constexpr int kPageSize = 100;

enum class Call { kEcho, kLookup, kAcquire, kList };

Call call_named(const std::string& name) {
  if (name == "echo") return Call::kEcho;
  if (name == "lookup") return Call::kLookup;
  if (name == "acquire") return Call::kAcquire;
  if (name == "list") return Call::kList;
  throw std::invalid_argument("--call=echo|lookup|acquire|list");
}

struct Plan {
  Call call;
  std::string prefix;        ///< of the streams' names
  std::uint64_t streams;     ///< lookup: how many there are
  std::uint64_t first;       ///< acquire: number of the first stream
  std::uint64_t count;       ///< 0 = until `end`
  std::uint64_t forwarders;  ///< acquire: so many hold the streams
  Time::time_point end;
};

/// What all lanes share.
struct Progress {
  std::atomic<std::uint64_t> next{0};
  std::atomic<std::uint64_t> failed{0};
  std::mutex mutex;
  std::condition_variable ended;
  std::size_t running = 0;
  std::string failure;
};

class Lane {
 public:
  Lane(const Plan& plan, Progress& progress, std::shared_ptr<grpc::Channel> channel)
      : plan_(plan), progress_(progress), stub_(std::move(channel)) {}

  void next() {
    const std::uint64_t number = progress_.next.fetch_add(1);
    began_ = Time::now();
    if ((plan_.count != 0 && number >= plan_.count) || began_ >= plan_.end) return end();
    context_.emplace();
    context_->set_deadline(std::chrono::system_clock::now() + kDeadline);
    const auto done = [this](const grpc::Status& status) { answered(status); };
    switch (plan_.call) {
      case Call::kEcho:
        echo_.set_name(name(number % plan_.streams));
        return stub_.async()->GetStream(&*context_, &echo_, &echoed_, done);
      case Call::kLookup:
        // Far apart, as players come.
        lookup_.set_stream(name(number * 7919 % plan_.streams));
        return stub_.async()->GetPlacement(&*context_, &lookup_, &looked_up_, done);
      case Call::kAcquire: {
        const std::uint64_t stream = plan_.first + number;
        acquire_.set_stream(name(stream));
        auto* holder = acquire_.mutable_holder()->mutable_client_session();
        holder->set_forwarder(fmt::format("bench-f{}", stream % plan_.forwarders));
        holder->set_session(fmt::format("bench-session-{:012}", stream));
        return stub_.async()->AcquirePlacement(&*context_, &acquire_, &acquired_, done);
      }
      case Call::kList:
        list_.set_page_size(kPageSize);
        return stub_.async()->ListStreams(&*context_, &list_, &listed_, done);
    }
  }

  const std::vector<float>& micros() const { return micros_; }

 private:
  std::string name(std::uint64_t number) const {
    return fmt::format("__defaultVhost__/live/{}{:09}", plan_.prefix, number);
  }

  void answered(const grpc::Status& status) {
    const std::chrono::duration<float, std::micro> took = Time::now() - began_;
    if (status.ok()) {
      micros_.push_back(took.count());
    } else {
      progress_.failed.fetch_add(1);
      const std::lock_guard lock(progress_.mutex);
      progress_.failure = status.error_message();
    }
    next();
  }

  void end() {
    const std::lock_guard lock(progress_.mutex);
    if (--progress_.running == 0) progress_.ended.notify_all();
  }

  const Plan& plan_;
  Progress& progress_;
  Stub stub_;
  Time::time_point began_;
  std::optional<grpc::ClientContext> context_;
  control::v1::GetStreamRequest echo_;
  control::v1::Stream echoed_;
  control::v1::GetPlacementRequest lookup_;
  control::v1::GetPlacementResponse looked_up_;
  control::v1::AcquirePlacementRequest acquire_;
  control::v1::AcquirePlacementResponse acquired_;
  control::v1::ListStreamsRequest list_;
  control::v1::ListStreamsResponse listed_;
  std::vector<float> micros_;
};

void report(const std::vector<std::unique_ptr<Lane>>& lanes, const Progress& progress,
            double seconds) {
  std::vector<float> micros;
  for (const auto& lane : lanes) {
    micros.insert(micros.end(), lane->micros().begin(), lane->micros().end());
  }
  std::sort(micros.begin(), micros.end());
  const auto at = [&](double share) {
    if (micros.empty()) return 0.0;
    const auto index = static_cast<std::size_t>(share * static_cast<double>(micros.size()));
    return static_cast<double>(micros[std::min(index, micros.size() - 1)]);
  };
  if (!progress.failure.empty()) std::fprintf(stderr, "failed: %s\n", progress.failure.c_str());
  print_results({{"calls", static_cast<double>(micros.size())},
                 {"failed", static_cast<double>(progress.failed.load())},
                 {"seconds", seconds},
                 {"per_second", static_cast<double>(micros.size()) / seconds},
                 {"p50_us", at(0.50)},
                 {"p99_us", at(0.99)},
                 {"max_us", at(1.0)}});
}

}  // namespace

int run_unary(const Flags& flags) {
  const auto lanes_wanted = flags.number("in-flight", 64);
  const auto channels = std::min(flags.number("channels", 4), lanes_wanted);
  const std::string target = flags.text("target", "");
  Plan plan{call_named(flags.text("call", "")),
            flags.text("prefix", "s"),
            std::max<std::uint64_t>(flags.number("streams", 1), 1),
            flags.number("first", 0),
            flags.number("count", 0),
            std::max<std::uint64_t>(flags.number("forwarders", 10), 1),
            {}};
  Progress progress;
  std::vector<std::shared_ptr<grpc::Channel>> connected;
  for (std::uint64_t at = 0; at < channels; ++at) {
    connected.push_back(rpc::make_channel(target, Secret()));
    if (!connected.back()->WaitForConnected(std::chrono::system_clock::now() + kDeadline)) {
      throw std::runtime_error("nobody answers at " + target);
    }
  }
  std::vector<std::unique_ptr<Lane>> lanes;
  for (std::uint64_t at = 0; at < lanes_wanted; ++at) {
    lanes.push_back(std::make_unique<Lane>(plan, progress, connected[at % channels]));
  }
  progress.running = lanes.size();
  const auto began = Time::now();
  plan.end = began + std::chrono::milliseconds(flags.number("millis", 3'600'000));
  for (const auto& lane : lanes) lane->next();
  std::unique_lock lock(progress.mutex);
  progress.ended.wait(lock, [&] { return progress.running == 0; });
  const std::chrono::duration<double> took = Time::now() - began;
  lock.unlock();
  report(lanes, progress, took.count());
  return 0;
}

}  // namespace weir::bench
