#include "dataplane/app/forwarder.h"

#include <chrono>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/host_name.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <fmt/format.h>
#include <malloc.h>

#include "common/admin/admin_server.h"
#include "common/async/asio_executor.h"
#include "common/async/listen.h"
#include "common/async/signals.h"
#include "common/base/listen_address.h"
#include "common/base/random.h"
#include "common/telemetry/log.h"
#include "common/telemetry/metrics.h"
#include "dataplane/app/crowd_watch.h"
#include "dataplane/app/end_label.h"
#include "dataplane/app/forwarder_metrics.h"
#include "dataplane/app/logging_resolver.h"
#include "dataplane/app/state_file.h"
#include "dataplane/app/waiting_log.h"
#include "dataplane/io/worker.h"
#include "dataplane/io/worker_context.h"
#include "dataplane/relay/rtmp_session.h"
#include "dataplane/routing/control_client.h"
#include "dataplane/routing/grpc/convert.h"
#include "dataplane/routing/grpc/grpc_control_link.h"
#include "dataplane/routing/worker_resolver.h"

namespace weir::forwarder {
namespace {

using boost::asio::ip::tcp;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// 75 random bits: unique across restarts. One more character would not fit into a string without
/// an allocation, and an id is kept in a dozen places.
constexpr std::size_t kSessionIdLength = 15;
constexpr std::size_t kInstanceLength = 16;
constexpr seconds kDrainWithin{10};
/// After the last session: time for the cluster to be told.
constexpr milliseconds kFarewellWithin{500};
constexpr milliseconds kDrainPoll{20};
constexpr seconds kStateSavedEvery{1};
constexpr seconds kMemoryWatchedEvery{5};

}  // namespace

/// One worker with all that belongs to it. Members go in reverse: sessions (drop_sessions),
/// resolvers, random, worker.
struct WorkerSlot {
  WorkerSlot(const Clock& clock, io::ProcessTotals& totals) : worker(clock, totals) {}
  ~WorkerSlot() { worker.drop_sessions(); }

  io::Worker worker;
  SystemRandom random;
  std::optional<routing::WorkerResolver> resolver;
  std::optional<LoggingResolver> logging;
  log::Every header_logged{seconds{1}};
  std::thread thread;
};

struct Forwarder::State {
  State(ForwarderOptions o, std::string v) : options(std::move(o)), version(std::move(v)) {}

  Result<void> open_rtmp();
  Result<void> open_admin();
  Result<void> remember();
  void wire_control();
  void wire_worker(WorkerSlot& slot, int listener);
  void refresh_metrics();
  bool ready() const;
  std::vector<std::string> not_ready_reasons() const;
  void announce_when_ready();
  void save_state_soon();
  void watch_memory();
  void poll_drain(MonotonicTime deadline);
  void farewell(MonotonicTime deadline);
  std::uint32_t unidentified() const;
  void join();

  ForwarderOptions options;
  const std::string version;
  const SystemClock clock;
  SystemRandom random;
  const log::Logger log{"forwarder"};
  metrics::Registry registry;
  io::ProcessTotals totals;
  admission::WaitingRoom waiting_room;
  WaitingLog waiting_log{waiting_room, clock};
  StateFile state_file{options.state_dir};
  routing::ControlClient::Remembered remembered;

  boost::asio::io_context control_io{1};
  async::AsioExecutor control_executor{control_io};
  ForwarderMetrics metrics{registry, [this] { save_state_soon(); }};
  std::optional<routing::GrpcControlLink> link;
  std::optional<routing::ControlClient> control;
  std::vector<std::unique_ptr<WorkerSlot>> workers;
  std::vector<tcp::acceptor> acceptors;
  std::optional<admin::AdminServer> admin;
  std::optional<async::Signals> signals;

  std::string rtmp_address;
  std::function<void(const std::string&)> on_ready;
  bool announced = false;
  bool draining = false;
  bool stopping = false;
  bool save_pending = false;
  CrowdWatch crowd;
};

Forwarder::Forwarder(ForwarderOptions options, std::string version)
    : state_(std::make_unique<State>(std::move(options), std::move(version))) {}

Forwarder::~Forwarder() {
  state_->join();
}

const std::string& Forwarder::rtmp_address() const {
  return state_->rtmp_address;
}
const std::string& Forwarder::id() const {
  return state_->options.id;
}

// --- opening

Result<void> Forwarder::open() {
  State& state = *state_;
  const std::uint64_t descriptors = async::raise_open_files_limit();
  // A client that is accepted has a descriptor left for its origin.
  const std::size_t borne = connections_borne(state.options.connections_max, descriptors);
  if (borne < state.options.connections_max)
    state.log.warning("at most {} clients instead of {}: the process may have {} open files", borne,
                      state.options.connections_max, descriptors);
  state.options.connections_max = borne;
  auto limits = complete(state.options.address_limits, borne);
  // Behind a balancer the clients that it names are counted, not the balancer.
  const auto& balancers = state.options.rtmp_session.proxy_protocol_from;
  limits.exempt.insert(limits.exempt.end(), balancers.begin(), balancers.end());
  state.waiting_room.set_limits(waiting_limits(borne, limits.exempt));
  state.totals.gate.set_limits(std::move(limits));
  state.totals.connections_max = borne;
  state.totals.queued_bytes_max = state.options.queued_bytes_max;
  state.options.rtmp_session.waiting_room = &state.waiting_room;
  for (unsigned i = 0; i < state.options.workers; ++i)
    state.workers.push_back(std::make_unique<WorkerSlot>(state.clock, state.totals));
  if (auto opened = state.open_rtmp(); !opened) return opened;
  if (auto loaded = state.remember(); !loaded) return loaded;
  state.wire_control();
  for (std::size_t i = 0; i < state.workers.size(); ++i)
    state.wire_worker(*state.workers[i], state.acceptors[i].release());
  state.acceptors.clear();
  return state.open_admin();
}

Result<void> Forwarder::State::open_rtmp() {
  std::vector<boost::asio::io_context*> ios;
  for (const auto& slot : workers) ios.push_back(&slot->worker.io());
  auto opened = async::open_shared_listeners(ios, options.rtmp, "--rtmp");
  if (!opened) return opened.error();
  acceptors = std::move(*opened);
  rtmp_address = async::local_address(acceptors.front());
  if (options.id.empty()) {
    boost::system::error_code ignored;
    const std::string host = boost::asio::ip::host_name(ignored);
    options.id = fmt::format("{}-{}", host.empty() ? "forwarder" : host,
                             acceptors.front().local_endpoint(ignored).port());
  }
  return {};
}

Result<void> Forwarder::State::remember() {
  auto loaded = state_file.load();
  if (loaded) {
    remembered = std::move(*loaded);
  } else {
    // What it held comes back from the control plane; a torn file must not keep clients out.
    log.warning("state is ignored: {}", loaded.error().message);
  }
  return {};
}

void Forwarder::State::wire_control() {
  routing::ForwarderFacts facts;
  facts.id = ForwarderId(options.id);
  facts.instance = random.token(kInstanceLength);
  facts.version = version;
  facts.zone = options.zone;
  const auto bound = parse_host_port(rtmp_address);
  for (const std::string& address : options.advertise)
    facts.rtmp_listeners.push_back(format_host_port(address, bound ? bound->port : 0));
  if (facts.rtmp_listeners.empty()) facts.rtmp_listeners.push_back(rtmp_address);
  link.emplace(control_executor, clock, std::move(facts), options.controlplane, options.token);
  control.emplace(
      *link, control_executor, clock, random, metrics, [this] { return unidentified(); },
      remembered);
}

void Forwarder::State::wire_worker(WorkerSlot& slot, int listener) {
  slot.resolver.emplace(*control, slot.worker.executor(), clock);
  slot.resolver->dial_gate().set_limit(std::max(routing::kDialsPerOriginAndWorkerMin,
                                                routing::kDialsPerOriginMax / options.workers));
  slot.logging.emplace(*slot.resolver);
  slot.worker.on_session_over([this, &slot](std::string_view reason) {
    metrics.session_over(reason);
    // A balancer that is not listed is nobody's fault but the configuration's.
    if (end_label(reason) == "PROXY_HEADER" && slot.header_logged.allow(clock.now()))
      log.warning("{}", reason);
  });
  slot.worker.listen(listener, [this, &slot](relay::SessionIo& io, const io::ClientFacts& client) {
    relay::SessionIdentity identity{.forwarder = ForwarderId(options.id),
                                    .session = SessionId(slot.random.token(kSessionIdLength)),
                                    .client_address = client.address,
                                    .connected_at = client.accepted_at};
    return std::make_unique<relay::RtmpSession>(io, *slot.logging, slot.random,
                                                options.rtmp_session, std::move(identity));
  });
}

Result<void> Forwarder::State::open_admin() {
  metrics::expose_build_info(registry, "weir-forwarder", version);
  registry.before_expose([this] { refresh_metrics(); });
  admin::Probes probes;
  probes.ready = [this] { return ready(); };
  probes.reasons = [this] { return not_ready_reasons(); };
  admin.emplace(
      control_io, registry, std::move(probes),
      admin::Options{
          .address = options.admin, .token = options.token, .insecure = options.insecure});
  return admin->start();
}

// --- running

void Forwarder::run(std::function<void(const std::string&)> ready) {
  State& state = *state_;
  state.on_ready = std::move(ready);
  state.signals.emplace(state.control_io, [this] { drain(); }, [this] { stop(); });
  for (const auto& slot : state.workers) {
    slot->worker.executor().post([resolver = &*slot->resolver] { resolver->start(); });
    slot->thread = std::thread([worker = &slot->worker] { worker->run(); });
  }
  state.control_executor.post([&state] {
    state.control->start();
    state.watch_memory();
    state.announce_when_ready();
  });
  const auto guard = boost::asio::make_work_guard(state.control_io);
  state.control_io.run();
  state.join();
}

void Forwarder::State::join() {
  for (const auto& slot : workers) {
    slot->worker.stop();
    if (slot->thread.joinable()) slot->thread.join();
    slot->worker.drop_sessions();
  }
}

bool Forwarder::State::ready() const {
  return !draining && control->origins().known();
}

std::vector<std::string> Forwarder::State::not_ready_reasons() const {
  std::vector<std::string> reasons;
  if (draining) reasons.emplace_back("draining");
  if (!control->origins().known()) reasons.emplace_back("no origin table was received yet");
  return reasons;
}

void Forwarder::State::announce_when_ready() {
  if (announced || !ready()) return;
  announced = true;
  on_ready(fmt::format("weir-forwarder ready rtmp={} admin={}", rtmp_address, admin->address()));
}

/// Something to remember has changed; many changes in a row are one write.
void Forwarder::State::save_state_soon() {
  announce_when_ready();
  if (!state_file.enabled() || std::exchange(save_pending, true)) return;
  control_executor.run_after(kStateSavedEvery, [this] {
    save_pending = false;
    const auto saved = state_file.save({.generation_seen = control->generation_seen(),
                                        .vhosts = control->vhosts(),
                                        .origins = control->origins().complete()});
    if (!saved) log.warning("state is not kept: {}", saved.error().message);
  });
}

void Forwarder::State::watch_memory() {
  control_executor.run_after(kMemoryWatchedEvery, [this] {
    if (crowd.has_left(totals.connections.load(std::memory_order_relaxed), clock.now())) {
      ::malloc_trim(0);
      registry
          .counter("weir_forwarder_memory_returned_total",
                   "Times memory was given back to the system after a crowd had left.")
          .add();
    }
    watch_memory();
  });
}

std::uint32_t Forwarder::State::unidentified() const {
  const std::size_t open = totals.connections.load(std::memory_order_relaxed);
  const std::size_t known = control ? control->sessions().size() : 0;
  return static_cast<std::uint32_t>(open > known ? open - known : 0);
}

void Forwarder::State::refresh_metrics() {
  std::vector<const io::WorkerStats*> stats;
  std::vector<const routing::ResolverStats*> resolver_stats;
  for (const auto& slot : workers) {
    stats.push_back(&slot->worker.stats());
    resolver_stats.push_back(&slot->resolver->stats());
  }
  metrics.refresh(*control, totals, stats, resolver_stats);
  registry
      .gauge("weir_forwarder_connections_unidentified",
             "Connections that have not said what they want.")
      .set(unidentified());
}

// --- ending

void Forwarder::drain() {
  State& state = *state_;
  if (std::exchange(state.draining, true)) return;
  state.log.info("draining {} connections, at most {} s",
                 state.totals.connections.load(std::memory_order_relaxed), kDrainWithin.count());
  for (const auto& slot : state.workers) slot->worker.begin_drain();
  state.poll_drain(state.clock.now() + kDrainWithin);
}

void Forwarder::State::poll_drain(MonotonicTime deadline) {
  if (stopping) return;
  const MonotonicTime now = clock.now();
  if (totals.connections.load(std::memory_order_relaxed) == 0 || now >= deadline) {
    farewell(now + kFarewellWithin);
    return;
  }
  control_executor.run_after(kDrainPoll, [this, deadline] { poll_drain(deadline); });
}

/// The ends of the last sessions are on their way to the replica: without them their streams would
/// stay held until our renewal has expired.
void Forwarder::State::farewell(MonotonicTime deadline) {
  if (stopping) return;
  const auto& sessions = control->sessions();
  const bool told = sessions.size() == 0 && !sessions.has_changes();
  if (told || !control->attached() || clock.now() >= deadline) {
    // One more turn lets the last message leave this process.
    control_executor.run_after(kDrainPoll, [this] {
      stopping = true;
      control->stop();
      control_io.stop();
    });
    return;
  }
  control_executor.run_after(kDrainPoll, [this, deadline] { farewell(deadline); });
}

void Forwarder::stop() {
  State& state = *state_;
  state.stopping = true;
  state.log.info("stopping at once");
  state.control->stop();
  state.control_io.stop();
}

}  // namespace weir::forwarder
