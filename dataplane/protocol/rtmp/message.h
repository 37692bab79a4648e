#pragma once
// RTMP messages: types, the header that every layer shares, protocol control messages
// (RTMP 5.4, 7.1).
//
// Threading: values and pure functions. Lifetime: Message is a view of its payload.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace weir::rtmp {

using Bytes = std::span<const std::uint8_t>;

enum class MessageType : std::uint8_t {
  kSetChunkSize = 1,
  kAbort = 2,
  kAcknowledgement = 3,
  kUserControl = 4,
  kWindowAckSize = 5,
  kSetPeerBandwidth = 6,
  kAudio = 8,
  kVideo = 9,
  kDataAmf3 = 15,
  kSharedObjectAmf3 = 16,
  kCommandAmf3 = 17,
  kDataAmf0 = 18,
  kSharedObjectAmf0 = 19,
  kCommandAmf0 = 20,
  kAggregate = 22,
};

inline constexpr bool is_command(MessageType type) {
  return type == MessageType::kCommandAmf0 || type == MessageType::kCommandAmf3;
}
inline constexpr bool is_data(MessageType type) {
  return type == MessageType::kDataAmf0 || type == MessageType::kDataAmf3;
}
inline constexpr bool is_media(MessageType type) {
  return type == MessageType::kAudio || type == MessageType::kVideo ||
         type == MessageType::kAggregate;
}
/// Types 1 to 6: about this connection only.
inline constexpr bool is_protocol_control(MessageType type) {
  return type >= MessageType::kSetChunkSize && type <= MessageType::kSetPeerBandwidth;
}

/// Chunk streams that we use for our own messages.
inline constexpr std::uint32_t kControlChunkStream = 2;  ///< fixed by RTMP 5.4
inline constexpr std::uint32_t kCommandChunkStream = 3;
inline constexpr std::uint32_t kStatusChunkStream = 5;
/// For what we insert into a running stream: no client is known to use it, and nginx-rtmp accepts
/// it (its default limit is 32).
inline constexpr std::uint32_t kPrivateChunkStream = 29;

struct MessageHeader {
  MessageType type = MessageType::kCommandAmf0;
  std::uint32_t timestamp = 0;  ///< milliseconds, absolute, modulo 2^32
  std::uint32_t length = 0;     ///< payload bytes
  std::uint32_t stream_id = 0;  ///< message stream id
  std::uint32_t chunk_stream = 0;

  bool operator==(const MessageHeader&) const = default;
};

struct Message {
  MessageHeader header;
  Bytes payload;
};

/// User control events (RTMP 7.1.7).
enum class UserEvent : std::uint16_t {
  kStreamBegin = 0,
  kStreamEof = 1,
  kStreamDry = 2,
  kSetBufferLength = 3,
  kStreamIsRecorded = 4,
  kPingRequest = 6,
  kPingResponse = 7,
};

struct UserControl {
  UserEvent event = UserEvent::kStreamBegin;
  std::uint32_t value = 0;   ///< message stream id, or the timestamp of a ping
  std::uint32_t buffer = 0;  ///< milliseconds; SetBufferLength only

  /// The value is a message stream id, to be translated between legs.
  bool names_stream() const { return event <= UserEvent::kStreamIsRecorded; }
};

enum class PeerBandwidthLimit : std::uint8_t { kHard = 0, kSoft = 1, kDynamic = 2 };

/// A complete small message: header on chunk stream 2, message stream 0, time 0.
struct ControlMessage {
  MessageHeader header;
  std::array<std::uint8_t, 10> bytes{};

  Bytes payload() const { return Bytes(bytes).first(header.length); }
  Message message() const { return {header, payload()}; }
};

ControlMessage set_chunk_size(std::uint32_t size);
ControlMessage abort_message(std::uint32_t chunk_stream);
ControlMessage acknowledgement(std::uint32_t bytes_received);
ControlMessage window_ack_size(std::uint32_t bytes);
ControlMessage set_peer_bandwidth(std::uint32_t bytes, PeerBandwidthLimit limit);
ControlMessage user_control(const UserControl& event);

/// The 32-bit value that types 1, 2, 3, 5 and 6 start with; nullopt when the payload is too short.
std::optional<std::uint32_t> parse_control_value(Bytes payload);
/// nullopt when too short for its event. Unknown events are returned with what value they have.
std::optional<UserControl> parse_user_control(Bytes payload);

/// What a media payload starts with, from its first bytes (kFirstBytes suffice).
struct MediaKind {
  bool key_frame = false;        ///< video only; never set for a sequence header
  bool sequence_header = false;  ///< legacy AVC/HEVC/AAC or Enhanced RTMP sequence start
};
MediaKind media_kind(MessageType type, Bytes first_bytes);

}  // namespace weir::rtmp
