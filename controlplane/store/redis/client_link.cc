#include <algorithm>
#include <utility>

#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include "controlplane/store/redis/client_state.h"
#include "controlplane/store/redis/resp.h"
#include "controlplane/store/redis/tls.h"

namespace weir::store::redis {
namespace {

bool is_at(const NamedPrimary& named, const HostPort& address) {
  return named.address.host == address.host && named.address.port == address.port;
}

}  // namespace

Client::State::State(boost::asio::io_context& io_in, const Clock& clock_in, Random& random_in,
                     Options options_in, log::Logger log_in, metrics::Registry& registry)
    : io(io_in),
      clock(clock_in),
      random(random_in),
      options(std::move(options_in)),
      log(std::move(log_in)),
      metrics(registry),
      backoff(options.reconnect_first, options.reconnect_max, random_in),
      pause_timer(io_in),
      deadline_timer(io_in),
      trouble(options.name) {}

Result<void> Client::State::start(ClientEvents events_in) {
  WEIR_ASSERT(phase == Phase::kNew && !options.addresses.empty());
  if (options.tls) {
    auto context = make_tls_context(*options.tls);
    if (!context) return context.error();
    tls.emplace(std::move(*context));
  }
  events = std::move(events_in);
  boost::asio::ssl::context* const context = tls ? &*tls : nullptr;
  if (!options.primary_name.empty()) {
    finder.emplace(io, clock, options, context);
    for (const HostPort& sentinel : options.addresses) {
      watches.push_back(
          std::make_unique<SentinelWatch>(io, clock, random, options, context, sentinel,
                                          [this](const NamedPrimary& primary, bool switched) {
                                            sentinel_says(primary, switched);
                                          }));
      watches.back()->start();
    }
  }
  attempt();
  return {};
}

void Client::State::attempt() {
  attempt_trouble.clear();
  if (!finder) {
    candidates = {NamedPrimary{options.addresses.front(), 0}};
    return try_next();
  }
  phase = Phase::kFinding;
  finder->find([weak = weak_from_this()](Found what) {
    if (const auto self = weak.lock(); self && self->phase == Phase::kFinding)
      self->found(std::move(what));
  });
}

void Client::State::found(Found what) {
  candidates = std::move(what.candidates);
  attempt_trouble = std::move(what.trouble);
  if (candidates.empty()) return try_next();
  const NamedPrimary first = candidates.front();
  if (first.epoch < newest_epoch) {
    // Those who know better may be away. Only a majority says that there is nothing to know: their
    // epochs begin again when sentinels are set up anew.
    candidates.resize(what.majority ? 1 : 0);
    if (candidates.empty())
      attempt_trouble = fmt::format(
          "too few sentinels answer: {} is primary of configuration epoch {}, but {} "
          "has begun",
          format_host_port(first.address.host, first.address.port), first.epoch, newest_epoch);
  }
  newest_epoch = std::max(newest_epoch, first.epoch);
  try_next();
}

void Client::State::try_next() {
  if (candidates.empty()) {
    trouble.unconnected(attempt_trouble);
    note_trouble();
    return pause();
  }
  phase = Phase::kConnecting;
  current = candidates.front();
  candidates.erase(candidates.begin());
  login.emplace(options.credentials, options.database);
  connection = std::make_unique<Connection>(
      io, clock,
      ConnectionTimes{options.connect_deadline, options.silence_max, options.ping_interval},
      tls ? &*tls : nullptr, options.tls ? options.tls->server_name : std::string(), *this);
  connection->open(current.address);
}

void Client::State::candidate_failed(const std::string& why) {
  connection.reset();
  // With Sentinel, the address is not the one that a person wrote.
  attempt_trouble += fmt::format(
      "{}{}{}", attempt_trouble.empty() ? "" : "; ",
      finder ? format_host_port(current.address.host, current.address.port) + ": " : "", why);
  try_next();
}

void Client::State::on_open() {
  std::string bytes;
  for (const auto& words : login->commands()) {
    const std::vector<std::string_view> views(words.begin(), words.end());
    append_command(views, bytes);
  }
  connection->write(bytes, login->commands().size());
}

void Client::State::on_reply(Reply reply) {
  // A completion or an event may drop the client.
  const auto self = shared_from_this();
  if (phase != Phase::kConnecting) return answered(std::move(reply));
  switch (login->feed(reply)) {
    case Login::Step::kMore:
      return;
    case Login::Step::kFailed:
      return candidate_failed(login->failure());
    case Login::Step::kDone:
      return logged_in();
  }
}

void Client::State::logged_in() {
  connection->established();
  phase = Phase::kOpen;
  run_id = login->run_id();
  opened = current;
  opened_at = clock.now();
  texts_written.clear();
  trouble.connected();
  metrics.connected(true);
  log.info("{}: connected to {} (Redis {}, run id {})", options.name,
           format_host_port(current.address.host, current.address.port), login->version(), run_id);
  login.reset();
  logged_topic.clear();
  // A copy: it may drop the client, and with it the events.
  if (const auto told = events.connected) told(std::string(run_id));
  if (phase == Phase::kOpen) flush_waiting();
}

void Client::State::on_idle() {
  if (phase != Phase::kOpen) return;
  Command ping;
  ping.args = {"PING"};
  write(std::move(ping));
}

void Client::State::on_closed(const std::string& why) {
  const auto self = shared_from_this();
  if (phase == Phase::kConnecting) return candidate_failed(why);
  lose(leaving_because.empty() ? why : leaving_because);
}

void Client::State::leave(const std::string& why) {
  if (phase != Phase::kOpen) return;
  phase = Phase::kLeaving;
  leaving_because = why;
  if (!commands.any_written()) lose(why);
}

void Client::State::lose(std::string why) {
  const bool was_open = phase == Phase::kOpen || phase == Phase::kLeaving;
  connection.reset();
  leaving_because.clear();
  run_id.clear();
  if (was_open) {
    metrics.connected(false);
    // One that breaks at once is no better than one that was refused.
    if (clock.now() - opened_at >= options.reconnect_max) backoff.reset();
  }
  trouble.unconnected(why);
  note_trouble();
  pause();
  if (!was_open) return;
  fail_written(why);
  if (const auto told = events.lost) told(why);
}

void Client::State::pause() {
  phase = Phase::kPausing;
  pause_timer.expires_after(backoff.next());
  pause_timer.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (!error && self && self->phase == Phase::kPausing) self->attempt();
  });
}

void Client::State::sentinel_says(const NamedPrimary& primary, bool switched) {
  const auto self = shared_from_this();
  const bool same = is_at(current, primary.address);
  newest_epoch = std::max(newest_epoch, primary.epoch);
  // The news of a switch names no epoch, but each begins one.
  if (switched && opened && !is_at(*opened, primary.address))
    newest_epoch = std::max(newest_epoch, opened->epoch + 1);
  if (switched && (phase == Phase::kPausing || phase == Phase::kFinding ||
                   (phase == Phase::kConnecting && !same))) {
    // Its news ends the wait, and answers to a question from before are worth nothing; the backoff
    // still bounds how often that can be.
    finder->cancel();
    connection.reset();
    backoff.reset();
    return pause();
  }
  if (phase != Phase::kOpen && phase != Phase::kLeaving) return;
  if (same) {
    current.epoch = std::max(current.epoch, primary.epoch);
    opened = current;
    return;
  }
  // A sentinel that was away may be behind: only a later epoch than that of this primary counts.
  if (!switched && primary.epoch <= current.epoch) return;
  lose(fmt::format("Sentinel names another primary, {}",
                   format_host_port(primary.address.host, primary.address.port)));
}

void Client::State::note_trouble() {
  std::string topic = trouble.topic(clock.now());
  if (topic == logged_topic) return;
  if (topic.empty()) {
    log.info("{}: takes everything again", options.name);
  } else {
    log.warning("{}", trouble.text(clock.now()));
  }
  logged_topic = std::move(topic);
}

}  // namespace weir::store::redis
