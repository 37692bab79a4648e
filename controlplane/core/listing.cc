#include "controlplane/core/listing.h"

#include <map>
#include <set>
#include <utility>

#include "controlplane/core/limits.h"

namespace weir::core {
namespace {

/// At most `limit` of the entries after `from`, and where the next page starts.
template <class T, class Map, class Take>
Page<T> page_of(const Map& map, typename Map::const_iterator from, std::size_t limit,
                const Take& take) {
  Page<T> page;
  std::string last;
  for (auto at = from; at != map.end(); ++at) {
    auto item = take(at->second);
    if (!item) continue;
    if (page.items.size() == limit) {
      page.next = last;
      break;
    }
    page.items.push_back(std::move(*item));
    last = at->first.str();
  }
  return page;
}

}  // namespace

Listing::Listing(Context& context, ClusterView& view, Generation& generation,
                 SessionTable& sessions, OriginBoard& board, Liveness& liveness,
                 Forwarders& forwarders, Agents& agents, StaticOrigins& static_origins,
                 ReportedStreams& reported, DirectStreams& direct, const Replicas& replicas,
                 RecordKeeper& record_keeper)
    : context_(context),
      view_(view),
      generation_(generation),
      sessions_(sessions),
      board_(board),
      liveness_(liveness),
      forwarders_(forwarders),
      agents_(agents),
      static_origins_(static_origins),
      reported_(reported),
      direct_(direct),
      replicas_(replicas),
      record_keeper_(record_keeper),
      started_(context.clock.now()) {}

Answer<OriginInfo> Listing::origin(const OriginId& id) const {
  const auto* record = view_.origin(id);
  if (record == nullptr) {
    return CoreError{Reason::kOriginNotFound,
                     fmt::format("origin {} is not known", id.str()),
                     "origins/" + id.str(),
                     {},
                     std::nullopt};
  }
  return describe(*record);
}

OriginInfo Listing::marked_origin(const OriginId& id) const {
  if (const auto* record = view_.origin(id)) return describe(*record);
  OriginInfo info;
  info.record.description.id = id;
  info.state_reason = "not known";
  info.marks = marks_of(view_.records(), id);
  return info;
}

OriginInfo Listing::describe(const store::OriginRecord& record) const {
  const OriginId& id = record.description.id;
  const MonotonicTime now = context_.clock.now();
  OriginInfo info;
  info.record = record;
  info.marks = marks_of(view_.records(), id);
  info.placed_streams = board_.placed(record.incarnation);
  info.penalized_forwarders = liveness_.rules().penalized_forwarders(id, now);
  if (const auto status = liveness_.rules().status(id)) {
    info.state = status->state;
    info.state_reason = membership::to_string(status->reason);
  }
  if (record.dead) info.state = model::OriginState::kDead;
  const auto* view = board_.find(id);
  if (view != nullptr && view->load) {
    info.load = view->load;
    info.load_age = now - view->load_time;
  }
  return info;
}

Page<OriginInfo> Listing::origins(const std::string& after, std::size_t limit) const {
  const auto& all = view_.origins();
  return page_of<OriginInfo>(
      all, all.upper_bound(OriginId(after)), limit,
      [this](const store::OriginRecord& record) { return std::optional(describe(record)); });
}

Answer<StreamInfo> Listing::stream(const StreamKey& key) const {
  const auto placement = view_.placement(key);
  if (!placement) {
    const OriginId pin = pin_of(view_.records(), key);
    if (!pin.empty()) {
      StreamInfo info{{}, sessions_.of_stream(key), {}, {}, {}, pin};
      info.placement.stream = key;
      return info;
    }
    // "There is none" would be a guess; another replica may know.
    if (generation_.stale())
      return CoreError{Reason::kStoreUnavailable,
                       fmt::format("{} is not known, and the store cannot be read", key.str()),
                       "streams/" + key.str(),
                       {},
                       kRetryBusy};
    return CoreError{Reason::kPlacementNotFound,
                     fmt::format("{} is not placed", key.str()),
                     "streams/" + key.str(),
                     {},
                     std::nullopt};
  }
  return describe(*placement);
}

StreamInfo Listing::describe(const model::Placement& placement) const {
  StreamInfo info{placement, sessions_.of_stream(placement.stream), {}, {}, {}, {}};
  info.pin = pin_of(view_.records(), placement.stream);
  if (const auto* live = reported_.find(placement.origin, placement.stream)) {
    info.load = live->load;
    info.load_age = context_.clock.now() - live->load.at;
  }
  info.split_at = direct_.split_at(placement.stream);
  return info;
}

Page<StreamInfo> Listing::streams(const std::string& after, std::size_t limit,
                                  const OriginId& origin) const {
  // One more than fits, to know whether there is a next page.
  const auto found = view_.page(after, limit + 1, origin);
  Page<StreamInfo> page;
  for (const auto& placement : found) {
    if (page.items.size() == limit) {
      page.next = page.items.back().placement.stream.str();
      break;
    }
    page.items.push_back(describe(placement));
  }
  return page;
}

Answer<ForwarderInfo> Listing::forwarder(const ForwarderId& id) const {
  const auto* record = forwarders_.find(id);
  if (record == nullptr || !record->link) {
    if (const auto* replica = replicas_.where(id)) {
      return describe(replica->forwarders.at(id).told, replica->id);
    }
  }
  if (record == nullptr) {
    return CoreError{Reason::kForwarderNotFound,
                     fmt::format("forwarder {} is not known", id.str()),
                     "forwarders/" + id.str(),
                     {},
                     std::nullopt};
  }
  return describe(*record);
}

ForwarderInfo Listing::describe(const ForwarderRecord& record) const {
  ForwarderInfo info{record, record.link != nullptr, context_.options.replica,
                     context_.clock.now() - record.last_seen, sessions_.of_forwarder(record.id)};
  info.record.link.reset();
  return info;
}

ForwarderInfo Listing::describe(const PeerForwarder& told, const ReplicaId& replica) const {
  ForwarderInfo info;
  info.record.id = told.forwarder;
  info.record.instance = told.instance;
  info.record.version = told.version;
  info.record.zone = told.zone;
  info.record.listeners = told.listeners;
  info.record.first_attached = told.first_attached;
  info.record.unidentified = told.unidentified;
  info.attached = true;
  info.replica = replica;
  const auto& heard = replicas_.others().at(replica).heard;
  info.last_seen_age = told.silence + (context_.clock.now() - heard);
  info.sessions = {told.publishers, told.players};
  return info;
}

Page<ForwarderInfo> Listing::forwarders(const std::string& after, std::size_t limit) const {
  std::set<ForwarderId> all;
  const ForwarderId start(after);
  for (const auto& [id, record] : forwarders_.all()) {
    if (id > start) all.insert(id);
  }
  for (const auto* listed : replicas_.forwarders()) {
    if (listed->told.forwarder > start) all.insert(listed->told.forwarder);
  }
  Page<ForwarderInfo> page;
  for (const ForwarderId& id : all) {
    if (page.items.size() == limit) {
      page.next = page.items.back().record.id.str();
      break;
    }
    auto info = forwarder(id);
    if (auto* found = std::get_if<ForwarderInfo>(&info)) page.items.push_back(std::move(*found));
  }
  return page;
}

Page<SessionInfo> Listing::sessions(const std::string& after, std::size_t limit,
                                    const std::string& stream, const ForwarderId& forwarder) const {
  const auto pass = [&](const ClientSession& session) {
    return (stream.empty() || session.stream.str() == stream) &&
           (forwarder.empty() || session.forwarder == forwarder);
  };
  Page<SessionInfo> page;
  // One more than fits, to know whether there is a next page.
  const auto found = sessions_.list(SessionId(after), limit + 1, pass);
  for (const auto* entry : found) {
    if (page.items.size() == limit) {
      page.next = page.items.back().session.id.str();
      break;
    }
    SessionInfo info{entry->session};
    if (info.session.media_idle) {
      *info.session.media_idle += context_.clock.now() - entry->told_at;
    }
    page.items.push_back(std::move(info));
  }
  return page;
}

std::vector<ForwarderId> Listing::unreachable(const ForwarderId& only) const {
  std::vector<ForwarderId> away;
  for (const auto& [id, record] : forwarders_.all()) {
    if (record.link || (!only.empty() && id != only) || replicas_.where(id)) continue;
    const auto counts = sessions_.of_forwarder(id);
    if (counts.publishers + counts.players > 0) away.push_back(id);
  }
  return away;
}

StatusInfo Listing::status() const {
  StatusInfo status;
  status.options = context_.options;
  status.generation = generation_.value();
  status.settling = generation_.settling();
  status.verdicts_frozen = liveness_.rules().verdicts_frozen();
  for (const auto& origin : board_.views()) {
    switch (origin.state) {
      case model::OriginState::kAlive:
        ++status.origins_alive;
        break;
      case model::OriginState::kSuspect:
        ++status.origins_suspect;
        break;
      case model::OriginState::kDead:
        ++status.origins_dead;
        break;
    }
    if (origin.cordoned) ++status.origins_cordoned;
    if (origin.draining) ++status.origins_draining;
  }
  const auto& streams = view_.counts();
  status.streams_bound = static_cast<std::uint32_t>(streams.bound);
  status.streams_publishing = static_cast<std::uint32_t>(streams.publishing);
  status.streams_orphaned = static_cast<std::uint32_t>(streams.orphaned);
  status.origins_rejected = static_cast<std::uint32_t>(agents_.rejected_count());
  status.streams_direct = static_cast<std::uint32_t>(direct_.direct_count());
  status.streams_split = static_cast<std::uint32_t>(direct_.splits().size());
  status.forwarders_attached = static_cast<std::uint32_t>(forwarders_.attached_count());
  status.agents_attached = static_cast<std::uint32_t>(agents_.attached_count());
  status.sessions = sessions_.all();
  status.pins = static_cast<std::uint32_t>(view_.records().living(store::RecordKind::kPin));
  status.records_known = generation_.records_known();
  status.uptime = context_.clock.now() - started_;
  add_replicas(status);
  add_warnings(status);
  return status;
}

void Listing::add_replicas(StatusInfo& status) const {
  const MonotonicTime now = context_.clock.now();
  const auto health = context_.store.health();
  std::map<ReplicaId, ReplicaInfo> replicas;
  replicas[context_.options.replica] = {.id = context_.options.replica,
                                        .instance = replicas_.instance(),
                                        .version = context_.options.version,
                                        .answers = true,
                                        .uptime = status.uptime,
                                        .stale = generation_.stale(),
                                        .store_age = health.age,
                                        .store_trouble = health.trouble,
                                        .forwarders = status.forwarders_attached,
                                        .agents = status.agents_attached};
  for (const auto& [id, replica] : replicas_.others()) {
    const Bulletin& told = replica.told;
    const Duration age = now - replica.heard;
    replicas[id] = {.id = id,
                    .instance = told.instance,
                    .version = told.version,
                    .age = age,
                    .uptime = told.uptime + age,
                    .stale = told.store_age > kStaleAfter,
                    .store_age = told.store_age,
                    .store_trouble = told.store_trouble,
                    .forwarders = static_cast<std::uint32_t>(replica.forwarders.size()),
                    .agents = static_cast<std::uint32_t>(replica.agents.size())};
    status.agents_attached += static_cast<std::uint32_t>(replica.agents.size());
    for (const auto& [name, agent] : replica.agents) status.origins_rejected += agent.told.rejected;
  }
  // A forwarder that moves is named by two of them for a moment.
  for (const auto* listed : replicas_.forwarders()) {
    if (forwarders_.attached(listed->told.forwarder)) continue;
    ++status.forwarders_attached;
    status.sessions.publishers += listed->told.publishers;
    status.sessions.players += listed->told.players;
  }
  for (auto& [id, replica] : replicas) status.replicas.push_back(std::move(replica));
}

void Listing::warn_of_replicas(StatusInfo& status) const {
  if (!replicas_.id_conflict().empty()) status.warnings.push_back(replicas_.id_conflict());
  for (const ReplicaInfo& replica : status.replicas) {
    if (replica.stale) {
      status.warnings.push_back(
          fmt::format("the view of replica {} is {:.1f} s old", replica.id.str(),
                      std::chrono::duration<double>(replica.store_age).count()));
    }
    if (!replica.store_trouble.empty()) {
      status.warnings.push_back(
          fmt::format("replica {} and the store: {}", replica.id.str(), replica.store_trouble));
    }
    if (status.warnings.size() >= kWarningsMax) return;
  }
}

void Listing::warn_of_splits(StatusInfo& status) const {
  std::size_t shown = 0;
  for (const auto& [stream, origins] : direct_.splits()) {
    if (shown++ == kSplitsShown) {
      status.warnings.push_back(
          fmt::format("{} more streams are split", status.streams_split - kSplitsShown));
      return;
    }
    const auto placement = view_.placement(stream);
    status.warnings.push_back(fmt::format("{} is SPLIT: live on {} while placed on {}",
                                          stream.str(), origins.begin()->str(),
                                          placement ? placement->origin.str() : "none"));
  }
}

void Listing::warn_of_rejected(StatusInfo& status) const {
  const auto shown = agents_.rejected(kRejectedShown);
  for (const auto& rejected : shown) {
    status.warnings.push_back(fmt::format("origin {} of agent {} is turned away: {}",
                                          rejected.origin.str(), rejected.agent.str(),
                                          rejected.why));
  }
  // Others by other replicas, which say why.
  if (status.origins_rejected <= shown.size()) return;
  status.warnings.push_back(
      fmt::format("{} more origins are turned away", status.origins_rejected - shown.size()));
}

void Listing::add_warnings(StatusInfo& status) const {
  const auto warn = [&](std::string text) { status.warnings.push_back(std::move(text)); };
  if (!generation_.ready()) warn("the store cannot be read: no stream can be placed");
  if (status.settling) {
    warn("settling: new streams wait until what runs has been restored (10 s at most)");
  }
  if (status.verdicts_frozen) {
    warn("verdicts are frozen: too many origins would be declared dead at once");
  }
  warn_of_replicas(status);
  std::size_t waiting = agents_.waiting_for_process();
  for (const auto& [id, replica] : replicas_.others()) {
    for (const auto& [name, agent] : replica.agents) waiting += agent.told.waiting;
  }
  if (waiting > 0) {
    warn(fmt::format("{} origins are watched by an agent but do not run", waiting));
  }
  warn_of_rejected(status);
  warn_of_splits(status);
  if (board_.views().empty() && waiting == 0) {
    warn("no origin is registered: start weir-origin-agent or use weirctl origin register");
  } else if (status.origins_alive == 0 && !board_.views().empty()) {
    warn("no origin is alive: no new stream can be placed");
  }
  if (status.origins_suspect > 0) {
    warn(fmt::format("{} origins are suspect and take no new streams", status.origins_suspect));
  }
  if (status.origins_dead > 0) warn(fmt::format("{} origins are dead", status.origins_dead));
  if (status.forwarders_attached == 0) warn("no forwarder is attached");
  const auto away = unreachable({});
  if (!away.empty()) {
    warn(fmt::format("{} forwarders with sessions are not attached", away.size()));
  }
  for (const auto& origin : board_.views()) {
    const auto& id = origin.description->id;
    const auto cut = liveness_.rules().penalized_forwarders(id, context_.clock.now());
    if (cut.empty()) continue;
    warn(fmt::format("{} forwarders cannot dial origin {}", cut.size(), id.str()));
    if (status.warnings.size() >= kWarningsMax) break;
  }
  if (generation_.ready() && !status.settling && !status.records_known) {
    warn(
        "the store lost orders and secrets (policies, pins, cordons, drains, weights, tokens, "
        "keys): no replica that kept them has brought them back yet");
  }
  if (!static_origins_.saved() || !record_keeper_.saved()) {
    warn("the state directory cannot be written: orders, secrets and static origins may be lost");
  }
}

}  // namespace weir::core
