#pragma once
// MediaScript: numbered media messages, the same again for the same seed.
//
// Purpose: two ends that never met can tell whether anything was lost, changed or reordered: video
// payloads carry a number, and a running digest covers type, time and payload of every message.
// Threading: one object per thread. Lifetime: self-contained.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/random.h"
#include "dataplane/protocol/rtmp/message.h"

namespace weir::tests {

/// FNV-1a over type, timestamp, length and payload of each message in order (64 bit).
class MessageDigest {
 public:
  void add(const rtmp::MessageHeader& header, rtmp::Bytes payload);
  std::uint64_t messages() const { return messages_; }
  std::uint64_t bytes() const { return bytes_; }
  std::string text() const;

 private:
  void mix(std::uint8_t byte) { hash_ = (hash_ ^ byte) * 0x100000001b3ULL; }

  std::uint64_t hash_ = 0xcbf29ce484222325ULL;
  std::uint64_t messages_ = 0;
  std::uint64_t bytes_ = 0;
};

struct ScriptedMessage {
  rtmp::MessageHeader header;
  std::vector<std::uint8_t> payload;
};

/// @setDataFrame onMetaData for a publisher, onMetaData for a server that serves players.
ScriptedMessage metadata_message(std::uint32_t stream_id, bool set_data_frame);
/// A valid AVC sequence header (baseline, 320x240).
ScriptedMessage avc_sequence_header(std::uint32_t stream_id);
/// One AVC frame (NALU packet) of `bytes` in all, at least 16; `number` is in the payload.
ScriptedMessage video_frame(std::uint32_t stream_id, std::uint32_t timestamp, std::uint64_t number,
                            std::size_t bytes, bool key_frame);
/// The number in a payload of video_frame(); nullopt for anything else.
std::optional<std::uint64_t> frame_number(const rtmp::Message& message);

/// Messages of many kinds, sizes, chunk streams and steps of time, for exactness checks. The media
/// chunk streams include ids of two and three bytes.
class MixedScript {
 public:
  MixedScript(std::uint64_t seed, std::uint32_t stream_id, std::uint32_t first_timestamp);
  ScriptedMessage next();

 private:
  SeededRandom random_;
  std::uint32_t stream_id_;
  std::uint32_t timestamp_;
  std::uint64_t number_ = 0;
};

}  // namespace weir::tests
