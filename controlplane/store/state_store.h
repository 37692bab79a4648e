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
// History: every verb answers kHistoryLost while the generation is missing, when the store is
// another one than the data were written by (a restart, a failover), and when its caller names a
// revision, or an epoch, that this store has not yet reached. The caller then raises the generation
// above everything it knows, and restores.
//
// Several replicas share one store, each through a StateStore of its own. They know of one another
// only through it: bulletins, broadcasts and commands carry opaque bytes between them, in bounded
// amounts; nothing that decides about ownership depends on their arrival.

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
#include "controlplane/store/record.h"

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
  Epoch highest_epoch;  ///< of any stream, from whomever it was heard
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

/// An operator's order: the stream goes elsewhere.
struct MoveRequest {
  StreamKey stream;
  Epoch expected;
  std::vector<Candidate> candidates;  ///< best first
  std::string mover;                  ///< who holds the place until the publisher comes back
  std::string verdict;
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
  struct RecordChanged {
    Record record;  ///< a tombstone where it was deleted
  };
  /// History is gone for this reader: read everything again.
  struct Reset {};

  // Not in the order of revisions, and without one; only to who is subscribed when it happens.
  /// Reading the feed met a loss of history: as a verb's answer kHistoryLost.
  struct HistoryLost {};
  struct BulletinChanged {
    ReplicaId from;
    std::optional<std::string> bytes;  ///< missing: not renewed in time, the replica is gone
  };
  struct BroadcastReceived {
    ReplicaId from;
    std::string bytes;
  };
  /// There is something in this mailbox.
  struct MailCame {
    Mailbox mailbox;
  };
  std::variant<PlacementChanged, OriginChanged, GenerationRaised, SettlingEnded, RecordChanged,
               Reset, HistoryLost, BulletinChanged, BroadcastReceived, MailCame>
      what;
};

/// Changes after a resume token.
struct ChangePage {
  std::vector<Change> changes;  ///< in revision order; only those that have a revision
  std::string token;            ///< where they end
  bool more = false;            ///< there were more than asked for
  /// The token is of another generation or too old: read everything again, go on from `token`.
  bool reset = false;
};

/// Everything, for a reader that starts or was reset.
struct Snapshot {
  Revision revision;
  bool settling = false;
  std::vector<model::Placement> placements;
  std::vector<OriginRecord> origins;
  std::vector<Record> records;  ///< tombstones included
};

struct GenerationState {
  std::uint64_t generation = 0;  ///< 0 = missing
  bool settling = false;
  /// The caller knows more than the store does, or the store is another one than wrote the data.
  bool lost = false;
  /// False after a loss until somebody has written back the records it kept: what is missing may
  /// only be not restored yet. True in a cluster that is new.
  bool records_known = false;
};

/// How well this replica sees the store, for answers to operators and for heartbeats.
struct StoreHealth {
  Duration age{};       ///< since the feed was last read to its end; 0 for an embedded store
  std::string trouble;  ///< why there is no connection, or what is refused; empty = none
};

class StateStore {
 public:
  virtual ~StateStore() = default;

  // --- generations (design 3, loss of history)
  virtual void read_generation(Caller caller, Done<GenerationState> done) = 0;
  /// Compare-and-set from `seen` to max(at_least, the store's clock in microseconds) + 1; starts
  /// settling. Nothing happens where history is not lost (any more): the generation is there, the
  /// data are this store's, neither `caller` nor `at_least` knows more. So it is raised once per
  /// loss, however many replicas noticed. Answers the state that holds afterwards.
  virtual void raise_generation(std::uint64_t seen, std::uint64_t at_least, Caller caller,
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
  /// incarnation must be the current one, alive; orders do not matter, as nothing new is
  /// placed. Settling: kSettling.
  virtual void adopt(AdoptRequest request, Caller caller, Done<Changed> done) = 0;
  /// The placement goes to the first candidate that may be bound, with a new epoch, and is held
  /// there for `mover` (an external holder: 60 s, or until the publisher is back). Changes nothing
  /// when the epoch is not `expected`, no candidate may be bound, or the first that may is where it
  /// is. Settling: kSettling.
  virtual void move(MoveRequest request, Caller caller, Done<Changed> done) = 0;

  // --- origins
  /// Mints ids and incarnations. A report of another process under the same id and endpoints
  /// replaces the incarnation; the one before can take no new placements from then on, but it is
  /// not declared dead by that (a worker that shuts down still serves): membership does so, on its
  /// evidence.
  virtual void upsert_origin(OriginUpsert request, Caller caller, Done<OriginUpserted> done) = 0;
  /// Monotone. true = it is dead now; false = refused (the evidence is older than the incarnation).
  virtual void declare_dead(DeathEvidence evidence, Caller caller, Done<bool> done) = 0;

  // --- records: what operators ordered, and the cluster's secrets (design 3, 4)
  /// Writes, or deletes (a tombstone stays for 24 h). A policy, a pin, a cordon, … of one name is
  /// one record; the origin or stream it names need not exist. Candidates are bound only on origins
  /// without a cordon or drain, and only on the origin of the stream's pin where there is one. So
  /// an orphan goes elsewhere when an order says so; a takeover does not, it stays where the stream
  /// runs.
  virtual void put_record(RecordWrite write, Caller caller, Done<RecordWritten> done) = 0;
  /// After a loss: each takes effect where the store has none of that name or an older one. Any
  /// time; `complete` says that the caller has written back all that it kept.
  virtual void restore_records(std::vector<Record> kept, bool complete, Caller caller,
                               Done<RecordsRestored> done) = 0;

  // --- renewals: absent means nothing until 3 s after settling or after a stall of the store.
  /// Answers whether it was unbroken (an `acquire` by one of its sessions renews, too).
  virtual void renew_forwarder(const ForwarderId& id, Caller caller, Done<bool> done) = 0;

  // --- feed
  /// Everything now, then `on_change` for each later change in order, until the store is destroyed
  /// or unsubscribe(). One completion, then any number of changes.
  using Feed = Callback<void(const Change&)>;
  virtual std::uint64_t subscribe(Done<Snapshot> done, Feed on_change) = 0;
  virtual void unsubscribe(std::uint64_t subscription) = 0;
  /// At most `limit` changes after an opaque token; an empty token = from now.
  virtual void read_changes(std::string token, std::size_t limit, Done<ChangePage> done) = 0;

  // --- between replicas; lossy, never part of a decision about ownership
  /// Replaces the last bulletin of `from`; gone kBulletinExpiry after the last one. At most
  /// kBulletinBytesMax, else it is not put (false).
  virtual void put_bulletin(const ReplicaId& from, std::string bytes, Done<bool> done) = 0;
  /// To all subscribers, the sender's own too. At most kBroadcastBytesMax, else false.
  virtual void broadcast(const ReplicaId& from, std::string bytes, Done<bool> done) = 0;
  /// Into a mailbox, for who is responsible for it now or soon; false: it is full, or `bytes` more
  /// than kCommandBytesMax.
  virtual void send_command(Mailbox to, Command command, Done<bool> done) = 0;
  /// Takes out everything whose deadline has not passed, oldest first.
  virtual void take_commands(Mailbox from, Done<std::vector<Command>> done) = 0;

  // --- media sessions of origins whose ICE credentials cannot be chosen
  /// Kept for `expiry` (at most kMediaSessionExpiryMax); false: too many.
  virtual void put_media_session(std::string ufrag, std::string bytes, Duration expiry,
                                 Done<bool> done) = 0;
  virtual void find_media_session(std::string ufrag, Done<std::optional<std::string>> done) = 0;

  virtual StoreHealth health() const = 0;
};

}  // namespace weir::store
