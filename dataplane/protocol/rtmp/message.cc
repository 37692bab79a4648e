#include "dataplane/protocol/rtmp/message.h"

#include "common/bytes/byte_reader.h"
#include "common/bytes/byte_writer.h"
#include "dataplane/protocol/rtmp/limits.h"

namespace weir::rtmp {
namespace {

/// A control message whose payload `fill` writes.
template <class Fill>
ControlMessage control(MessageType type, Fill fill) {
  ControlMessage message;
  ByteWriter out(message.bytes);
  fill(out);
  message.header.type = type;
  message.header.chunk_stream = kControlChunkStream;
  message.header.length = static_cast<std::uint32_t>(out.size());
  return message;
}

ControlMessage control_value(MessageType type, std::uint32_t value) {
  return control(type, [value](ByteWriter& out) { out.u32(value); });
}

// Enhanced RTMP v1 and v2, "ExVideoTagHeader" and "ExAudioTagHeader".
constexpr std::uint8_t kVideoExHeader = 0x80;
constexpr std::uint8_t kFrameTypeKey = 1;
constexpr std::uint8_t kFrameTypeCommand = 5;
constexpr std::uint8_t kPacketSequenceStart = 0;
constexpr std::uint8_t kPacketCodedFrames = 1;
constexpr std::uint8_t kPacketCodedFramesX = 3;
constexpr std::uint8_t kPacketMultitrack = 6;
constexpr std::uint8_t kPacketModEx = 7;
constexpr std::uint8_t kAudioPacketMultitrack = 5;
constexpr std::uint8_t kAudioPacketModEx = 7;
constexpr std::uint8_t kCodecAvc = 7;
constexpr std::uint8_t kCodecHevc = 12;  // not standard, common in China
constexpr std::uint8_t kSoundAac = 10;
constexpr std::uint8_t kSoundExHeader = 9;

/// The packet type behind any ModEx prefixes and the multitrack byte, from what bytes there are.
std::uint8_t inner_packet_type(std::uint8_t type, ByteReader& in, std::uint8_t mod_ex,
                               std::uint8_t multitrack) {
  while (type == mod_ex && in.ok()) {
    std::size_t size = in.u8() + std::size_t{1};
    if (size == 256) size = in.u16() + std::size_t{1};
    in.skip(size);
    type = in.u8() & 0x0F;
  }
  if (type == multitrack && in.ok()) type = in.u8() & 0x0F;
  return in.ok() ? type : 0xFF;
}

MediaKind video_kind(Bytes bytes) {
  ByteReader in(bytes);
  const std::uint8_t first = in.u8();
  if (!in.ok()) return {};
  if ((first & kVideoExHeader) != 0) {
    const std::uint8_t frame = first >> 4 & 0x07;
    if (frame == kFrameTypeCommand) return {};
    const std::uint8_t type = inner_packet_type(first & 0x0F, in, kPacketModEx, kPacketMultitrack);
    if (type == kPacketSequenceStart) return {.sequence_header = true};
    const bool coded = type == kPacketCodedFrames || type == kPacketCodedFramesX;
    return {.key_frame = coded && frame == kFrameTypeKey};
  }
  const bool key = first >> 4 == kFrameTypeKey;
  const std::uint8_t codec = first & 0x0F;
  if (codec != kCodecAvc && codec != kCodecHevc) return {.key_frame = key};
  const std::uint8_t packet = in.u8();
  if (!in.ok()) return {};
  if (packet == 0) return {.sequence_header = true};
  return {.key_frame = key && packet == 1};
}

MediaKind audio_kind(Bytes bytes) {
  ByteReader in(bytes);
  const std::uint8_t first = in.u8();
  const std::uint8_t format = first >> 4;
  if (format == kSoundExHeader) {
    const std::uint8_t type =
        inner_packet_type(first & 0x0F, in, kAudioPacketModEx, kAudioPacketMultitrack);
    return {.sequence_header = type == kPacketSequenceStart};
  }
  const std::uint8_t packet = in.u8();
  return {.sequence_header = in.ok() && format == kSoundAac && packet == 0};
}

}  // namespace

ControlMessage set_chunk_size(std::uint32_t size) {
  return control_value(MessageType::kSetChunkSize, size & 0x7FFFFFFF);
}

ControlMessage abort_message(std::uint32_t chunk_stream) {
  return control_value(MessageType::kAbort, chunk_stream);
}

ControlMessage acknowledgement(std::uint32_t bytes_received) {
  return control_value(MessageType::kAcknowledgement, bytes_received);
}

ControlMessage window_ack_size(std::uint32_t bytes) {
  return control_value(MessageType::kWindowAckSize, bytes);
}

ControlMessage set_peer_bandwidth(std::uint32_t bytes, PeerBandwidthLimit limit) {
  return control(MessageType::kSetPeerBandwidth, [bytes, limit](ByteWriter& out) {
    out.u32(bytes);
    out.u8(static_cast<std::uint8_t>(limit));
  });
}

ControlMessage user_control(const UserControl& event) {
  return control(MessageType::kUserControl, [&event](ByteWriter& out) {
    out.u16(static_cast<std::uint16_t>(event.event));
    out.u32(event.value);
    if (event.event == UserEvent::kSetBufferLength) out.u32(event.buffer);
  });
}

std::optional<std::uint32_t> parse_control_value(Bytes payload) {
  ByteReader in(payload);
  const std::uint32_t value = in.u32();
  if (!in.ok()) return std::nullopt;
  return value;
}

std::optional<UserControl> parse_user_control(Bytes payload) {
  ByteReader in(payload);
  UserControl event;
  event.event = static_cast<UserEvent>(in.u16());
  if (!in.ok()) return std::nullopt;
  const bool known = event.names_stream() || event.event == UserEvent::kPingRequest ||
                     event.event == UserEvent::kPingResponse;
  if (!known && in.remaining() < 4) return event;
  event.value = in.u32();
  if (event.event == UserEvent::kSetBufferLength) event.buffer = in.u32();
  if (!in.ok()) return std::nullopt;
  return event;
}

MediaKind media_kind(MessageType type, Bytes first_bytes) {
  if (type == MessageType::kVideo) return video_kind(first_bytes);
  if (type == MessageType::kAudio) return audio_kind(first_bytes);
  return {};
}

}  // namespace weir::rtmp
