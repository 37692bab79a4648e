#include "origin-agent/app/origin_registry.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "common/base/listen_address.h"
#include "origin-agent/app/limits.h"
#include "origin-agent/report/limits.h"

namespace weir::agent {
namespace {

const std::string& rtmp_endpoint(const OriginSettings& settings) {
  // Settings without an RTMP endpoint are not made.
  return settings.spec.endpoints.front().address;
}

std::uint16_t port_of(const std::string& address) {
  const auto parsed = parse_host_port(address);
  return parsed ? parsed->port : 0;
}

ProcessIdentity life_of(const srs::Heartbeat& heartbeat) {
  return {heartbeat.pid, 0, heartbeat.service};
}

/// Shortened at its beginning's expense: what comes last tells it from others.
OriginId joined(const std::string& name, const std::string& suffix) {
  return OriginId(name.substr(0, kOriginIdBytesMax - std::min(suffix.size(), kOriginIdBytesMax)) +
                  suffix);
}

/// Whether an origin that this entry is about may go on under this name. Of clones, which of them
/// had the entry's own is in the name alone.
bool suits(const OriginId& id, const OriginSettings* entry) {
  if (entry == nullptr || entry->spec.id.empty() || id == entry->spec.id) return true;
  return id.str().starts_with(entry->spec.id.str() + ":");
}

/// As much of it as is ever used, so that what is kept of it is bounded.
Registration kept(Registration registration) {
  srs::Heartbeat& heartbeat = registration.heartbeat;
  heartbeat.rtmp.resize(std::min(heartbeat.rtmp.size(), kRtmpListenersKept));
  for (auto* listeners : {&heartbeat.http, &heartbeat.api, &heartbeat.srt})
    listeners->resize(std::min<std::size_t>(listeners->size(), 1));
  // Of WebRTC listeners the first that takes UDP counts.
  std::erase_if(heartbeat.rtc, [](const srs::ListenAddress& one) {
    return one.transport != srs::Transport::kUdp;
  });
  heartbeat.rtc.resize(std::min<std::size_t>(heartbeat.rtc.size(), 1));
  return registration;
}

}  // namespace

OriginRegistry::OriginRegistry(RegistryOptions options, OriginHost& host, const Clock& clock)
    : options_(std::move(options)), host_(host), clock_(clock), logger_("agent") {}

void OriginRegistry::configured(std::size_t origin, const OriginSettings& settings) {
  Entry entry;
  entry.settings = settings;
  entry.down_since = entry.heard_at = clock_.now();
  names_.insert(settings.spec.id);
  by_address_.emplace(settings.local_rtmp, origin);
  by_endpoint_.emplace(rtmp_endpoint(settings), origin);
  entries_.emplace(origin, std::move(entry));
}

void OriginRegistry::restore(const SavedState& saved) {
  for (const auto& [id, registration] : saved.registered) {
    const log::Logger logger = logger_.with("origin", id.str());
    const auto read = from_saved(registration);
    if (!read) {
      logger.warning("its saved registration is ignored: {}", read.error().message);
      continue;
    }
    const OriginSettings* entry = override_for(*read);
    auto settings = registered_settings(*read, options_.defaults, options_.around, entry);
    if (!settings) {
      logger.warning("its saved registration is ignored: {}", settings.error().message);
      continue;
    }
    // Another origin has the place by now, or the configuration does.
    if (entries_.size() >= kOriginsMax || find(*settings) != nullptr) continue;
    const bool keeps_name = is_origin_id(id.str()) && !names_.contains(id) && suits(id, entry);
    settings->spec.id = keeps_name ? id : free_name(*settings, entry);
    // The life that the control plane was told, which may be later than the last heartbeat's.
    if (const auto known = saved.origins.find(settings->spec.id); known != saved.origins.end()) {
      const ProcessIdentity life = parse_srs_life(known->second.process);
      if (!life.service.empty()) settings->life = life;
    }
    add(std::move(*settings), *read).ever_answered = true;
  }
}

// ---- registrations
// ---------------------------------------------------------------------------------

Result<RegistrationOutcome> OriginRegistry::registered(const Registration& registration) {
  return take(kept(registration));
}

Result<RegistrationOutcome> OriginRegistry::take(const Registration& registration) {
  const OriginSettings* entry = override_for(registration);
  auto settings = registered_settings(registration, options_.defaults, options_.around, entry);
  if (!settings) return settings.error();
  Place* const place = find(*settings);
  if (place != nullptr && is_contested(*place, *settings, registration))
    return refuse(*place, registration);
  if (place != nullptr && !is_replaced(*place, *settings, registration))
    return heard(*place, std::move(*settings), registration);
  const std::optional<std::size_t> former =
      place == nullptr ? std::nullopt : std::optional(place->first);
  if (auto room = make_room(); !room) return room.error();
  // Room may have been made of that very one.
  if (former && entries_.contains(*former)) leave(*entries_.find(*former));
  settings->spec.id = free_name(*settings, entry);
  add(std::move(*settings), registration);
  host_.save();
  return RegistrationOutcome::kAdded;
}

OriginRegistry::Place* OriginRegistry::find(const OriginSettings& settings) {
  auto found = by_address_.find(settings.local_rtmp);
  if (found == by_address_.end()) {
    found = by_endpoint_.find(rtmp_endpoint(settings));
    if (found == by_endpoint_.end()) return nullptr;
  }
  return &*entries_.find(found->second);
}

const OriginSettings* OriginRegistry::override_for(const Registration& registration) const {
  for (const srs::ListenAddress& listener : registration.heartbeat.rtmp) {
    for (const OriginSettings& entry : options_.overrides) {
      if (port_of(entry.local_rtmp) != listener.port) continue;
      const auto host = parse_host_port(entry.local_rtmp);
      // An entry for every address, or for this host, or for the one that registers.
      if (entry.takes_registered_hosts || host->host == listener.host ||
          host->host == registration.heartbeat.ip || host->host == registration.peer)
        return &entry;
    }
  }
  return nullptr;
}

bool OriginRegistry::is_replaced(const Place& place, const OriginSettings& settings,
                                 const Registration& registration) const {
  const Entry& entry = place.second;
  if (!entry.learnt) return false;
  return entry.registration.heartbeat.server != registration.heartbeat.server ||
         entry.settings.spec.kind != settings.spec.kind;
}

bool OriginRegistry::is_contested(const Place& place, const OriginSettings& settings,
                                  const Registration& registration) const {
  const auto& [origin, entry] = place;
  if (!entry.learnt || !entry.answering) return false;
  const bool elsewhere = entry.settings.local_rtmp != settings.local_rtmp;
  const auto certain = host_.certain_life(origin);
  // SRS that share a port (SO_REUSEPORT), or somebody who only says so.
  if (is_replaced(place, settings, registration)) return elsewhere || certain;
  // Behind one --advertise clones have one name and one port; but the one that answers may also be
  // heard over another path.
  const ProcessIdentity life = life_of(registration.heartbeat);
  return elsewhere && life != life_of(entry.registration.heartbeat) &&
         !(certain && is_same_life(*certain, life));
}

Error OriginRegistry::refuse(Place& place, const Registration& registration) {
  auto& [origin, entry] = place;
  entry.successor = registration;
  entry.successor_heard_at = clock_.now();
  // Should it be true, a look will tell.
  host_.hinted(origin);
  return make_error(
      boost::system::errc::address_in_use,
      fmt::format("origin '{}' answers at {} already: give each server an address or a port of "
                  "its own (--advertise holds for all of them)",
                  entry.settings.spec.id.str(), rtmp_endpoint(entry.settings)));
}

void OriginRegistry::admit_successors() {
  std::vector<Registration> successors;
  for (auto& [origin, entry] : entries_) {
    if (entry.answering || !entry.successor) continue;
    const Registration successor = *std::exchange(entry.successor, std::nullopt);
    if (clock_.now() - entry.successor_heard_at <= kSuccessorKept) successors.push_back(successor);
  }
  for (const Registration& successor : successors) {
    // Its next heartbeat is told why not, should it be refused again.
    if (const auto taken = take(successor); !taken)
      logger_.warning("still not registered: {}", taken.error().message);
  }
}

Result<RegistrationOutcome> OriginRegistry::heard(Place& place, OriginSettings settings,
                                                  const Registration& registration) {
  auto& [origin, entry] = place;
  entry.heard_at = clock_.now();
  if (is_same_registration(entry.registration, registration)) return RegistrationOutcome::kKnown;
  const bool restarted = life_of(entry.registration.heartbeat) != life_of(registration.heartbeat);
  // Heard over another path, an origin that answers on the known one stays there.
  const bool moved =
      entry.learnt && (entry.settings.local_rtmp == settings.local_rtmp || !entry.answering);
  entry.registration = registration;
  if (moved) {
    settings.spec.id = entry.settings.spec.id;
    by_address_.erase(entry.settings.local_rtmp);
    by_endpoint_.erase(rtmp_endpoint(entry.settings));
    by_address_.insert_or_assign(settings.local_rtmp, origin);
    by_endpoint_.insert_or_assign(rtmp_endpoint(settings), origin);
    if (settings.left_out != entry.settings.left_out) tell_left_out(settings);
    entry.settings = settings;
    host_.change(origin, std::move(settings));
  }
  if (restarted) host_.announced(origin, life_of(registration.heartbeat));
  if (entry.learnt) host_.save();
  return RegistrationOutcome::kChanged;
}

Result<void> OriginRegistry::make_room() {
  if (entries_.size() < kOriginsMax) return {};
  // Who never answered goes before who did, who has been away longest before the others.
  Place* least = nullptr;
  for (Place& place : entries_) {
    const Entry& entry = place.second;
    if (!entry.learnt || entry.answering || clock_.now() - entry.down_since < kGivesWayAfter)
      continue;
    if (least == nullptr || std::pair(entry.ever_answered, entry.down_since) <
                                std::pair(least->second.ever_answered, least->second.down_since))
      least = &place;
  }
  if (least != nullptr && forget(least->first)) return {};
  return make_error(boost::system::errc::no_buffer_space,
                    fmt::format("this agent watches {} origins, as many as it can", kOriginsMax));
}

OriginId OriginRegistry::free_name(const OriginSettings& settings,
                                   const OriginSettings* entry) const {
  if (entry != nullptr && !entry->spec.id.empty() && !names_.contains(entry->spec.id))
    return entry->spec.id;
  const std::string server = settings.spec.claimed_id.str();
  std::string address = rtmp_endpoint(settings);
  std::erase_if(address, [](char c) { return c == '[' || c == ']'; });
  std::transform(address.begin(), address.end(), address.begin(), [](unsigned char c) {
    return c == '_' ? '-' : static_cast<char>(std::tolower(c));
  });
  if (server.empty() && !names_.contains(joined("", address))) return joined("", address);
  // The port is always in it: which of several clones registers first must not decide their names.
  OriginId name = joined(server, fmt::format(":{}", port_of(rtmp_endpoint(settings))));
  if (names_.contains(name)) name = joined(server, ":" + address);
  for (int i = 2; names_.contains(name); ++i)
    name = joined(server, fmt::format(":{}-{}", address, i));
  return name;
}

void OriginRegistry::tell_left_out(const OriginSettings& settings) const {
  if (settings.left_out.empty()) return;
  logger_.with("origin", settings.spec.id.str())
      .warning("listeners that forwarders are not told: {}", settings.left_out);
}

OriginRegistry::Entry& OriginRegistry::add(OriginSettings settings,
                                           const Registration& registration) {
  Entry entry;
  entry.settings = settings;
  entry.registration = registration;
  entry.learnt = true;
  entry.down_since = entry.heard_at = clock_.now();
  names_.insert(settings.spec.id);
  logger_.with("origin", settings.spec.id.str())
      .info("registered: {} {} at {}, asked at {}", settings.api ? "SRS" : "a server without API",
            registration.heartbeat.server, rtmp_endpoint(settings), settings.local_rtmp);
  tell_left_out(settings);
  const std::string address = settings.local_rtmp;
  const std::string endpoint = rtmp_endpoint(settings);
  const std::size_t origin = host_.add(std::move(settings));
  by_address_.insert_or_assign(address, origin);
  by_endpoint_.insert_or_assign(endpoint, origin);
  return entries_.emplace(origin, std::move(entry)).first->second;
}

void OriginRegistry::hinted(const std::string& server, const std::string& service) {
  for (const auto& [origin, entry] : entries_) {
    const srs::Heartbeat& heartbeat = entry.registration.heartbeat;
    if (heartbeat.server == server && heartbeat.service == service && !entry.leaving)
      return host_.hinted(origin);
  }
  // Who is configured may never have sent a heartbeat: any of them may be meant.
  for (const auto& [origin, entry] : entries_) {
    if (!entry.learnt && entry.settings.api && entry.registration.heartbeat.server.empty())
      host_.hinted(origin);
  }
}

// ---- forgetting
// ------------------------------------------------------------------------------------

void OriginRegistry::answering(std::size_t origin, bool answering) {
  const auto found = entries_.find(origin);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  if (entry.answering && !answering) entry.down_since = clock_.now();
  entry.answering = answering;
  // Only who has answered outlives a restart of the agent.
  if (answering && !std::exchange(entry.ever_answered, true) && entry.learnt) host_.save();
}

void OriginRegistry::leave(Place& place) {
  auto& [origin, entry] = place;
  logger_.with("origin", entry.settings.spec.id.str())
      .warning("another server registers from its address {}", rtmp_endpoint(entry.settings));
  entry.leaving = true;
  by_address_.erase(entry.settings.local_rtmp);
  by_endpoint_.erase(rtmp_endpoint(entry.settings));
  host_.retire(origin);
}

Duration OriginRegistry::patience(const Entry& entry) const {
  const Duration proven = options_.defaults.forget_after;
  return entry.ever_answered ? proven : std::min<Duration>(proven, kUnprovenKept);
}

bool OriginRegistry::forget(std::size_t origin) {
  if (!host_.remove(origin)) return false;
  const auto node = entries_.extract(origin);
  const OriginSettings& settings = node.mapped().settings;
  names_.erase(settings.spec.id);
  const auto drop = [origin](auto& index, const std::string& key) {
    const auto found = index.find(key);
    if (found != index.end() && found->second == origin) index.erase(found);
  };
  drop(by_address_, settings.local_rtmp);
  drop(by_endpoint_, rtmp_endpoint(settings));
  host_.save();
  return true;
}

void OriginRegistry::sweep() {
  const MonotonicTime now = clock_.now();
  std::vector<std::size_t> overdue;
  for (const auto& [origin, entry] : entries_) {
    const Duration away = now - std::max(entry.down_since, entry.heard_at);
    if (entry.leaving || (entry.learnt && !entry.answering && away >= patience(entry)))
      overdue.push_back(origin);
  }
  for (const std::size_t origin : overdue) {
    const std::string id = entries_.at(origin).settings.spec.id.str();
    if (forget(origin)) logger_.with("origin", id).info("forgotten: it did not come back");
  }
}

std::map<OriginId, SavedRegistration> OriginRegistry::saved() const {
  std::map<OriginId, SavedRegistration> saved;
  for (const auto& [origin, entry] : entries_) {
    if (entry.learnt && entry.ever_answered && !entry.leaving)
      saved.emplace(entry.settings.spec.id, to_saved(entry.registration));
  }
  return saved;
}

}  // namespace weir::agent
