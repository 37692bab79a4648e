#include "controlplane/store/memory/origin_table.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "controlplane/store/limits.h"

namespace weir::store {
namespace {

/// Whatever their listeners expect to be told of clients: that may change with a restart.
bool same_place(const model::Endpoint& a, const model::Endpoint& b) {
  return a.protocol == b.protocol && a.address == b.address;
}

bool share_endpoint(const model::OriginDescription& a, const model::OriginDescription& b) {
  return std::ranges::any_of(a.endpoints, [&b](const model::Endpoint& mine) {
    return std::ranges::any_of(
        b.endpoints, [&mine](const model::Endpoint& theirs) { return same_place(mine, theirs); });
  });
}

OriginId wanted_id(const model::OriginDescription& description) {
  if (!description.id.empty() || description.endpoints.empty()) return description.id;
  return OriginId(description.endpoints.front().address);
}

/// Whether `id` is `wanted` or was minted for it: `<wanted>-<number>`.
bool is_namesake(const OriginId& id, const OriginId& wanted) {
  if (id == wanted) return true;
  std::string_view suffix = id.str();
  if (!suffix.starts_with(wanted.str())) return false;
  suffix.remove_prefix(wanted.str().size());
  return suffix.size() > 1 && suffix.front() == '-' &&
         suffix.find_first_not_of("0123456789", 1) == std::string_view::npos;
}

}  // namespace

OriginTable::Upserted OriginTable::upsert(const OriginUpsert& request, const Now& now) {
  const OriginId wanted = wanted_id(request.description);
  Origin* origin = find_reporter(request, wanted);
  if (origin == nullptr) {
    const OriginId id = free_id(request, wanted);
    const auto found = origins_.find(id);
    origin = found != origins_.end() ? &found->second : &create(id, wanted, now);
  }
  OriginRecord& record = origin->record;
  Upserted result{&record};
  result.id_taken = record.description.id != wanted;

  const IncarnationId before = record.incarnation;
  const IncarnationId incarnation = choose_incarnation(request, *origin, now);
  if (incarnation != before) {
    record.incarnation = incarnation;
    record.dead = false;
    origin->began = now.monotonic;
    result.new_incarnation = true;
    if (!before.empty()) forget_dead_when_unused(before);
  }
  model::OriginDescription description = request.description;
  description.id = record.description.id;
  result.changed = result.new_incarnation || description != record.description ||
                   request.process != record.process;
  record.description = std::move(description);
  record.process = request.process;
  return result;
}

OriginTable::Origin* OriginTable::find_reporter(const OriginUpsert& request,
                                                const OriginId& wanted) {
  // Who was told its incarnation is found by it: ids that were minted stay with their processes.
  if (const auto known = parse(request.known_incarnation)) {
    const auto found = origins_.find(known->origin);
    if (found != origins_.end() && is_namesake(known->origin, wanted) &&
        (found->second.record.process == request.process ||
         share_endpoint(found->second.record.description, request.description))) {
      return &found->second;
    }
  }
  const auto namesakes = namesakes_.find(wanted);
  if (namesakes == namesakes_.end()) return nullptr;
  Origin* by_endpoint = nullptr;
  for (const OriginId& id : namesakes->second) {
    Origin& origin = origins_.at(id);
    if (origin.record.process == request.process) return &origin;
    if (by_endpoint == nullptr && share_endpoint(origin.record.description, request.description)) {
      by_endpoint = &origin;
    }
  }
  return by_endpoint;
}

/// An id that no live origin uses: the wanted one, the one its incarnation was minted for, or a
/// suffix.
OriginId OriginTable::free_id(const OriginUpsert& request, const OriginId& wanted) const {
  const auto usable = [this](const OriginId& id) {
    const OriginRecord* record = find(id);
    return record == nullptr || record->dead;
  };
  if (const auto known = parse(request.known_incarnation);
      known && is_namesake(known->origin, wanted) && usable(known->origin)) {
    return known->origin;
  }
  if (usable(wanted)) return wanted;
  for (std::uint64_t suffix = 2;; ++suffix) {  // ends: there are finitely many origins
    OriginId id(wanted.str() + '-' + std::to_string(suffix));
    if (usable(id)) return id;
  }
}

OriginTable::Origin& OriginTable::create(const OriginId& id, const OriginId& wanted,
                                         const Now& now) {
  Origin& origin = origins_[id];
  origin.record.description.id = id;
  origin.record.first_seen = now.wall;
  origin.wanted = wanted;
  namesakes_[wanted].insert(id);
  return origin;
}

IncarnationId OriginTable::choose_incarnation(const OriginUpsert& request, const Origin& origin,
                                              const Now& now) {
  const OriginRecord& record = origin.record;
  if (!record.incarnation.empty() && record.process == request.process && !record.dead) {
    return record.incarnation;
  }
  if (acceptable(request.known_incarnation, origin, now)) return request.known_incarnation;
  return format({record.description.id, now.generation, ++incarnations_});
}

/// After a loss of history a reporter still knows its incarnation, and placements that are restored
/// name it. What was minted in this generation is in the table, or was forgotten for good.
bool OriginTable::acceptable(const IncarnationId& known, const Origin& origin,
                             const Now& now) const {
  const auto name = parse(known);
  if (!name || name->origin != origin.record.description.id) return false;
  if (name->generation >= now.generation || dead_.contains(known)) return false;
  const auto current = parse(origin.record.incarnation);
  return !current || name->began_after(*current);
}

OriginTable::Verdict OriginTable::declare_dead(const DeathEvidence& evidence, const Now& now) {
  const IncarnationId& incarnation = evidence.incarnation;
  if (dead_.contains(incarnation)) return {true};
  const auto name = parse(incarnation);
  const auto found = name ? origins_.find(name->origin) : origins_.end();
  if (found != origins_.end() && found->second.record.incarnation == incarnation) {
    Origin& origin = found->second;
    // Taken before this life began, it was about another one.
    if (now.monotonic - evidence.age < origin.began) return {false};
    add_dead(incarnation, now.monotonic);
    origin.record.dead = true;
    return {true, &origin.record};
  }
  // Not a current one. Its placements must learn of it; and after a loss of history its process
  // could still come back with it. Otherwise nothing can ever name it again.
  const bool could_return = name && name->generation < now.generation && !superseded(incarnation);
  if (references_(incarnation) > 0 || could_return) add_dead(incarnation, now.monotonic);
  return {true};
}

void OriginTable::add_dead(const IncarnationId& incarnation, MonotonicTime now) {
  dead_.insert(incarnation);
  deaths_.push_back({now + kDeadOriginKept, incarnation});
}

/// A newer incarnation of its origin exists, so it can be neither bound nor accepted again.
bool OriginTable::superseded(const IncarnationId& incarnation) const {
  const auto name = parse(incarnation);
  if (!name) return false;
  const OriginRecord* record = find(name->origin);
  if (record == nullptr || record->incarnation == incarnation) return false;
  const auto current = parse(record->incarnation);
  return current && current->began_after(*name);
}

void OriginTable::forget_dead_when_unused(const IncarnationId& incarnation) {
  if (!dead_.contains(incarnation) || references_(incarnation) > 0) return;
  if (superseded(incarnation)) dead_.erase(incarnation);
}

std::optional<OriginId> OriginTable::forget_old(MonotonicTime now) {
  while (!deaths_.empty() && deaths_.front().until <= now) {
    const IncarnationId incarnation = std::move(deaths_.front().incarnation);
    deaths_.pop_front();
    if (!dead_.contains(incarnation)) continue;
    if (references_(incarnation) > 0) {
      deaths_.push_back({now + kDeadOriginKept, incarnation});
      continue;
    }
    dead_.erase(incarnation);
    const auto name = parse(incarnation);
    const auto found = name ? origins_.find(name->origin) : origins_.end();
    if (found == origins_.end() || found->second.record.incarnation != incarnation) continue;
    const OriginId origin = name->origin;
    const auto namesakes = namesakes_.find(found->second.wanted);
    namesakes->second.erase(origin);
    if (namesakes->second.empty()) namesakes_.erase(namesakes);
    origins_.erase(found);
    return origin;
  }
  return std::nullopt;
}

OriginRecord* OriginTable::find(const OriginId& origin) {
  const auto found = origins_.find(origin);
  return found == origins_.end() ? nullptr : &found->second.record;
}

const OriginRecord* OriginTable::find(const OriginId& origin) const {
  const auto found = origins_.find(origin);
  return found == origins_.end() ? nullptr : &found->second.record;
}

bool OriginTable::is_live(const Candidate& candidate) const {
  const OriginRecord* record = find(candidate.origin);
  return record != nullptr && record->incarnation == candidate.incarnation && !record->dead;
}

std::vector<OriginRecord> OriginTable::all() const {
  std::vector<OriginRecord> records;
  records.reserve(origins_.size());
  for (const auto& [id, origin] : origins_) records.push_back(origin.record);
  return records;
}

}  // namespace weir::store
