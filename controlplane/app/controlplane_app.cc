#include "controlplane/app/controlplane_app.h"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/host_name.hpp>
#include <fmt/format.h>

#include "common/admin/admin_server.h"
#include "common/async/asio_executor.h"
#include "common/async/listen.h"
#include "common/async/signals.h"
#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/config/daemon.h"
#include "common/rpc/server.h"
#include "common/telemetry/log.h"
#include "common/telemetry/metrics.h"
#include "controlplane/app/rtmp_prober.h"
#include "controlplane/app/state_file.h"
#include "controlplane/app/store_factory.h"
#include "controlplane/core/cluster_core.h"
#include "controlplane/peering/peer_codec.h"
#include "controlplane/service/services.h"
#include "weir/config/v1/config.pb.h"

namespace weir::app {
namespace {

using namespace std::chrono_literals;
using Config = config::v1::ControlplaneConfig;

constexpr auto kShutdownGrace = 1s;
constexpr auto kReadyPoll = 5ms;
/// A store that cannot be used for this long after the start does not keep the replica from serving
/// what it can: that Redis is away is no reason to take it out of service.
constexpr auto kStoreGrace = 2s;

int fail(const Error& error) {
  log::error("{}", error.message);
  return config::exit_code_of(error);
}

core::SecondPublisher second_publisher(const std::string& word) {
  if (word == "reject") return core::SecondPublisher::kReject;
  if (word == "takeover") return core::SecondPublisher::kTakeover;
  return core::SecondPublisher::kTakeoverIfIdle;
}

core::Adopt adopt(const std::string& word) {
  if (word == "all") return core::Adopt::kAll;
  if (word == "none") return core::Adopt::kNone;
  return core::Adopt::kSrs;
}

core::Options options_of(const Config& config, const std::string& store, const char* version) {
  core::Options options;
  boost::system::error_code no_name;
  const std::string host = boost::asio::ip::host_name(no_name);
  options.replica = ReplicaId(!config.replica_id().empty() ? config.replica_id() : host);
  options.version = version;
  options.store_name = store;
  options.vhosts = {config.vhosts().begin(), config.vhosts().end()};
  options.second_publisher = second_publisher(config.second_publisher());
  options.adopt = adopt(config.adopt());
  options.default_stream_bits_per_second = config.placement().default_stream_bits_per_second();
  options.default_origin_streams = config.placement().default_origin_streams();
  options.listener_is_loopback = is_loopback_listener(config.listen());
  return options;
}

/// What the rules of fields cannot tell; also for --check-config.
Result<void> check(const Config& config) {
  if (config.listen().empty())
    return make_error(boost::system::errc::invalid_argument,
                      "--listen: the control plane needs its gRPC listener");
  if (const auto plan = plan_store(config); !plan) return plan.error();
  return {};
}

/// Everything that lives as long as the process, in order of dependence.
class Process {
 public:
  Process(const Config& config, const char* version, const StorePlan& plan,
          const StoreDecorator& decorate, core::StateKeeper& keeper, core::KeptState kept,
          core::KeptRecords records)
      : executor_(io_),
        prober_(io_, executor_, clock_, random_),
        store_(plan, {io_, executor_, clock_, random_, metrics_}, decorate),
        core_({executor_, clock_, random_, store_.store(), metrics_, log::Logger("core"), keeper,
               prober_, options_of(config, plan.name, version), plan.memory ? nullptr : &codec_},
              std::move(kept), std::move(records)),
        services_(executor_, core_) {
    metrics::expose_build_info(metrics_, "weir-controlplane", version);
  }

  Result<void> open(const Config& config, const Secret& token);
  int run();

 private:
  std::vector<std::string> not_ready() const;
  void announce();
  void drain();

  boost::asio::io_context io_{1};
  async::AsioExecutor executor_;
  SystemClock clock_;
  SystemRandom random_;
  metrics::Registry metrics_;
  RtmpProber prober_;
  OpenStore store_;
  const peering::ProtoPeerCodec codec_;
  core::ClusterCore core_;
  service::Services services_;
  std::unique_ptr<admin::AdminServer> admin_;
  std::unique_ptr<rpc::Server> server_;
  std::thread shutdown_;
  const MonotonicTime started_ = clock_.now();
  bool announced_ = false;  ///< ready from then on, whatever becomes of the store
  bool draining_ = false;
};

Result<void> Process::open(const Config& config, const Secret& token) {
  const auto& common = config.common();
  if (auto started = store_.start(); !started) return started;
  admin::Probes probes;
  probes.ready = [this] { return not_ready().empty(); };
  probes.reasons = [this] { return not_ready(); };
  admin_ = std::make_unique<admin::AdminServer>(
      io_, metrics_, std::move(probes), admin::Options{common.admin(), token, common.insecure()});
  if (auto started = admin_->start(); !started) return started;
  rpc::ServerOptions options;
  options.address = config.listen();
  options.token = token;
  options.insecure = common.insecure();
  auto server = rpc::Server::start(std::move(options), services_.all());
  if (!server) return server.error();
  server_ = std::move(*server);
  return {};
}

int Process::run() {
  const auto work = boost::asio::make_work_guard(io_);
  const async::Signals signals(
      io_, [this] { drain(); },
      [] {
        log::warning("second signal: stopping at once");
        std::_Exit(config::kExitStopped);
      });
  core_.start();
  announce();
  io_.run();
  if (shutdown_.joinable()) shutdown_.join();
  store_.stop();
  log::info("stopped");
  return config::kExitStopped;
}

std::vector<std::string> Process::not_ready() const {
  if (draining_) return {"shutting down"};
  if (announced_) return {};
  auto reasons = core_.not_ready();
  const std::string trouble = store_.store().health().trouble;
  if (reasons.empty() || trouble.empty()) return reasons;
  if (clock_.now() - started_ >= kStoreGrace) return {};
  reasons.push_back(trouble);
  return reasons;
}

void Process::announce() {
  if (!not_ready().empty()) {
    executor_.run_after(kReadyPoll, [this] { announce(); });
    return;
  }
  announced_ = true;
  const std::string admin = admin_->address();
  std::printf("weir-controlplane ready grpc=%s%s%s\n", server_->address().c_str(),
              admin.empty() ? "" : " admin=", admin.c_str());
  std::fflush(stdout);
}

void Process::drain() {
  log::info("shutting down");
  draining_ = true;
  server_->set_serving(false);
  core_.stop("this replica shuts down");
  // Shutting down blocks until calls under way are answered, which this thread has to do.
  shutdown_ = std::thread([this] {
    server_->shutdown(kShutdownGrace);
    executor_.post([this] { io_.stop(); });
  });
}

}  // namespace

int run_controlplane(int argc, const char* const* argv, const char* version,
                     const StoreDecorator& decorate) {
  Config config;
  if (const auto code = config::load(config::controlplane_spec(), version, argc, argv, config,
                                     [&config] { return check(config); }))
    return *code;
  auto plan = plan_store(config);
  if (!plan) return fail(plan.error());
  if (const auto ready = config::prepare_state_dir(config.common()); !ready)
    return fail(ready.error());
  const auto token = config::read_token(config.common());
  if (!token) return fail(token.error());

  core::NoStateKeeper nothing_kept;
  std::optional<StateFile> file;
  core::KeptState kept;
  core::KeptRecords records;
  if (!config.common().state_dir().empty()) {
    file.emplace(config.common().state_dir());
    auto loaded = file->load();
    if (!loaded) return fail(loaded.error());
    kept = std::move(*loaded);
    auto loaded_records = file->load_records();
    if (!loaded_records) return fail(loaded_records.error());
    records = std::move(*loaded_records);
  }
  core::StateKeeper& keeper = file ? static_cast<core::StateKeeper&>(*file) : nothing_kept;
  async::raise_open_files_limit();
  Process process(config, version, *plan, decorate, keeper, std::move(kept), std::move(records));
  if (const auto opened = process.open(config, *token); !opened) return fail(opened.error());
  return process.run();
}

}  // namespace weir::app
