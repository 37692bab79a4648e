#include "tests/support/rtmp/media_script.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/format.h>

#include "dataplane/protocol/amf/writer.h"

namespace weir::tests {
namespace {

constexpr std::size_t kNumberAt = 9;  // behind the AVC packet header and the length of one NAL unit
constexpr std::array<std::uint8_t, 4> kMark = {'W', 'e', 'i', 'r'};
constexpr std::size_t kFrameBytesMin = kNumberAt + kMark.size() + 8;

}  // namespace

void MessageDigest::add(const rtmp::MessageHeader& header, rtmp::Bytes payload) {
  mix(static_cast<std::uint8_t>(header.type));
  for (int shift = 0; shift < 32; shift += 8) {
    mix(static_cast<std::uint8_t>(header.timestamp >> shift));
    mix(static_cast<std::uint8_t>(payload.size() >> shift));
  }
  for (const std::uint8_t byte : payload) mix(byte);
  ++messages_;
  bytes_ += payload.size();
}

std::string MessageDigest::text() const {
  return fmt::format("{:016x}", hash_);
}

ScriptedMessage metadata_message(std::uint32_t stream_id, bool set_data_frame) {
  ScriptedMessage message;
  amf::Writer writer(message.payload);
  if (set_data_frame) writer.string("@setDataFrame");
  writer.string("onMetaData").begin_ecma_array(3);
  writer.key("width").number(320).key("height").number(240).key("videocodecid").number(7);
  writer.end_object();
  message.header = {rtmp::MessageType::kDataAmf0, 0,
                    static_cast<std::uint32_t>(message.payload.size()), stream_id, 4};
  return message;
}

ScriptedMessage avc_sequence_header(std::uint32_t stream_id) {
  ScriptedMessage message;
  message.payload = {0x17, 0x00, 0x00, 0x00, 0x00,                    // AVC, sequence header
                     0x01, 0x42, 0xC0, 0x0D, 0xFF, 0xE1, 0x00, 0x09,  // one SPS of 9 bytes
                     0x67, 0x42, 0xC0, 0x0D, 0xDA, 0x05, 0x07, 0xE8,
                     0x40, 0x01, 0x00, 0x04, 0x68, 0xCE, 0x3C, 0x80};  // one PPS
  message.header = {rtmp::MessageType::kVideo, 0,
                    static_cast<std::uint32_t>(message.payload.size()), stream_id, 6};
  return message;
}

ScriptedMessage video_frame(std::uint32_t stream_id, std::uint32_t timestamp, std::uint64_t number,
                            std::size_t bytes, bool key_frame) {
  ScriptedMessage message;
  const std::size_t size = std::max(bytes, kFrameBytesMin);
  message.payload.assign(size, static_cast<std::uint8_t>(number));
  std::uint8_t* p = message.payload.data();
  p[0] = key_frame ? 0x17 : 0x27;
  p[1] = 0x01;
  p[2] = p[3] = p[4] = 0;
  const std::size_t nal = size - 9;
  for (int i = 0; i < 4; ++i) p[5 + i] = static_cast<std::uint8_t>(nal >> (24 - 8 * i));
  std::memcpy(p + kNumberAt, kMark.data(), kMark.size());
  for (int i = 0; i < 8; ++i)
    p[kNumberAt + kMark.size() + static_cast<std::size_t>(i)] =
        static_cast<std::uint8_t>(number >> (56 - 8 * i));
  message.header = {rtmp::MessageType::kVideo, timestamp, static_cast<std::uint32_t>(size),
                    stream_id, 6};
  return message;
}

std::optional<std::uint64_t> frame_number(const rtmp::Message& message) {
  if (message.header.type != rtmp::MessageType::kVideo || message.payload.size() < kFrameBytesMin ||
      message.payload[1] != 0x01 ||
      std::memcmp(message.payload.data() + kNumberAt, kMark.data(), kMark.size()) != 0)
    return std::nullopt;
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < 8; ++i)
    number = number << 8 | message.payload[kNumberAt + kMark.size() + i];
  return number;
}

MixedScript::MixedScript(std::uint64_t seed, std::uint32_t stream_id, std::uint32_t first_timestamp)
    : random_(seed), stream_id_(stream_id), timestamp_(first_timestamp) {}

ScriptedMessage MixedScript::next() {
  static constexpr std::array<std::uint32_t, 6> kChunkStreams = {4, 6, 7, 63, 200, 1000};
  timestamp_ += static_cast<std::uint32_t>(random_.below(60));
  const std::size_t bytes = random_.below(8) == 0 ? random_.below(60000) : random_.below(1500);
  ScriptedMessage message = video_frame(stream_id_, timestamp_, number_, bytes, number_ % 50 == 0);
  ++number_;
  const std::uint64_t kind = random_.below(4);
  if (kind == 0) {
    message.header.type = rtmp::MessageType::kAudio;
    message.payload[0] = 0xAF;
  }
  for (std::size_t i = kFrameBytesMin; i < message.payload.size(); ++i)
    message.payload[i] = static_cast<std::uint8_t>(random_.next());
  message.header.chunk_stream = kChunkStreams[random_.below(kChunkStreams.size())];
  return message;
}

}  // namespace weir::tests
