#include "dataplane/io/worker.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <unistd.h>

#include "common/async/asio_executor.h"
#include "dataplane/io/admission_log.h"
#include "dataplane/io/host_lookup.h"
#include "dataplane/io/lingering_set.h"
#include "dataplane/io/load_shedder.h"
#include "dataplane/io/session_driver.h"
#include "dataplane/io/tcp_listener.h"
#include "dataplane/io/worker_context.h"

namespace weir::io {

struct Worker::State {
  State(const Clock& clock, ProcessTotals& totals)
      : executor(io),
        poller(io, [this] { work(); }),
        context(clock, totals, poller),
        lingering(context),
        lookup(io),
        shedder(context),
        admission_log(totals.gate, context.stats),
        timer(io),
        work_guard(io.get_executor()) {
    context.lingering = &lingering;
    context.lookup = &lookup;
    context.admission_log = &admission_log;
    context.post_work = [this] { post_work(); };
    context.relieve = [this] { shedder.relieve(); };
    context.number = totals.wake.size();
    totals.wake.emplace_back([this] { wake(); });
  }

  void accepted(int fd, std::string address, admission::AddressGate::Ticket ticket);
  void work();
  void post_work();
  void wake();
  void arm();
  void sweep(MonotonicTime now);

  // One thread runs it, so Asio's queues need no lock beyond post()'s.
  boost::asio::io_context io{1};
  async::AsioExecutor executor;
  Poller poller;
  WorkerContext context;
  LingeringSet lingering;
  HostLookup lookup;
  LoadShedder shedder;
  AdmissionLog admission_log;
  boost::asio::steady_timer timer;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_guard;
  SessionFactory factory;
  std::unique_ptr<TcpListener> listener;
  bool work_posted = false;
  std::atomic<bool> woken{false};
  bool draining = false;
  MonotonicTime swept{};
};

Worker::Worker(const Clock& clock, ProcessTotals& totals)
    : state_(std::make_unique<State>(clock, totals)) {}

Worker::~Worker() {
  drop_sessions();
}

void Worker::drop_sessions() {
  state_->listener.reset();
  while (state_->context.drivers != nullptr) {
    // Sessions first: their destructors still reach the resolver and the driver.
    state_->context.drivers->abort("the forwarder stops");
    state_->context.finished.clear();
  }
}

boost::asio::io_context& Worker::io() {
  return state_->io;
}
Executor& Worker::executor() {
  return state_->executor;
}
const WorkerStats& Worker::stats() const {
  return state_->context.stats;
}

void Worker::on_session_over(std::function<void(std::string_view)> over) {
  state_->context.session_over = std::move(over);
}

void Worker::listen(int fd, SessionFactory factory) {
  State& state = *state_;
  state.factory = std::move(factory);
  state.listener = std::make_unique<TcpListener>(
      state.context, fd,
      [&state](int client, std::string address, admission::AddressGate::Ticket ticket) {
        state.accepted(client, std::move(address), std::move(ticket));
      });
  state.listener->start();
}

void Worker::run() {
  state_->poller.start();
  state_->post_work();
  state_->io.run();
}

void Worker::begin_drain() {
  boost::asio::post(state_->io, [&state = *state_] {
    if (std::exchange(state.draining, true)) return;
    state.listener.reset();
    // Ended drivers leave the list only later, so the next pointer stays valid.
    for (SessionDriver* driver = state.context.drivers; driver != nullptr;
         driver = driver->link.next)
      driver->shutdown();
    state.post_work();
  });
}

void Worker::stop() {
  state_->io.stop();
}

void Worker::State::accepted(int fd, std::string address, admission::AddressGate::Ticket ticket) {
  auto driver = std::make_unique<SessionDriver>(context, fd, std::move(ticket));
  auto session = factory(*driver, ClientFacts{std::move(address), context.clock.wall_now()});
  SessionDriver* started = driver.release();  // it ends itself through context.finished
  if (!started->start(std::move(session))) started->abort("the socket cannot be watched");
}

void Worker::State::post_work() {
  if (std::exchange(work_posted, true)) return;
  boost::asio::post(io, [this] {
    work_posted = false;
    work();
  });
}

/// From any thread.
void Worker::State::wake() {
  if (woken.exchange(true)) return;
  boost::asio::post(io, [this] {
    woken.store(false);
    work();
  });
}

/// After each batch of events, each posted turn and each timer.
void Worker::State::work() {
  const std::vector<SessionDriver*> turn = std::exchange(context.scheduled, {});
  for (SessionDriver* driver : turn) {
    driver->run_scheduled();
    context.after_event();
  }
  const MonotonicTime now = context.clock.now();
  context.timers.run(now);
  context.after_event();
  if (now - swept >= kSweepEvery) sweep(now);
  context.finished.clear();
  lingering.sweep();
  if (!context.scheduled.empty()) post_work();
  arm();
}

void Worker::State::arm() {
  const std::optional<MonotonicTime> next = context.timers.next();
  const MonotonicTime when = std::min(next.value_or(MonotonicTime::max()), swept + kSweepEvery);
  // A pending wait that is early costs one empty turn; re-arming it costs more.
  if (context.armed_for <= when) return;
  context.armed_for = when;
  timer.expires_at(when);
  timer.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    context.armed_for = MonotonicTime::max();
    work();
  });
}

void Worker::State::sweep(MonotonicTime now) {
  swept = now;
  for (SessionDriver* driver = context.drivers; driver != nullptr; driver = driver->link.next)
    driver->check_progress(now);
}

}  // namespace weir::io
