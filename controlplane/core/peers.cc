#include "controlplane/core/peers.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "controlplane/core/limits.h"

namespace weir::core {
namespace {

constexpr const char* kBulletins = "weir_controlplane_bulletins_total";
constexpr const char* kBulletinsHelp = "Bulletins of this replica, by what became of them";

}  // namespace

Peers::Peers(Context& context, ClusterView& view, Generation& generation, EventRing& events,
             SessionTable& sessions, OriginBoard& board, Liveness& liveness, Forwarders& forwarders,
             Agents& agents, Replicas& replicas, Mailroom& mailroom, PeerLiveness& peer_liveness)
    : context_(context),
      view_(view),
      generation_(generation),
      events_(events),
      sessions_(sessions),
      board_(board),
      liveness_(liveness),
      forwarders_(forwarders),
      agents_(agents),
      replicas_(replicas),
      mailroom_(mailroom),
      peer_liveness_(peer_liveness),
      started_(context.clock.now()),
      store_age_gauge_(context.metrics.gauge("weir_controlplane_store_age_seconds",
                                             "Age of this replica's view of the store")),
      stale_gauge_(context.metrics.gauge("weir_controlplane_stale",
                                         "1 while the view of the store is too old to go by")),
      bulletin_gauge_(context.metrics.gauge("weir_controlplane_bulletin_bytes",
                                            "Size of this replica's last bulletin")) {
  if (context_.codec == nullptr) return;
  liveness_.on_dial = [this](const auto& forwarder, const auto& incarnation, auto outcome) {
    on_dial(forwarder, incarnation, outcome);
  };
  liveness_.on_probe = [this](const auto& origin, auto outcome) { on_probe(origin, outcome); };
  events_.tell_others([this](const Event& event) {
    if (told_.size() < kEventsWaitingMax) told_.push_back(event);
  });
}

void Peers::start() {
  tick();
}

void Peers::stop() {
  context_.executor.cancel(timer_);
}

void Peers::tick() {
  timer_ = context_.executor.run_after(kPeerTick, [this] { tick(); });
  watch_store();
  if (context_.codec == nullptr || !generation_.joined_at()) return;
  peer_liveness_.tick();
  replicas_.tick();
  const Duration since = context_.clock.now() - bulletin_at_;
  const bool early = hurried_ && since >= kBulletinGap && bulletin_bytes_ <= kHurriedBytesMax;
  if (since >= kBulletinInterval || early) put_bulletin();
  send_broadcast();
}

void Peers::watch_store() {
  const auto health = context_.store.health();
  store_age_gauge_.set(std::chrono::duration<double>(health.age).count());
  const bool stale = generation_.joined_at() && health.age > kStaleAfter;
  stale_gauge_.set(stale ? 1 : 0);
  if (stale == stale_) return;
  stale_ = stale;
  const std::string subject = "replicas/" + context_.options.replica.str();
  if (stale) {
    events_.add("STORE_STALE", Severity::kError, subject,
                health.trouble.empty()
                    ? "its view of the store is older than 1.5 s"
                    : fmt::format("it cannot read the store: {}", health.trouble));
  } else {
    events_.add("STORE_BACK", Severity::kInfo, subject, "it reads the store again");
  }
}

// ------------------------------------------------------------------------------------ bulletins

void Peers::player_told(const ClientSession& session) {
  if (context_.codec == nullptr || session.intent != Intent::kPlay) return;
  if (session.state != SessionState::kWaiting || players_wait_.contains(session.stream)) return;
  if (view_.placed(session.stream)) return;
  if (players_wait_.size() >= kPlayersWaitKept) return;
  players_wait_.insert(session.stream);
  hurry();
}

Bulletin Peers::bulletin() {
  const MonotonicTime now = context_.clock.now();
  const auto health = context_.store.health();
  Bulletin out;
  out.instance = replicas_.instance();
  out.version = context_.options.version;
  out.sequence = ++sequence_;
  out.generation = generation_.value();
  out.uptime = now - started_;
  out.store_age = health.age;
  out.store_trouble = health.trouble;
  out.agents = agents_.told();
  std::unordered_set<IncarnationId> active;
  for (const auto& [id, record] : forwarders_.all()) {
    if (!record.link) continue;
    const auto counts = sessions_.of_forwarder(id);
    out.forwarders.push_back({id,
                              record.instance,
                              record.stream.attach,
                              now - record.last_seen,
                              now - record.stream.since,
                              record.version,
                              record.zone,
                              record.listeners,
                              record.first_attached,
                              record.unidentified,
                              counts.publishers,
                              counts.players,
                              {}});
    // Whose bytes they are matters to nobody: each is named once.
    for (const IncarnationId& incarnation : record.active_incarnations) {
      if (active.size() == kActiveIncarnationsTold) break;
      if (!active.insert(incarnation).second) continue;
      out.forwarders.back().active_incarnations.push_back(incarnation);
    }
  }
  std::erase_if(probes_, [this](const auto& probe) {
    return view_.origin(probe.first) == nullptr || !liveness_.cares_here(probe.first);
  });
  for (const auto& [id, probe] : probes_) out.probes.push_back(probe);
  std::erase_if(players_wait_, [this](const StreamKey& stream) {
    return view_.placed(stream) || sessions_.of_stream(stream).players == 0;
  });
  for (const StreamKey& stream : players_wait_) {
    if (out.players_wait.size() == kPlayersWaitTold) break;
    out.players_wait.push_back(stream);
  }
  return out;
}

void Peers::put_bulletin() {
  // One on its way is enough: a slow store is not helped by more of them.
  if (putting_) return;
  putting_ = true;
  hurried_ = false;
  bulletin_at_ = context_.clock.now();
  std::string bytes = fitting_bulletin();
  bulletin_bytes_ = bytes.size();
  bulletin_gauge_.set(static_cast<double>(bulletin_bytes_));
  context_.store.put_bulletin(
      context_.options.replica, std::move(bytes), [this](store::Reply<bool> reply) {
        putting_ = false;
        const bool* put = std::get_if<bool>(&reply);
        bulletin_put(put != nullptr && !*put);
        const char* const result = put == nullptr ? "lost" : *put ? "put" : "refused";
        context_.metrics.counter(kBulletins, kBulletinsHelp, {{"result", result}}).add();
      });
}

std::string Peers::fitting_bulletin() {
  Bulletin whole = bulletin();
  std::string bytes = context_.codec->encode(whole);
  if (bytes.size() <= store::kBulletinBytesMax) return bytes;
  // Who is attached here comes before everything that only makes others decide better.
  for (PeerForwarder& forwarder : whole.forwarders) forwarder.active_incarnations.clear();
  whole.players_wait.clear();
  bytes = context_.codec->encode(whole);
  if (bytes.size() <= store::kBulletinBytesMax) return bytes;
  for (PeerAgent& agent : whole.agents) {
    for (PeerOrigin& origin : agent.origins) origin.load.reset();
  }
  return context_.codec->encode(whole);
}

void Peers::bulletin_put(bool refused) {
  if (refused && !refused_) {
    events_.add("BULLETIN_REFUSED", Severity::kError, "replicas/" + context_.options.replica.str(),
                fmt::format("{} bytes are too many for the store: other replicas hold this one "
                            "for lost",
                            bulletin_bytes_));
  }
  refused_ = refused;
}

// ----------------------------------------------------------------------------------- broadcasts

void Peers::on_dial(const ForwarderId& forwarder, const IncarnationId& incarnation,
                    ContactOutcome outcome) {
  if (outcome != ContactOutcome::kAnswered) {
    remember_failure(incarnation);
  } else if (!failing_.contains(incarnation)) {
    return;
  }
  const DialKey key{forwarder, {incarnation, outcome}};
  if (dials_.contains(key) || dials_.size() < kDialsPerBroadcast) ++dials_[key];
}

void Peers::remember_failure(const IncarnationId& incarnation) {
  const MonotonicTime now = context_.clock.now();
  if (failing_.size() >= kDialsPerBroadcast) {
    std::erase_if(failing_, [&](const auto& entry) { return entry.second <= now; });
    if (failing_.size() >= kDialsPerBroadcast) return;
  }
  if (view_.origin_of(incarnation) != nullptr) failing_[incarnation] = now + kFailingRemembered;
}

void Peers::on_probe(const OriginId& origin, ContactOutcome outcome) {
  const auto* record = view_.origin(origin);
  if (record == nullptr) return;
  PeerProbe& probe = probes_[origin];
  if (probe.outcome != outcome || probe.number == 0) hurry();
  probe.origin = origin;
  probe.incarnation = record->incarnation;
  probe.outcome = outcome;
  probe.number = ++last_probe_;
}

void Peers::send_broadcast() {
  Broadcast out;
  out.instance = replicas_.instance();
  out.introduce = std::exchange(introduce_, false);
  const bool alone = replicas_.others().empty();
  for (const auto& [key, count] : std::exchange(dials_, {})) {
    out.dials.push_back({key.first, key.second.first, key.second.second, count});
  }
  for (const auto& [incarnation, cost] : board_.take_charges()) {
    out.charges.push_back(
        {incarnation, static_cast<std::uint32_t>(cost.streams), cost.bits_per_second});
  }
  const std::size_t events = std::min(told_.size(), kEventsPerBroadcast);
  for (std::size_t at = 0; at < events; ++at) {
    Event& event = out.events.emplace_back(std::move(told_.front()));
    event.attributes.emplace("replica", context_.options.replica.str());
    told_.pop_front();
  }
  const bool empty = out.dials.empty() && out.charges.empty() && out.events.empty();
  // Nobody is there to hear it; who comes says so first.
  if (!out.introduce && (alone || empty)) return;
  std::string bytes = context_.codec->encode(out);
  while (bytes.size() > store::kBroadcastBytesMax && !out.events.empty()) {
    out.events.resize(out.events.size() / 2);
    bytes = context_.codec->encode(out);
  }
  context_.store.broadcast(context_.options.replica, std::move(bytes),
                           [](const store::Reply<bool>&) {});  // may be lost
}

void Peers::changed(const store::Change& change) {
  if (context_.codec == nullptr) return;
  if (const auto* told = std::get_if<store::Change::BulletinChanged>(&change.what)) {
    if (!told->bytes) return replicas_.gone(told->from);
    if (auto bulletin = context_.codec->decode_bulletin(*told->bytes)) {
      replicas_.take(told->from, std::move(*bulletin));
    }
  } else if (const auto* heard = std::get_if<store::Change::BroadcastReceived>(&change.what)) {
    const auto broadcast = context_.codec->decode_broadcast(heard->bytes);
    if (broadcast && broadcast->instance != replicas_.instance()) take(heard->from, *broadcast);
  } else if (const auto* mail = std::get_if<store::Change::MailCame>(&change.what)) {
    mailroom_.came(mail->mailbox);
  }
}

void Peers::take(const ReplicaId&, const Broadcast& broadcast) {
  if (broadcast.introduce) hurry();
  for (const PeerDial& dial : broadcast.dials) {
    if (dial.outcome != ContactOutcome::kAnswered) remember_failure(dial.incarnation);
    const std::uint32_t count = std::min(dial.count, kPeerDialsCounted);
    for (std::uint32_t n = 0; n < count; ++n) {
      liveness_.dialled_elsewhere(dial.forwarder, dial.incarnation, dial.outcome);
    }
  }
  for (const PeerCharge& charge : broadcast.charges) {
    board_.charge(charge.incarnation, {.streams = static_cast<double>(charge.streams),
                                       .bits_per_second = charge.bits_per_second});
  }
  for (const Event& event : broadcast.events) events_.take(event);
}

}  // namespace weir::core
