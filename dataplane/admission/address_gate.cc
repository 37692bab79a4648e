#include "dataplane/admission/address_gate.h"

#include <algorithm>
#include <cstring>

#include "dataplane/admission/limits.h"

namespace weir::admission {
namespace {

/// `interval` divided among `count` events.
Duration share(Duration interval, std::uint32_t count) {
  return interval / static_cast<Duration::rep>(std::max<std::uint32_t>(count, 1));
}

}  // namespace

std::size_t AddressGate::Hash::operator()(const IpAddress& address) const {
  // A stranger can choose addresses that collide only as far as it owns them, and a chain of the
  // table is bounded by what it can hold open.
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::memcpy(&high, address.bytes.data(), sizeof high);
  std::memcpy(&low, address.bytes.data() + sizeof high, sizeof low);
  std::uint64_t mixed = (high ^ (low * 0x9E3779B97F4A7C15U)) * 0xBF58476D1CE4E5B9U;
  mixed ^= mixed >> 31U;
  return static_cast<std::size_t>(mixed * 0x94D049BB133111EBU);
}

AddressGate::Answer AddressGate::admit(const IpAddress& address, MonotonicTime now) {
  if (contains(limits_.exempt, address)) return {};
  const IpAddress key = address.is_v4() ? address : masked(address, kIpv6PrefixBits);
  const std::lock_guard lock(mutex_);
  for (int i = 0; i < kForgottenPerConnection && oldest_idle_ != nullptr; ++i) {
    if (worth_keeping(*oldest_idle_, now)) break;
    forget(*oldest_idle_);
  }
  Entry* entry = find_or_make(key, now);
  if (entry == nullptr) return {};
  Answer answer;
  answer.refusal = check(*entry, now);
  if (answer.refusal) {
    if (entry->open == 0 && entry != newest_idle_) {
      unlink_idle(*entry);
      append_idle(*entry);
    }
    return answer;
  }
  if (limits_.connects_per_second != 0)
    entry->bucket_full = std::max(entry->bucket_full, now) +
                         share(std::chrono::seconds(1), limits_.connects_per_second);
  if (entry->open++ == 0) unlink_idle(*entry);
  if (limits_.large_share != 0 && entry->open >= limits_.large_share)
    answer.large_share = !std::exchange(entry->share_told, true);
  answer.ticket = Ticket(*this, *entry);
  return answer;
}

std::optional<Refusal> AddressGate::check(Entry& entry, MonotonicTime now) const {
  if (now < entry.refused_until) return Refusal::kFailures;
  if (limits_.concurrent != 0 && entry.open >= limits_.concurrent) return Refusal::kConcurrent;
  if (limits_.connects_per_second != 0 &&
      std::max(entry.bucket_full, now) +
              share(std::chrono::seconds(1), limits_.connects_per_second) >
          now + kConnectBurst)
    return Refusal::kRate;
  return std::nullopt;
}

/// A new entry is in the list of idle ones. nullptr = no room.
AddressGate::Entry* AddressGate::find_or_make(const IpAddress& address, MonotonicTime now) {
  if (const auto found = entries_.find(address); found != entries_.end()) return &found->second;
  if (entries_.size() >= kAddressesMax) {
    if (oldest_idle_ == nullptr) return nullptr;
    forget(*oldest_idle_);
  }
  Entry& entry = entries_[address];
  entry.address = address;
  entry.bucket_full = entry.failures_gone = now;
  append_idle(entry);
  return &entry;
}

bool AddressGate::worth_keeping(const Entry& entry, MonotonicTime now) const {
  return now < entry.bucket_full || now < entry.failures_gone || now < entry.refused_until;
}

std::size_t AddressGate::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

void AddressGate::forget(Entry& entry) {
  unlink_idle(entry);
  entries_.erase(entry.address);
}

void AddressGate::append_idle(Entry& entry) {
  entry.older = newest_idle_;
  entry.newer = nullptr;
  (newest_idle_ != nullptr ? newest_idle_->newer : oldest_idle_) = &entry;
  newest_idle_ = &entry;
}

void AddressGate::unlink_idle(Entry& entry) {
  (entry.older != nullptr ? entry.older->newer : oldest_idle_) = entry.newer;
  (entry.newer != nullptr ? entry.newer->older : newest_idle_) = entry.older;
  entry.older = entry.newer = nullptr;
}

AddressGate::Ticket& AddressGate::Ticket::operator=(Ticket&& other) noexcept {
  if (this == &other) return *this;
  release();
  gate_ = std::exchange(other.gate_, nullptr);
  entry_ = other.entry_;
  identified_ = other.identified_;
  return *this;
}

void AddressGate::Ticket::identified() {
  if (gate_ == nullptr || std::exchange(identified_, true)) return;
  const std::lock_guard lock(gate_->mutex_);
  ++entry_->identified;
}

bool AddressGate::Ticket::failed(MonotonicTime now) {
  if (gate_ == nullptr || identified_) return false;
  const std::uint32_t limit = gate_->limits_.failures_per_minute;
  if (limit == 0) return false;
  const Duration each = share(kFailuresOver, limit);
  const std::lock_guard lock(gate_->mutex_);
  entry_->failures_gone = std::max(entry_->failures_gone, now) + each;
  const Duration allowed = kFailuresOver + each * static_cast<Duration::rep>(entry_->identified);
  if (entry_->failures_gone <= now + allowed || now < entry_->refused_until) return false;
  entry_->refused_until = now + kRefusedFor;
  return true;
}

void AddressGate::Ticket::release() {
  if (gate_ == nullptr) return;
  AddressGate& gate = *std::exchange(gate_, nullptr);
  const std::lock_guard lock(gate.mutex_);
  if (identified_) --entry_->identified;
  if (--entry_->open == 0) gate.append_idle(*entry_);
}

}  // namespace weir::admission
