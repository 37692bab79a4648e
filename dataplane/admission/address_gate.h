#pragma once
// AddressGate: what each client address may take of this forwarder, all workers together.
//
// Purpose: connections at once, new connections per second (a bucket), and failed identifications:
// sessions that ended by our judgement before the client had said which stream it wants. Honest
// clients share addresses (carrier NAT, a balancer), so an address with running sessions is allowed
// as many more failures. An address is an IPv4 address or an IPv6 /64. The table is bounded: what
// has no connections is forgotten when it would be let in anyway, or when there is no room.
// Threading: any thread; one short lock per call. set_limits() before the first admit(). Lifetime:
// outlives its tickets.

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/base/cidr.h"
#include "common/base/clock.h"

namespace weir::admission {

/// Zero = no limit.
struct AddressLimits {
  std::uint32_t concurrent = 0;
  std::uint32_t connects_per_second = 0;
  std::uint32_t failures_per_minute = 0;
  /// Connections of one address from which on it is worth a warning, once: clients that come
  /// through a balancer look like that.
  std::uint32_t large_share = 0;
  /// Never limited nor counted.
  std::vector<Cidr> exempt{};
};

enum class Refusal {
  kConcurrent,  ///< too many connections at once
  kRate,        ///< too many new ones
  kFailures,    ///< too many failed identifications
};

class AddressGate {
 private:
  struct Entry;

 public:
  /// One admitted connection; gives its place back when it goes. Empty = not counted.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(Ticket&& other) noexcept
        : gate_(std::exchange(other.gate_, nullptr)),
          entry_(other.entry_),
          identified_(other.identified_) {}
    Ticket& operator=(Ticket&& other) noexcept;
    ~Ticket() { release(); }

    /// The client has said what it wants.
    void identified();
    /// It was sent away before it had. True: from now on its address is refused for a while.
    bool failed(MonotonicTime now);
    /// As it is counted: of IPv6 the /64. Not of an empty one.
    const IpAddress& address() const { return entry_->address; }

   private:
    friend class AddressGate;
    Ticket(AddressGate& gate, Entry& entry) : gate_(&gate), entry_(&entry) {}
    void release();

    AddressGate* gate_ = nullptr;
    Entry* entry_ = nullptr;
    bool identified_ = false;
  };

  struct Answer {
    std::optional<Refusal> refusal;
    Ticket ticket;
    bool large_share = false;  ///< its connections have reached that mark for the first time
  };

  AddressGate() = default;
  AddressGate(const AddressGate&) = delete;
  AddressGate& operator=(const AddressGate&) = delete;

  void set_limits(AddressLimits limits) { limits_ = std::move(limits); }
  const AddressLimits& limits() const { return limits_; }

  Answer admit(const IpAddress& address, MonotonicTime now);
  /// Addresses remembered.
  std::size_t size() const;

 private:
  struct Hash {
    std::size_t operator()(const IpAddress& address) const;
  };
  struct Entry {
    IpAddress address;
    std::uint32_t open = 0;
    std::uint32_t identified = 0;
    bool share_told = false;
    MonotonicTime bucket_full{};    ///< when all its saved-up connections are there again
    MonotonicTime failures_gone{};  ///< when the last failure has been forgotten
    MonotonicTime refused_until{};
    Entry* older = nullptr;  ///< list of those without connections
    Entry* newer = nullptr;
  };

  std::optional<Refusal> check(Entry& entry, MonotonicTime now) const;
  Entry* find_or_make(const IpAddress& address, MonotonicTime now);
  bool worth_keeping(const Entry& entry, MonotonicTime now) const;
  void forget(Entry& entry);
  void append_idle(Entry& entry);
  void unlink_idle(Entry& entry);

  AddressLimits limits_;
  mutable std::mutex mutex_;
  std::unordered_map<IpAddress, Entry, Hash> entries_;
  Entry* oldest_idle_ = nullptr;
  Entry* newest_idle_ = nullptr;
};

}  // namespace weir::admission
