#pragma once
// RelaySession: one client's use of the forwarder, as a sans-IO state machine over the client's leg
// and one leg per origin that it needs.
//
// Purpose: the seam between protocol logic (relay/) and sockets (io/). A session is given bytes,
// facts and the time; it asks for sends, dials, timers and closes through SessionIo. It knows no
// socket, no thread and no clock. The driver (io/session_driver.h) owns both sockets and one timer.
//
// Rules of the seam:
//  - SessionIo calls only record; they never call back into the session. The driver acts when the
//    session's function has returned; after calls made at another time (a resolver's answer) it
//    acts in work that it posts to itself. send_view() is for on_bytes() only.
//  - send_view(): the bytes stay valid until the function that received them as input returns; the
//    driver gathers all sends of one call into one sendmsg() per leg, and copies only what the
//    socket does not take. send_copy(): bytes the session made up; the driver copies them at once.
//  - While an origin leg's unsent queue is above its mark the driver stops reading the client, and
//    while the client's is, it reads no leg. So a session never sees backpressure, and its answers
//    to a client that does not read them are bounded.
// Threading: all calls on the worker's thread. Lifetime: the driver owns the session and is its
// SessionIo, handed to the session's constructor and valid as long as the session lives. After
// finish() every call is ignored.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "dataplane/routing/route.h"

namespace weir::relay {

/// The client's leg, or one to an origin. Those are numbered, because a client with several message
/// streams has an origin for each; most have one, kOrigin. origin_leg() names the others.
enum class Leg : std::uint8_t { kClient = 0, kOrigin = 1 };

inline constexpr std::uint8_t kOriginLegsMax = 8;

/// `index` from 0; origin_leg(0) is kOrigin.
constexpr Leg origin_leg(std::uint8_t index) {
  return static_cast<Leg>(static_cast<std::uint8_t>(Leg::kOrigin) + index);
}
constexpr std::uint8_t origin_index(Leg leg) {
  return static_cast<std::uint8_t>(static_cast<std::uint8_t>(leg) -
                                   static_cast<std::uint8_t>(Leg::kOrigin));
}

enum class CloseMode {
  kFlush,  ///< send what is queued (bounded time), then FIN
  kAbort,  ///< drop at once, RST
};

/// What becomes of a client some of whose bytes the session keeps.
enum class WhileKept : std::uint8_t {
  kStopReading,  ///< beyond a little (kKeptBytesMark) it waits in its own socket
  kReadOn,       ///< other bytes of it have an origin; the session bounds what it keeps
};

class SessionIo {
 public:
  virtual ~SessionIo() = default;
  virtual void send_view(Leg leg, std::span<const std::uint8_t> bytes) = 0;
  virtual void send_copy(Leg leg, std::span<const std::uint8_t> bytes) = 0;
  /// Opens an origin leg; answered by on_origin_connected() or on_leg_closed(). One that is open
  /// already is dropped.
  virtual void dial(Leg leg, std::string_view endpoint) = 0;
  virtual void close(Leg leg, CloseMode mode) = 0;
  /// Replaces the session's one timer; on_timer() is called at or after it. nullopt = none.
  virtual void wake_at(std::optional<MonotonicTime> when) = 0;
  /// A PROXY header has named the real client, `address:port`; before anything else is said of it.
  /// False: there are too many of that address, and the session must finish().
  virtual bool client_is(std::string_view address) = 0;
  /// The session keeps that many of the client's bytes until an origin takes them. They count among
  /// those that wait for origins. While the client is not read for them, its end is noticed when it
  /// is read again, a reset at once.
  virtual void keeps(std::size_t bytes, WhileKept client) = 0;
  /// The client has said which stream it wants; once. A session that finishes without it counts
  /// against the client's address.
  virtual void identified() = 0;
  /// The session is over: the driver flushes and closes all legs, then destroys it.
  virtual void finish(std::string_view reason) = 0;
};

enum class LegEnd : std::uint8_t {
  kFin,  ///< orderly end
  kReset,
  kRefused,      ///< dial only
  kUnreachable,  ///< dial only
  kNoResources,  ///< dial only: not for the origin's sake, this process lacks descriptors or memory
  kTimedOut,     ///< user timeout of the kernel
};

class RelaySession {
 public:
  virtual ~RelaySession() = default;
  virtual void on_start(MonotonicTime now) = 0;
  virtual void on_bytes(Leg leg, MonotonicTime now, std::span<const std::uint8_t> bytes) = 0;
  virtual void on_origin_connected(Leg leg, MonotonicTime now) = 0;
  virtual void on_leg_closed(Leg leg, LegEnd end, MonotonicTime now) = 0;
  virtual void on_timer(MonotonicTime now) = 0;
  /// The forwarder shuts down: tell the client if the protocol can, then finish().
  virtual void on_shutdown(MonotonicTime now) = 0;
};

}  // namespace weir::relay
