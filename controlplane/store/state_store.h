#pragma once
// StateStore: who owns a stream, which incarnations live, what operators ordered (design 4).
//
// Purpose: one interface for the embedded store and for Redis. Each verb is one atomic step;
// callers never read, modify and write. The rules are those of docs/adr/0004 (ownership) and are
// checked by one conformance suite (tests/conformance) on every implementation.
//
// Threading: every call and every completion on the executor's one thread. A completion is never
// run inside the call that caused it. Lifetime: a verb that was called is answered once, also when
// the store goes before the answer is delivered: with its result when that is known, else with
// kUnavailable. Feeds end with the store.
//
// History: every verb answers kHistoryLost while the generation is missing, and when its caller
// names a revision, or an epoch, that this store has not yet reached. The caller then raises the
// generation above everything it knows, and restores.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/base/callback.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/stream_key.h"
#include "controlplane/model/origin.h"
#include "controlplane/model/placement.h"

namespace weir::store {

/// How a verb ended when it did not do what it was asked; the only errors of this interface.
enum class StoreError {
  kUnavailable,  ///< no answer from the store: unknown whether it was done
  kHistoryLost,  ///< the caller's view is of another history: raise_generation, then restore
  kSettling,     ///< refused until what forwarders and agents hold has been restored
};

template <class T>
using Reply = std::variant<T, StoreError>;
template <class T>
using Done = Callback<void(Reply<T>)>;

/// Sent with every verb: lets the store notice that its caller knows more than it does.
struct Caller {
  Revision highest_seen;
};

struct Candidate {
  OriginId origin;
  IncarnationId incarnation;
};

struct Failed {
  IncarnationId incarnation;
  Epoch epoch;
};

/// Evidence for displacing the holder of `expected` (design 4: a takeover names its evidence).
struct Takeover {
  Epoch expected;
  enum class Evidence {
    kPolicy,       ///< second_publisher: takeover
    kIdle,         ///< its forwarder said so, about the HELD answer given at `held_at`
    kUnknown,      ///< its forwarder does not know the session
    kRenewalGone,  ///< its forwarder's renewal has expired: read again inside the verb
  } evidence = Evidence::kPolicy;
  /// Store time of the HELD answer; evidence kIdle older than 1 s is refused.
  MonotonicTime held_at{};
};

struct AcquireRequest {
  StreamKey stream;
  model::Holder holder;
  std::vector<Candidate> candidates;  ///< best first
  std::optional<Takeover> takeover;
  std::optional<Failed> failed;
  std::string verdict;  ///< kept with the placement when a candidate is bound
};

enum class AcquireOutcome {
  kBound,          ///< new epoch for this holder (unplaced, orphaned, owner dead, taken over)
  kSame,           ///< this holder had it already
  kHeld,           ///< another live holder; `placement` is his, nothing changed
  kNoCandidate,    ///< no candidate is alive; nothing changed
  kStaleEvidence,  ///< a takeover whose evidence does not hold (any more); nothing changed
};

struct AcquireResult {
  AcquireOutcome outcome;
  std::optional<model::Placement> placement;
  std::optional<model::Placement> displaced;  ///< what the stream had before, when it changed
  MonotonicTime store_time{};
  bool new_origin = false;  ///< kBound: a candidate was used
};

/// For confirm, release, orphan, repoint, claim: names what the caller believes. A verb changes
/// nothing when the placement differs.
struct HolderRef {
  StreamKey stream;
  model::Holder holder;
  Epoch epoch;  ///< release only: unset = "this holder has ended, whatever epoch it was given"
};

/// A placement whose holder is gone without having released it (design 4).
struct OrphanRequest {
  HolderRef held;
  enum class Evidence {
    kUnknown,      ///< its forwarder, asked after the placement was read, does not know the
                   ///< session, or has been away for so long that it is forgotten
    kRenewalGone,  ///< its forwarder's renewal has expired (read inside the verb), and a complete
                   ///< snapshot of the origin taken after that lacks the tag, or the incarnation is
                   ///< dead
  } evidence = Evidence::kUnknown;
  /// kRenewalGone: how long ago that snapshot was taken; nullopt = there is none.
  std::optional<Duration> snapshot_age;
};

struct Changed {
  bool changed = false;
  std::optional<model::Placement> placement;  ///< as it stands now
};

struct RestoreRequest {
  /// stream, origin, incarnation, holder, epoch, state are read; bind_time and verdict when known
  model::Placement held;
};

struct ClaimRequest {
  HolderRef held;
  OriginId origin;
  IncarnationId incarnation;
};

/// A live stream whose publisher came to the origin itself: untagged, as its agent reports it.
struct AdoptRequest {
  StreamKey stream;
  OriginId origin;
  IncarnationId incarnation;
};

struct OriginUpsert {
  model::OriginDescription description;
  /// Names the life of the process (pid and start time, or the server's own). Never empty.
  std::string process;
  /// Incarnation the reporter was told before for exactly this process; empty = none.
  IncarnationId known_incarnation;
};

struct OriginRecord {
  model::OriginDescription description;
  IncarnationId incarnation;
  std::string process;
  Revision revision;
  bool cordoned = false;
  std::string cordon_reason;
  bool dead = false;  ///< the incarnation is in the dead set
  WallTime first_seen{};
};

struct OriginUpserted {
  OriginRecord record;
  bool new_incarnation = false;
  /// Set when the id is in use by another live origin and a suffix was minted.
  bool id_taken = false;
};

struct DeathEvidence {
  IncarnationId incarnation;
  std::string reason;
  Duration age{};  ///< since the evidence was taken; refused when the incarnation began later
};

/// One change, in revision order. What is absent was removed.
struct Change {
  Revision revision;
  struct PlacementChanged {
    StreamKey stream;
    std::optional<model::Placement> placement;
  };
  struct OriginChanged {
    OriginId origin;
    std::optional<OriginRecord> record;
  };
  struct GenerationRaised {
    std::uint64_t generation;
  };
  struct SettlingEnded {};
  /// History is gone for this reader: read everything again.
  struct Reset {};
  std::variant<PlacementChanged, OriginChanged, GenerationRaised, SettlingEnded, Reset> what;
};

/// Everything, for a reader that starts or was reset.
struct Snapshot {
  Revision revision;
  bool settling = false;
  std::vector<model::Placement> placements;
  std::vector<OriginRecord> origins;
};

struct GenerationState {
  std::uint64_t generation = 0;  ///< 0 = missing
  bool settling = false;
};

class StateStore {
 public:
  virtual ~StateStore() = default;

  // --- generations (design 3, loss of history)
  virtual void read_generation(Done<GenerationState> done) = 0;
  /// Compare-and-set from `seen` to max(at_least, the store's clock in microseconds) + 1, once per
  /// loss; starts settling. Answers the state that holds afterwards, whoever raised it.
  virtual void raise_generation(std::uint64_t seen, std::uint64_t at_least,
                                Done<GenerationState> done) = 0;
  /// Keeps settling alive for another second while the caller still restores; 10 s in all.
  virtual void extend_settling(Done<GenerationState> done) = 0;

  // --- placements
  /// kSettling for a stream that is not (yet) known while settling: "nobody" would be a guess.
  virtual void lookup(const StreamKey& stream, Caller caller,
                      Done<std::optional<model::Placement>> done) = 0;
  virtual void acquire(AcquireRequest request, Caller caller, Done<AcquireResult> done) = 0;
  /// The origin accepted media: bound -> publishing.
  virtual void confirm(HolderRef held, Caller caller, Done<Changed> done) = 0;
  /// The holder ended: a session's placement is orphaned (15 s, then the store removes it by
  /// itself); `direct` and `external` ones are removed at once.
  virtual void release(HolderRef held, Caller caller, Done<Changed> done) = 0;
  /// As release, on evidence about a holder that cannot say it itself.
  virtual void orphan(OrphanRequest request, Caller caller, Done<Changed> done) = 0;
  /// Epoch kept, new incarnation of the same origin that still carries the holder's media.
  virtual void repoint(HolderRef held, IncarnationId to, Caller caller, Done<Changed> done) = 0;
  /// Only while settling, only over nothing or a lower epoch.
  virtual void restore(RestoreRequest request, Caller caller, Done<Changed> done) = 0;
  /// Only outside settling: the placement of a live session that is gone (or orphaned) comes back
  /// with its epoch, unless a higher one was handed out for the stream. changed = granted (also
  /// when he had it already: claims are repeated); false = refused, the session closes. Settling:
  /// kSettling.
  virtual void claim(ClaimRequest request, Caller caller, Done<Changed> done) = 0;
  /// Gives an untagged live stream to holder `direct`, publishing, with a new epoch: where nothing
  /// is placed, where the owner is in the dead set, and where an external holder awaits its
  /// publisher on this very origin. Anybody else's placement stays, an orphan's too: its name is
  /// kept for the encoder that reconnects, and what is live may be the leg it left behind. The
  /// incarnation must be the current one, alive; a cordon does not matter, as nothing new is
  /// placed. Settling: kSettling.
  virtual void adopt(AdoptRequest request, Caller caller, Done<Changed> done) = 0;

  // --- origins
  /// Mints ids and incarnations. A report of another process under the same id and endpoints
  /// replaces the incarnation; the one before can take no new placements from then on, but it is
  /// not declared dead by that (a worker that shuts down still serves): membership does so, on its
  /// evidence.
  virtual void upsert_origin(OriginUpsert request, Caller caller, Done<OriginUpserted> done) = 0;
  /// Monotone. true = it is dead now; false = refused (the evidence is older than the incarnation).
  virtual void declare_dead(DeathEvidence evidence, Caller caller, Done<bool> done) = 0;
  /// Cordons (reason) or uncordons (nullopt); nullopt reply = no such origin.
  virtual void set_cordon(const OriginId& origin, std::optional<std::string> reason, Caller caller,
                          Done<std::optional<OriginRecord>> done) = 0;

  // --- renewals: absent means nothing until 3 s after settling or after a stall of the store.
  /// Answers whether it was unbroken (an `acquire` by one of its sessions renews, too).
  virtual void renew_forwarder(const ForwarderId& id, Caller caller, Done<bool> done) = 0;

  // --- feed
  /// Everything now, then `on_change` for each later change in order, until the store is destroyed
  /// or unsubscribe(). One completion, then any number of changes.
  using Feed = Callback<void(const Change&)>;
  virtual std::uint64_t subscribe(Done<Snapshot> done, Feed on_change) = 0;
  virtual void unsubscribe(std::uint64_t subscription) = 0;
};

}  // namespace weir::store
