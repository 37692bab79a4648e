#pragma once
// Bounds of the socket drivers. Threading: constants.

#include <chrono>
#include <cstddef>

namespace weir::io {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// One receive buffer per worker thread, whatever the number of sessions.
inline constexpr std::size_t kReceiveBufferBytes = 256 * 1024;
/// Reads of one leg before others get their turn.
inline constexpr int kReadsPerTurn = 4;
/// Connections taken from a listener before others get their turn.
inline constexpr int kAcceptsPerTurn = 64;
/// While there is more to do than kBusyEvents: sessions that are being set up go before new ones,
/// so that in a burst the first are served soon instead of all of them late. Never none.
inline constexpr int kAcceptsWhenBusy = 4;
inline constexpr int kBusyEvents = 8;
inline constexpr int kEventsPerBatch = 256;
inline constexpr int kBatchesPerWake = 4;
/// Pieces of one gathered send; the kernel's own limit is 1,024.
inline constexpr std::size_t kPiecesPerSend = 512;

/// Above the high mark the other leg is not read, nor is a client itself; below the low mark they
/// are again. So a leg holds at
/// most the high mark, one read, and what the session itself adds.
inline constexpr std::size_t kQueueHighMark = 256 * 1024;
inline constexpr std::size_t kQueueLowMark = 64 * 1024;
inline constexpr std::size_t kQueueBlockBytes = 16 * 1024;
/// What a session may keep of its client's bytes, for want of an origin, while the client is read
/// on. So it keeps at most this and one read.
inline constexpr std::size_t kKeptBytesMark = 64 * 1024;
/// Free blocks a worker keeps for the next slow reader.
inline constexpr std::size_t kFreeBlocksMax = 64;
/// All unsent bytes of the process, unless configured otherwise. Beyond it the players with the
/// longest queues are ended, down to one part in kShedSlackParts below it, so that it is not done
/// anew for every read.
inline constexpr std::size_t kQueuedBytesMax = std::size_t{512} * 1024 * 1024;
/// The bound is passed by at most this part of it (while a worker that holds more is asked to end
/// its players first), and by what one event adds in each worker.
inline constexpr std::size_t kShedSlackParts = 16;
/// How often the other workers are asked to end theirs while nobody has ended anything since: what
/// waits for origins may lawfully stay a little beyond the bound for seconds.
inline constexpr milliseconds kOthersAskedEvery{100};
inline constexpr std::size_t kEventAddsMax =
    kQueueHighMark + kReceiveBufferBytes + 2 * kQueueBlockBytes;
/// Publishers are ended when what waits for origins alone is beyond the bound by this part of it.
inline constexpr std::size_t kPublishersExtraParts = 4;

/// The first reads of a leg are acknowledged at once: a peer with Nagle's algorithm (nginx-rtmp,
/// encoders) would else wait 40 ms for our delayed acknowledgement at each step of the set-up.
inline constexpr int kQuickAckReads = 24;

/// A peer that acknowledges nothing, or keeps its window closed, for this long is gone.
inline constexpr seconds kOriginUserTimeout{5};
inline constexpr seconds kClientUserTimeout{30};
/// A leg that cannot be brought below the low mark for this long is given up, even if bytes drip.
inline constexpr seconds kCongestedMax{30};
inline constexpr seconds kSweepEvery{5};
inline constexpr seconds kKeepAliveIdle{30};
inline constexpr seconds kKeepAliveInterval{10};
inline constexpr int kKeepAliveProbes = 3;

/// After close(kFlush) or finish(): time for the queue, then for the peer's own end, so that our
/// last words are not destroyed by a reset.
inline constexpr seconds kFlushWithin{2};
inline constexpr seconds kLingerFor{1};
/// Sockets in that state per worker; beyond it they are reset.
inline constexpr std::size_t kLingeringMax = 10'000;

/// After "too many open files" the listener rests this long.
inline constexpr milliseconds kAcceptPause{100};
/// Host names being looked up per worker, whoever waits for them, and as many answers that are
/// kept; origins usually give addresses.
inline constexpr std::size_t kLookupsMax = 64;
/// Dials after the first find its answer for this long: an origin's sessions come in crowds.
inline constexpr milliseconds kLookupKeptFor{1'000};
inline constexpr milliseconds kLookupWithin{1'000};
/// Names looked up at once per worker; the system's resolver blocks a thread for each. A name that
/// is slow holds one of them, however many dials want it.
inline constexpr std::size_t kLookupThreadsMax = 4;
/// Addresses of one name that a dial tries, and how long it waits for one before the next.
inline constexpr std::size_t kDialAddressesMax = 8;
inline constexpr milliseconds kNextAddressAfter{250};
inline constexpr int kListenBacklog = 4096;

static_assert(kQueueLowMark < kQueueHighMark);
static_assert(kQueueBlockBytes <= kQueueLowMark);
static_assert(kKeptBytesMark < kQueueHighMark);
static_assert(kPublishersExtraParts < kShedSlackParts, "players are ended long before");

}  // namespace weir::io
