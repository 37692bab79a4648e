#pragma once
// ReservationLedger: what was just placed on an origin and no report shows yet (design 5,
// "reserve").
//
// Without it every decision between two reports goes to the same, seemingly least loaded origin.
// A reservation is charged in full at once. Its stream is taken off by the first report that was
// taken after it (the report counts the stream itself); its bit rate fades to nothing over 20 s,
// because the audience that it stands for comes later than the stream. Threading: one thread.
// Lifetime: self-contained; bounded by kReservationsMax.

#include <cstdint>
#include <deque>
#include <unordered_map>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"

namespace weir::placement {

/// Expected cost of a stream.
struct Cost {
  double streams = 1;
  double bits_per_second = 0;
  bool operator==(const Cost&) const = default;
};

/// Sum of an origin's reservations, as a plain value that still fades with time.
struct Pending {
  std::uint32_t in_flight = 0;   ///< not counted by the store yet: see ReservationLedger::bound
  std::uint32_t unreported = 0;  ///< no report includes them yet
  double bits_total = 0;         ///< sum of bit rates
  /// Sum of bit rate times start (seconds since the clock's epoch): makes the fading sum O(1).
  double bits_moment = 0;

  double bits_per_second(MonotonicTime now) const;
};

class ReservationLedger {
 public:
  using Id = std::uint64_t;  ///< 0 is never used

  /// Charges `cost` to an incarnation, before the store is asked. 0 = the ledger is full, not
  /// charged.
  Id reserve(const IncarnationId& incarnation, const Cost& cost, MonotonicTime now);
  /// The store's count includes it from now on: call it where OriginView::placed_streams is raised.
  void bound(Id id);
  /// The placement did not come about, or has ended. Any number of times; unknown ids are ignored.
  void release(Id id);
  /// A report of that origin, taken at `taken`, has arrived.
  void reported(const IncarnationId& incarnation, MonotonicTime taken);
  /// The incarnation is dead or gone.
  void forget(const IncarnationId& incarnation);
  /// Drops what has faded. Returns the incarnations whose pending() changed. Amortised O(1).
  std::vector<IncarnationId> advance(MonotonicTime now);

  /// After any of the calls above for `incarnation`, OriginView::pending is set from here.
  Pending pending(const IncarnationId& incarnation) const;
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    IncarnationId incarnation;
    Cost cost;
    MonotonicTime start{};
    bool in_flight = true;
    bool unreported = true;
  };
  struct Account {
    Pending sum;
    std::deque<Id> unreported;  ///< in order of start; may name ids that are gone
    std::size_t live = 0;
  };

  void drop(std::unordered_map<Id, Entry>::iterator entry);

  Id next_id_ = 1;
  std::unordered_map<Id, Entry> entries_;
  std::unordered_map<IncarnationId, Account> accounts_;
  std::deque<Id> by_age_;  ///< every id in order of start; may name ids that are gone
};

}  // namespace weir::placement
