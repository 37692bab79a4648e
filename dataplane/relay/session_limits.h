#pragma once
// Limits of an RTMP session, all in one place. What an operator may change is in session_config.h.
// Threading: constants.

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "common/base/clock.h"

namespace weir::relay {

// Phases of a client before it is identified: each has one deadline, however slowly bytes trickle
// in.
inline constexpr Duration kFirstByteTimeout = std::chrono::seconds(3);
inline constexpr Duration kHandshakeTimeout = std::chrono::seconds(5);
inline constexpr Duration kConnectTimeout = std::chrono::seconds(5);
inline constexpr Duration kIdentifyTimeout = std::chrono::seconds(10);
inline constexpr std::size_t kCommandsBeforeIdentificationMax = 64;
inline constexpr std::size_t kBytesBeforeIdentificationMax = 64UL * 1024;
/// Names of releaseStream and FCPublish kept until their publish comes.
inline constexpr std::size_t kPreparedNamesMax = 16;
inline constexpr std::size_t kClientAgentBytesMax = 128;
/// connect is kept for as long as the connection. OBS and browsers' bridges send less than 1 KiB.
inline constexpr std::size_t kConnectArgumentsBytesMax = 16UL * 1024;
/// What stands behind the name of publish or play is kept until the first media: a type, or three
/// numbers.
inline constexpr std::size_t kRequestArgumentsBytesMax = 1024;

// Streams of one connection. OBS publishes a handful of renditions at once (multitrack); each costs
// an origin leg and a client session.
inline constexpr std::size_t kStreamsMax = 8;
/// publish and play on one connection, one after another; createStream as well. Without it a
/// connection could ask the control plane for ever without being counted again.
inline constexpr std::uint32_t kStreamRequestsMax = 256;
inline constexpr std::uint32_t kClientStreamsMax = 256;

// Publisher.
/// What a client sends behind `publish` before the origin has accepted, in all streams of its
/// connection; beyond it the session ends. A driver that heeds SessionIo::keeps() stays far below.
inline constexpr std::size_t kEarlyMediaBytesMax = 4UL * 1024 * 1024;
/// The same beside a stream that an origin has accepted: the client is read for that one's sake,
/// and one that waits is refused beyond this. Encoders that wait for Publish.Start never come near
/// it.
inline constexpr std::size_t kEarlyBytesBesideActiveMax = 512UL * 1024;
/// Pings to a held encoder, so that a dead one is noticed and middleboxes keep the connection.
inline constexpr Duration kHoldPingInterval = std::chrono::seconds(5);
/// From a connected, handshaken origin to its answer to publish or play: its hooks run in here.
inline constexpr Duration kOriginAnswerTimeout = std::chrono::seconds(10);
/// An origin still busy with the displaced or broken leg of the same stream (design 6).
inline constexpr Duration kBusyRetryTotal = std::chrono::seconds(2);
inline constexpr Duration kBusyRetryFirst = std::chrono::milliseconds(50);
inline constexpr Duration kBusyRetryMax = std::chrono::milliseconds(400);
/// Head start of waiting players, from the placement: they dial, handshake and ask to play while
/// the encoder still waits for Publish.Start, and so see the stream from its first key frame
/// instead of its second.
inline constexpr Duration kPlayerHeadStart = std::chrono::milliseconds(250);
/// How long a publisher may send nothing at all.
inline constexpr Duration kPublisherIdleTimeout = std::chrono::seconds(30);
/// How long a dial waits for its turn at an origin that many want at once (routing/dial_gate.h).
inline constexpr Duration kDialQueuedMax = std::chrono::seconds(5);
/// Until a dial is tried again that this process had no descriptor or memory for.
inline constexpr Duration kResourcesRetry = std::chrono::milliseconds(200);
/// Time an origin has to confirm the end of a leg that the control plane closes.
inline constexpr Duration kOriginCloseTimeout = std::chrono::milliseconds(300);

// Player.
/// Pings to a player that waits for a publisher.
inline constexpr Duration kWaitPingInterval = std::chrono::seconds(30);
/// How long a player that found the waiting room full waits to hear that its stream runs.
inline constexpr Duration kSeatlessWait = std::chrono::seconds(1);
inline constexpr Duration kPlayRetryFirst = std::chrono::milliseconds(100);
inline constexpr Duration kPlayRetryMax = std::chrono::seconds(1);
/// How long a player's failing leg is retried at its origin before it is refused, from the first
/// failure; and how long an accepted one must have stayed for the next failure to be a first one.
inline constexpr Duration kPlayRetryTotal = std::chrono::seconds(15);
inline constexpr Duration kPlayAcceptedFor = std::chrono::seconds(1);
/// How often an origin with the stream may take a player only to close before any media: this many
/// times in a row is a refusal. Each one runs the origin's hooks.
inline constexpr int kPlayDropsMax = 2;

/// However short an answer asks it to be, a wait before the next acquire is at least this long.
inline constexpr Duration kAcquireRetryMin = std::chrono::milliseconds(20);

/// Bytes from an origin are told to the resolver at most this often.
inline constexpr Duration kNoteBytesInterval = std::chrono::seconds(1);
/// A reply that ends a session leaves before the connection closes.
static_assert(kOriginCloseTimeout < kBusyRetryTotal);
static_assert(kFirstByteTimeout <= kHandshakeTimeout);
static_assert(kEarlyBytesBesideActiveMax < kEarlyMediaBytesMax);
static_assert(kBusyRetryFirst < kBusyRetryMax && kPlayRetryFirst < kPlayRetryMax);

// Protocol constants of both legs.
inline constexpr std::uint32_t kWindowAckSize = 2'500'000;
/// What a client is told at connect. Not more than an origin is likely to use: a player is then
/// told the origin's, and nginx-rtmp as a player loses its place when the size shrinks with more
/// bytes behind it. nginx-rtmp's own default.
inline constexpr std::uint32_t kServerChunkSize = 4096;

}  // namespace weir::relay
