#include "controlplane/core/placement_book.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "common/base/contract.h"

namespace weir::core {
namespace {

constexpr std::size_t kBucketsMin = 64;
/// Of the text blocks' lengths. Keys are shorter, ids and verdicts are bounded where they come in.
constexpr std::size_t kTextMax = std::numeric_limits<std::uint16_t>::max();

static_assert(kStreamKeyBytesMax < kTextMax);

std::uint32_t short_hash(std::size_t hash) {
  return static_cast<std::uint32_t>(hash ^ (hash >> 32));
}

std::uint32_t short_hash(const StreamKey& stream) {
  return short_hash(stream.hash());
}

std::string_view own_text(const model::Holder& holder) {
  std::string_view text;
  if (const auto* session = std::get_if<model::SessionHolder>(&holder)) {
    text = session->session.str();
  } else if (const auto* external = std::get_if<model::ExternalHolder>(&holder)) {
    text = external->name;
  }
  return text.substr(0, kTextMax);
}

}  // namespace

// ------------------------------------------------------------------------------------ by stream

PlacementBook::Slot PlacementBook::find(const StreamKey& stream) const {
  if (buckets_.empty()) return kNone;
  return buckets_[bucket_of(stream.str(), short_hash(stream))].slot;
}

/// Where the key is, or the free bucket where it would be.
std::size_t PlacementBook::bucket_of(std::string_view key, std::uint32_t hash) const {
  const std::size_t mask = buckets_.size() - 1;
  std::size_t at = hash & mask;
  while (buckets_[at].slot != kNone) {
    if (buckets_[at].hash == hash && record(buckets_[at].slot).key() == key) return at;
    at = (at + 1) & mask;
  }
  return at;
}

void PlacementBook::grow() {
  std::vector<Bucket> before(std::max(kBucketsMin, buckets_.size() * 2));
  std::swap(before, buckets_);
  const std::size_t mask = buckets_.size() - 1;
  for (const Bucket& bucket : before) {
    if (bucket.slot == kNone) continue;
    std::size_t at = bucket.hash & mask;
    while (buckets_[at].slot != kNone) at = (at + 1) & mask;
    buckets_[at] = bucket;
  }
}

/// Closes the gap, so that no search ends too early.
void PlacementBook::forget_bucket(std::size_t at) {
  const std::size_t mask = buckets_.size() - 1;
  std::size_t gap = at;
  for (std::size_t next = (gap + 1) & mask; buckets_[next].slot != kNone;
       next = (next + 1) & mask) {
    const std::size_t wanted = buckets_[next].hash & mask;
    if (((next - wanted) & mask) < ((next - gap) & mask)) continue;
    buckets_[gap] = buckets_[next];
    gap = next;
  }
  buckets_[gap] = Bucket{};
}

// -------------------------------------------------------------------------------------- changing

void PlacementBook::put(const model::Placement& placement) {
  Slot slot = find(placement.stream);
  if (slot == kNone) {
    slot = add(placement.stream);
    fill(slot, placement);
    order_.insert(slot);
    return;
  }
  // The order refers to the key's text, which `fill` writes anew, the same.
  clear(slot);
  fill(slot, placement);
}

PlacementBook::Slot PlacementBook::add(const StreamKey& stream) {
  // At most three quarters full: searches stay short.
  if ((counts_.all() + 1) * 4 > buckets_.size() * 3) grow();
  Slot slot = 0;
  if (!free_.empty()) {
    slot = free_.back();
    free_.pop_back();
  } else {
    slot = used_++;
    if (slot / kChunk == chunks_.size()) chunks_.push_back(std::make_unique<Record[]>(kChunk));
  }
  const std::uint32_t hash = short_hash(stream);
  buckets_[bucket_of(stream.str(), hash)] = Bucket{slot, hash};
  return slot;
}

void PlacementBook::erase(const StreamKey& stream) {
  const Slot slot = find(stream);
  if (slot == kNone) return;
  order_.erase(slot);
  forget_bucket(bucket_of(stream.str(), short_hash(stream)));
  clear(slot);
  record(slot) = Record{};
  free_.push_back(slot);
}

void PlacementBook::fill(Slot slot, const model::Placement& placement) {
  Record& to = record(slot);
  const std::string& key = placement.stream.str();
  const std::string_view holder = own_text(placement.holder);
  const std::string_view verdict = std::string_view(placement.verdict).substr(0, kTextMax);
  to.key_size = static_cast<std::uint16_t>(key.size());
  to.holder_size = static_cast<std::uint16_t>(holder.size());
  to.verdict_size = static_cast<std::uint16_t>(verdict.size());
  to.text = std::make_unique_for_overwrite<char[]>(key.size() + holder.size() + verdict.size());
  char* end = std::copy(key.begin(), key.end(), to.text.get());
  end = std::copy(holder.begin(), holder.end(), end);
  std::copy(verdict.begin(), verdict.end(), end);
  to.epoch = placement.epoch;
  to.revision = placement.revision;
  to.bind_time = placement.bind_time;
  to.update_time = placement.update_time;
  to.state = placement.state;
  to.media_accepted = placement.media_accepted;
  to.origin = origins_.hold(placement.origin);
  to.incarnation = incarnations_.hold(placement.incarnation);
  link(slot, &Record::of_origin, head_in(origin_heads_, to.origin));
  if (const auto* session = std::get_if<model::SessionHolder>(&placement.holder)) {
    to.holder_kind = HolderKind::kSession;
    to.forwarder = forwarders_.hold(session->forwarder);
    link(slot, &Record::of_forwarder, head_in(forwarder_heads_, to.forwarder));
  } else {
    to.holder_kind = std::holds_alternative<model::DirectHolder>(placement.holder)
                         ? HolderKind::kDirect
                         : HolderKind::kExternal;
  }
  ++count_of(to.state);
}

void PlacementBook::clear(Slot slot) {
  Record& of = record(slot);
  --count_of(of.state);
  unlink(slot, &Record::of_origin, origin_heads_[of.origin]);
  origins_.drop(of.origin);
  incarnations_.drop(of.incarnation);
  if (of.holder_kind != HolderKind::kSession) return;
  unlink(slot, &Record::of_forwarder, forwarder_heads_[of.forwarder]);
  forwarders_.drop(of.forwarder);
}

std::size_t& PlacementBook::count_of(model::PlacementState state) {
  switch (state) {
    case model::PlacementState::kBound:
      return counts_.bound;
    case model::PlacementState::kPublishing:
      return counts_.publishing;
    case model::PlacementState::kOrphaned:
      return counts_.orphaned;
  }
  WEIR_UNREACHABLE("placement state");
}

PlacementBook::Slot& PlacementBook::head_in(std::vector<Slot>& heads, std::uint32_t number) {
  if (heads.size() <= number) heads.resize(number + 1, kNone);
  return heads[number];
}

void PlacementBook::link(Slot slot, Links Record::* links, Slot& head) {
  record(slot).*links = Links{kNone, head};
  if (head != kNone) (record(head).*links).previous = slot;
  head = slot;
}

void PlacementBook::unlink(Slot slot, Links Record::* links, Slot& head) {
  const Links was = std::exchange(record(slot).*links, Links{});
  if (was.next != kNone) (record(was.next).*links).previous = was.previous;
  if (was.previous != kNone) {
    (record(was.previous).*links).next = was.next;
  } else {
    head = was.next;
  }
}

// --------------------------------------------------------------------------------------- reading

model::Placement PlacementBook::unpack(const Record& record, StreamKey stream) const {
  model::Placement out;
  out.stream = std::move(stream);
  out.origin = origins_.at(record.origin);
  out.incarnation = incarnations_.at(record.incarnation);
  switch (record.holder_kind) {
    case HolderKind::kSession:
      out.holder =
          model::SessionHolder{forwarders_.at(record.forwarder), SessionId(record.holder())};
      break;
    case HolderKind::kDirect:
      out.holder = model::DirectHolder{};
      break;
    case HolderKind::kExternal:
      out.holder = model::ExternalHolder{std::string(record.holder())};
      break;
  }
  out.epoch = record.epoch;
  out.revision = record.revision;
  out.state = record.state;
  out.media_accepted = record.media_accepted;
  out.bind_time = record.bind_time;
  out.update_time = record.update_time;
  out.verdict = record.verdict();
  return out;
}

model::Placement PlacementBook::unpack(const Record& record) const {
  auto stream = parse_stream_key(record.key());
  WEIR_ASSERT(stream.has_value());
  return unpack(record, std::move(*stream));
}

std::optional<model::Placement> PlacementBook::get(const StreamKey& stream) const {
  const Slot slot = find(stream);
  if (slot == kNone) return std::nullopt;
  return unpack(record(slot), stream);
}

std::optional<PlacementBook::Entry> PlacementBook::entry(std::string_view key) const {
  if (buckets_.empty()) return std::nullopt;
  // The standard has strings and views of them hash alike.
  const std::size_t hash = std::hash<std::string_view>{}(key);
  const Slot slot = buckets_[bucket_of(key, short_hash(hash))].slot;
  if (slot == kNone) return std::nullopt;
  const Record& found = record(slot);
  const bool of_session = found.holder_kind == HolderKind::kSession;
  return Entry{.origin = origins_.at(found.origin),
               .incarnation = incarnations_.at(found.incarnation),
               .forwarder = of_session ? &forwarders_.at(found.forwarder) : nullptr,
               .is_external = found.holder_kind == HolderKind::kExternal,
               .holder = found.holder(),
               .epoch = found.epoch,
               .revision = found.revision,
               .state = found.state,
               .bind_time = found.bind_time,
               .update_time = found.update_time,
               .verdict = found.verdict()};
}

std::optional<Revision> PlacementBook::revision_of(const StreamKey& stream) const {
  const Slot slot = find(stream);
  if (slot == kNone) return std::nullopt;
  return record(slot).revision;
}

std::vector<model::Placement> PlacementBook::of_origin(const OriginId& origin) const {
  std::vector<model::Placement> found;
  const auto number = origins_.find(origin);
  if (!number) return found;
  found.reserve(origins_.holders(*number));
  for (Slot at = origin_heads_[*number]; at != kNone; at = record(at).of_origin.next) {
    found.push_back(unpack(record(at)));
  }
  return found;
}

std::vector<model::Placement> PlacementBook::of_forwarder(const ForwarderId& forwarder) const {
  std::vector<model::Placement> found;
  const auto number = forwarders_.find(forwarder);
  if (!number) return found;
  found.reserve(forwarders_.holders(*number));
  for (Slot at = forwarder_heads_[*number]; at != kNone; at = record(at).of_forwarder.next) {
    found.push_back(unpack(record(at)));
  }
  return found;
}

std::vector<model::Placement> PlacementBook::page(std::string_view after, std::size_t limit,
                                                  const OriginId& origin) const {
  std::vector<model::Placement> found;
  if (limit == 0) return found;
  if (origin.empty()) {
    order_.walk(after, [&](Slot slot) {
      found.push_back(unpack(record(slot)));
      return found.size() < limit;
    });
    return found;
  }
  // The streams of one origin are few beside all of them: they are put in order when asked for.
  const auto number = origins_.find(origin);
  if (!number) return found;
  std::vector<Slot> slots;
  for (Slot at = origin_heads_[*number]; at != kNone; at = record(at).of_origin.next) {
    if (record(at).key() > after) slots.push_back(at);
  }
  const auto kept = static_cast<std::ptrdiff_t>(std::min(limit, slots.size()));
  std::partial_sort(slots.begin(), slots.begin() + kept, slots.end(),
                    [&](Slot a, Slot b) { return record(a).key() < record(b).key(); });
  for (auto at = slots.begin(); at != slots.begin() + kept; ++at) {
    found.push_back(unpack(record(*at)));
  }
  return found;
}

std::vector<StreamKey> PlacementBook::streams() const {
  std::vector<StreamKey> all;
  all.reserve(counts_.all());
  order_.walk({}, [&](Slot slot) {
    all.push_back(unpack(record(slot)).stream);
    return true;
  });
  return all;
}

}  // namespace weir::core
