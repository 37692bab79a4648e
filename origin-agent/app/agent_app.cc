#include "origin-agent/app/agent_app.h"

#include <cstdio>
#include <utility>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include "common/admin/admin_server.h"
#include "common/async/asio_executor.h"
#include "common/async/listen.h"
#include "common/async/signals.h"
#include "common/base/random.h"
#include "common/base/secret_file.h"
#include "common/config/daemon.h"
#include "common/telemetry/log.h"
#include "common/telemetry/metrics.h"
#include "origin-agent/app/agent_metrics.h"
#include "origin-agent/app/hook_hints.h"
#include "origin-agent/app/limits.h"
#include "origin-agent/app/origin_fleet.h"
#include "origin-agent/app/origin_registry.h"
#include "origin-agent/app/own_address.h"
#include "origin-agent/app/settings.h"
#include "origin-agent/app/state_file.h"
#include "origin-agent/client/grpc_link.h"
#include "origin-agent/client/report_driver.h"
#include "origin-agent/source/nginx_rtmp/nginx_source.h"
#include "origin-agent/source/process/process_source.h"
#include "origin-agent/source/process_table.h"
#include "origin-agent/source/procfs.h"
#include "origin-agent/source/srs/register_server.h"
#include "origin-agent/source/srs/srs_source.h"
#include "weir/config/v1/config.pb.h"

namespace weir::agent {

struct AgentApp::Parts final : DriverObserver, srs::RegisterListener {
  Parts(const config::v1::OriginAgentConfig& c, std::string v)
      : config(c), version(std::move(v)), executor(io), table(io), logger("agent") {}

  Result<void> start();
  Result<void> watch(const AgentSettings& settings, const SavedState& saved,
                     std::uint64_t memory_bytes);
  void sweep();
  std::unique_ptr<OriginSource> make_source(const OriginSettings& origin);
  void end();
  bool is_ready() const;
  std::vector<std::string> why_not_ready() const;

  void state_changed(const SavedState& state) override;
  void attached_changed(bool attached) override;
  void origin_answering(std::size_t origin, bool answering) override {
    figures->answering(origin, answering);
    registry->answering(origin, answering);
    // Later: this is a call of the origin's own monitor.
    if (!answering) boost::asio::post(io, [this] { registry->admit_successors(); });
  }
  void verdict_given(std::size_t origin, VerdictReason reason) override {
    figures->verdict(origin, reason);
  }
  void load_sampled(std::size_t origin, const LoadSample& load) override {
    figures->load(origin, load);
  }
  void facts_found(std::size_t origin, const FoundFacts& facts) override {
    fleet->facts_found(origin, facts);
  }

  Result<void> registered(const srs::Heartbeat& heartbeat, const std::string& peer) override;
  void published(const srs::HookEvent& event) override { hints.heard(event.server, event.service); }
  void unpublished(const srs::HookEvent& event) override {
    hints.heard(event.server, event.service);
  }

  const config::v1::OriginAgentConfig config;
  const std::string version;
  boost::asio::io_context io{1};
  async::AsioExecutor executor;
  SystemClock clock;
  SystemRandom random;
  metrics::Registry metrics_registry;
  LinuxProcessTable table;
  EpochTable epochs;
  log::Logger logger;
  std::unique_ptr<StateFile> state_file;
  std::unique_ptr<AgentMetrics> figures;
  std::unique_ptr<admin::AdminServer> admin_server;
  std::unique_ptr<async::Signals> signals;
  std::unique_ptr<GrpcLink> link;
  std::unique_ptr<ReportDriver> driver;
  std::unique_ptr<OriginFleet> fleet;
  std::unique_ptr<OriginRegistry> registry;
  std::unique_ptr<srs::RegisterServer> register_server;
  HookHints hints{executor, [this](const std::string& server, const std::string& service) {
                    registry->hinted(server, service);
                  }};
  Secret api_credentials;
  bool ready_line_printed = false;
};

bool AgentApp::Parts::is_ready() const {
  // Stays true when the control plane goes away later, or another origin registers: readiness is
  // about this process.
  return driver->reporter().was_ready();
}

std::vector<std::string> AgentApp::Parts::why_not_ready() const {
  std::vector<std::string> reasons;
  if (!driver->reporter().was_attached()) reasons.emplace_back("no control plane was reached yet");
  if (!driver->reporter().looked_at_all())
    reasons.emplace_back("not every origin was looked at yet");
  return reasons;
}

void AgentApp::Parts::state_changed(const SavedState& state) {
  SavedState whole = state;
  whole.registered = registry->saved();
  if (auto written = state_file->write(whole); !written)
    logger.warning("{}", written.error().message);
}

void AgentApp::Parts::attached_changed(bool attached) {
  figures->attached(attached);
  if (!attached || std::exchange(ready_line_printed, true)) return;
  fmt::print("weir-origin-agent ready admin={} srs-register={} origins={}\n",
             admin_server->address(), register_server->address(),
             driver->reporter().origin_count());
  std::fflush(stdout);
}

std::unique_ptr<OriginSource> AgentApp::Parts::make_source(const OriginSettings& origin) {
  if (origin.stat) {
    return std::make_unique<NginxRtmpSource>(
        io, clock, random, epochs,
        NginxRtmpOptions{origin.local_rtmp, *origin.stat, origin.control, origin.pid_file,
                         origin.client_address},
        logger.with("origin", origin.spec.id.str()));
  }
  if (origin.api || !origin.life.service.empty()) {
    srs::SrsOptions options;
    options.rtmp = origin.local_rtmp;
    options.api = origin.api;
    if (origin.api_gets_credentials) options.api_credentials = api_credentials;
    options.server = origin.server;
    options.service = origin.life.service;
    options.pid = origin.life.pid;
    options.max_connections = origin.spec.capacity.connections;
    options.client_address = origin.client_address;
    return std::make_unique<srs::SrsSource>(io, clock, random, epochs, std::move(options),
                                            logger.with("origin", origin.spec.id.str()));
  }
  return std::make_unique<ProcessSource>(
      io, clock, random, ProcessOptions{origin.local_rtmp, origin.pid_file, origin.client_address});
}

Result<void> AgentApp::Parts::registered(const srs::Heartbeat& heartbeat, const std::string& peer) {
  const auto outcome = registry->registered({heartbeat, peer});
  figures->registration(outcome ? *outcome : RegistrationOutcome::kRefused);
  if (!outcome) return outcome.error();
  return {};
}

void AgentApp::Parts::sweep() {
  registry->sweep();
  executor.run_after(kSweepInterval, [this] { sweep(); });
}

Result<void> AgentApp::Parts::watch(const AgentSettings& settings, const SavedState& saved,
                                    std::uint64_t memory_bytes) {
  fleet = std::make_unique<OriginFleet>(FleetSurroundings{
      *driver, table, executor, clock, *figures,
      [this](const OriginSettings& origin) { return make_source(origin); }, memory_bytes});
  registry = std::make_unique<OriginRegistry>(
      RegistryOptions{settings.srs, settings.around, settings.srs_overrides}, *fleet, clock);
  for (OriginSettings origin : settings.origins) {
    const auto known = saved.origins.find(origin.spec.id);
    if (known != saved.origins.end() && origin.api)
      origin.life = parse_srs_life(known->second.process);
    registry->configured(fleet->add(origin), origin);
  }
  registry->restore(saved);
  register_server = std::make_unique<srs::RegisterServer>(io, clock, *this,
                                                          logger.with("listener", "srs-register"));
  return register_server->start(settings.srs.listen);
}

Result<void> AgentApp::Parts::start() {
  const HostFacts host = read_host_facts();
  auto settings = make_settings(config, host.hostname);
  if (!settings) return settings.error();
  settings->around.is_own_address = is_own_address;
  auto token = config::read_token(config.common());
  if (!token) return token.error();
  if (!settings->srs.api_auth_file.empty()) {
    auto credentials = read_secret_file(settings->srs.api_auth_file, "srs.api_auth_file");
    if (!credentials) return credentials.error();
    api_credentials = std::move(*credentials);
  }
  if (auto prepared = config::prepare_state_dir(config.common()); !prepared)
    return prepared.error();
  async::raise_open_files_limit();

  state_file = std::make_unique<StateFile>(config.common().state_dir());
  auto saved = state_file->read();
  if (!saved) logger.warning("starting without remembered state: {}", saved.error().message);
  metrics::expose_build_info(metrics_registry, "weir-origin-agent", version);
  figures = std::make_unique<AgentMetrics>(metrics_registry);
  link = std::make_unique<GrpcLink>(executor, settings->controlplane, *token);
  ReporterConfig reporter{
      settings->id, random.token(16), version, host, settings->controlplane.size(), {}};
  driver = std::make_unique<ReportDriver>(
      Reporter(std::move(reporter), saved ? *saved : SavedState(), random), *link, executor, clock,
      epochs, *this);
  admin_server = std::make_unique<admin::AdminServer>(
      io, metrics_registry,
      admin::Probes{.ready = [this] { return is_ready(); },
                    .reasons = [this] { return why_not_ready(); }},
      admin::Options{config.common().admin(), *token, config.common().insecure()});
  if (auto started = admin_server->start(); !started) return started.error();
  // Nothing here has sessions to wait for: the first signal ends it as the second one does.
  signals = std::make_unique<async::Signals>(io, [this] { end(); }, [this] { end(); });
  if (auto watched = watch(*settings, saved ? *saved : SavedState(), host.memory_bytes); !watched)
    return watched.error();
  sweep();
  driver->start();
  fleet->start();
  return {};
}

void AgentApp::Parts::end() {
  if (register_server) register_server->stop();
  fleet.reset();
  if (driver) driver->stop();
  if (admin_server) admin_server->stop();
  io.stop();
}

AgentApp::AgentApp(const config::v1::OriginAgentConfig& config, std::string version)
    : parts_(std::make_unique<Parts>(config, std::move(version))) {}

AgentApp::~AgentApp() = default;

Result<void> AgentApp::run() {
  if (auto started = parts_->start(); !started) return started.error();
  const auto work = boost::asio::make_work_guard(parts_->io);
  parts_->io.run();
  parts_->logger.info("stopped");
  return {};
}

void AgentApp::stop() {
  boost::asio::post(parts_->io, [parts = parts_.get()] { parts->end(); });
}

}  // namespace weir::agent
