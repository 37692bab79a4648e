#include "tests/support/cluster/workload.h"

#include <algorithm>
#include <utility>

namespace weir::cluster {
namespace {

std::string live_key(const SimForwarder& forwarder, SimForwarder::SessionNumber session) {
  return fmt::format("{}#{}", forwarder.id(), session);
}

}  // namespace

Workload::Workload(World& world, const Options& options)
    : world_(world), options_(options), origins_(options.name, options.origins) {
  const std::string instance = world.random.token(8);
  for (std::size_t at = 0; at < options.agents; ++at) {
    std::vector<SimOrigin*> mine;
    for (std::size_t number = at; number < options.origins; number += options.agents)
      mine.push_back(origins_.all()[number].get());
    const auto capacity = static_cast<std::uint32_t>(
        options.capacity != 0 ? options.capacity : 2 * options.streams / options.origins + 100);
    agents_.push_back(std::make_unique<SimAgent>(world, fmt::format("{}-a{}", options.name, at + 1),
                                                 instance, std::move(mine), capacity));
  }
  for (std::size_t at = 0; at < options.forwarders; ++at) {
    // Session ids are made of it, and are unique in the cluster.
    const std::string run = world.random.token(8);
    forwarders_.push_back(std::make_unique<SimForwarder>(
        world, origins_, fmt::format("{}-f{}", options.name, at + 1), run, at,
        [this](SimForwarder& forwarder, SimForwarder::SessionNumber session, const std::string&,
               std::string_view) { ended(forwarder, session); }));
  }
}

void Workload::start() {
  for (auto& agent : agents_) agent->start();
  for (auto& forwarder : forwarders_) forwarder->start();
}

void Workload::stop() {
  for (auto& agent : agents_) agent->stop();
  for (auto& forwarder : forwarders_) forwarder->stop();
}

bool Workload::ready() const {
  return std::ranges::all_of(agents_, [](const auto& agent) { return agent->registered(); }) &&
         std::ranges::all_of(forwarders_, [](const auto& f) { return f->quiet(); });
}

bool Workload::quiet() const {
  return idle() && ready();
}

std::size_t Workload::held() const {
  std::size_t held = 0;
  for (const auto& forwarder : forwarders_) held += forwarder->held();
  return held;
}

std::size_t Workload::attached() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(forwarders_, [](const auto& f) { return f->attached(); }) +
      std::ranges::count_if(agents_, [](const auto& a) { return a->attached(); }));
}

void Workload::run() {
  running_ = true;
  last_tick_ = world_.clock.now();
  for (std::size_t client = 0; client < options_.clients; ++client) next_action();
}

void Workload::tick() {
  const MonotonicTime now = world_.clock.now();
  for (auto& agent : agents_) agent->tick();
  for (auto& forwarder : forwarders_) forwarder->tick();
  if (!running_) return;
  const double passed = std::chrono::duration<double>(now - last_tick_).count();
  last_tick_ = now;
  if (options_.rate > 0) {
    credit_ = std::min(credit_ + passed * options_.rate, options_.rate);
    for (std::size_t waiting = std::exchange(waiting_, 0); waiting > 0; --waiting) next_action();
  }
  const double chance = options_.deaths * passed / 60;
  if (chance > 0 && !winding_down_ && world_.random.below(1'000'000) < chance * 1e6)
    kill_an_origin();
}

void Workload::kill_an_origin() {
  SimAgent& agent = *agents_[world_.random.below(agents_.size())];
  agent.kill_origin(*agent.origins()[world_.random.below(agent.origins().size())]);
}

/// A client is free.
void Workload::next_action() {
  if (winding_down_) {
    // Who waits for others to ask together with would wait for ever.
    gathered_.clear();
    return;
  }
  if (options_.rate > 0) {
    if (credit_ < 1) {
      ++waiting_;
      return;
    }
    credit_ -= 1;
  }
  act();
}

void Workload::done() {
  --busy_;
  // Never deeper in the call that answered.
  world_.executor.post([this] { next_action(); });
}

void Workload::act() {
  ++actions_;
  const bool fresh = next_stream_ < options_.streams;
  if (fresh && (live_.empty() || options_.hold_only || percent(70))) return gather();
  if (options_.hold_only) return;
  if (live_.empty()) {
    ++busy_;
    return race(stream_name(world_.random.below(options_.streams)), 1);
  }
  act_on_live();
}

void Workload::act_on_live() {
  ++busy_;
  const std::uint64_t draw = world_.random.below(1'000);
  if (draw < 550) return look_up();
  if (draw < 750) return come_back();
  if (draw < 950) return second_publisher();
  if (draw < 970) return take_over();
  // A stream that may or may not be there, so that names are used again.
  race(stream_name(world_.random.below(std::max<std::size_t>(1, next_stream_))), 1);
}

/// Everybody who is to ask for the next new stream is waited for.
void Workload::gather() {
  gathered_.push_back(0);
  if (gathered_.size() < std::min(options_.racers, options_.clients)) return;
  const std::size_t clients = std::exchange(gathered_, {}).size();
  busy_ += clients;
  race(stream_name(next_stream_++), clients);
}

void Workload::race(const std::string& stream, std::size_t clients) {
  const std::size_t first = world_.random.below(forwarders_.size());
  const bool dial_fails = percent(1);
  for (std::size_t at = 0; at < clients; ++at) {
    SimForwarder& forwarder = *forwarders_[(first + at) % forwarders_.size()];
    publish(forwarder, stream, dial_fails, [this] { done(); });
  }
}

void Workload::publish(SimForwarder& forwarder, const std::string& stream, bool first_dial_fails,
                       Next done) {
  forwarder.publish({stream, first_dial_fails,
                     [this, &forwarder, stream, done = std::move(done)](
                         Published published, SimForwarder::SessionNumber session) {
                       if (published == Published::kAccepted) add_live(forwarder, session, stream);
                       done();
                     }});
}

void Workload::look_up() {
  const Live* live = any_live();
  const std::string stream = live->stream;
  if (percent(30)) forwarder_but(live->forwarder).watch(stream);
  const std::size_t endpoint = world_.random.below(world_.replicas.size());
  const MonotonicTime asked = world_.clock.now();
  world_.replicas.look_up(
      endpoint, stream,
      [this, endpoint, stream, asked](const grpc::Status& status,
                                      const pb::GetPlacementResponse& response) {
        note_lookup(world_, endpoint, stream, asked, status, response);
        done();
      });
}

/// Leaves, and comes back through another forwarder before its orphan has gone.
void Workload::come_back() {
  const Live* live = any_live();
  SimForwarder& other = forwarder_but(live->forwarder);
  const std::string stream = live->stream;
  live->forwarder->leave(live->session);
  const auto pause = std::chrono::milliseconds(world_.random.below(200));
  world_.executor.run_after(
      pause, [this, &other, stream] { publish(other, stream, false, [this] { done(); }); });
}

void Workload::second_publisher() {
  const Live* live = any_live();
  publish(forwarder_but(live->forwarder), live->stream, false, [this] { done(); });
}

void Workload::take_over() {
  Live* live = any_live();
  if (std::exchange(live->silent, true)) return done();
  SimForwarder& other = forwarder_but(live->forwarder);
  const std::string stream = live->stream;
  live->forwarder->fall_silent(live->session);
  world_.executor.run_after(kIdleBeforeTakeover, [this, &other, stream] {
    publish(other, stream, false, [this] { done(); });
  });
}

Workload::Live* Workload::any_live() {
  return &live_[world_.random.below(live_.size())];
}

SimForwarder& Workload::forwarder_but(const SimForwarder* not_this) {
  const std::size_t at = world_.random.below(forwarders_.size());
  if (forwarders_[at].get() != not_this || forwarders_.size() == 1) return *forwarders_[at];
  return *forwarders_[(at + 1) % forwarders_.size()];
}

void Workload::add_live(SimForwarder& forwarder, SimForwarder::SessionNumber session,
                        const std::string& stream) {
  live_at_[live_key(forwarder, session)] = live_.size();
  live_.push_back({&forwarder, session, stream, false});
}

void Workload::ended(SimForwarder& forwarder, SimForwarder::SessionNumber session) {
  const auto node = live_at_.extract(live_key(forwarder, session));
  if (node.empty()) return;
  const std::size_t at = node.mapped();
  if (at + 1 != live_.size()) {
    live_[at] = std::move(live_.back());
    live_at_[live_key(*live_[at].forwarder, live_[at].session)] = at;
  }
  live_.pop_back();
}

std::string Workload::stream_name(std::size_t number) const {
  return fmt::format("__defaultVhost__/live/{}-{}", options_.name, number);
}

void note_lookup(World& world, std::size_t endpoint, const std::string& stream, MonotonicTime asked,
                 const grpc::Status& status, const pb::GetPlacementResponse& response) {
  const auto& placement = response.route().placement();
  const std::string outcome = outcome_of(status);
  const std::string holder = status.ok() ? holder_of(placement.holder()) : std::string();
  ++world.figures.lookups[outcome];
  if (status.ok()) world.figures.lookup_latency.add(world.clock.now() - asked);
  world.history.write(
      {.kind = history::Kind::kLookup,
       .since = history::Recorder::micros(asked),
       .replica = world.replicas.name(endpoint),
       .stream = stream,
       .holder = holder,
       .origin = placement.origin(),
       .incarnation = placement.incarnation(),
       .epoch = epoch_of(placement.epoch()),
       .revision = {placement.revision().generation(), placement.revision().number()},
       .outcome = outcome});
}

}  // namespace weir::cluster
