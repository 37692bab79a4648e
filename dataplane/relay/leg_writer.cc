#include "dataplane/relay/leg_writer.h"

#include <algorithm>

#include "dataplane/protocol/rtmp/chunk_writer.h"

namespace weir::relay {

using rtmp::MessageType;

void MessageSink::send_command(const std::vector<std::uint8_t>& payload, std::uint32_t stream_id) {
  send({.type = MessageType::kCommandAmf0,
        .length = static_cast<std::uint32_t>(payload.size()),
        .stream_id = stream_id,
        .chunk_stream = stream_id == 0 ? rtmp::kCommandChunkStream : rtmp::kStatusChunkStream},
       payload);
}

void LegWriter::send(const rtmp::MessageHeader& header, rtmp::Bytes payload) {
  std::vector<std::uint8_t> bytes;
  rtmp::write_message(bytes, header, payload, chunk_size_);
  io_.send_copy(leg_, bytes);
  if (header.type == MessageType::kSetChunkSize)
    chunk_size_ = rtmp::parse_control_value(payload).value_or(chunk_size_);
}

void LegControl::received(std::size_t bytes, MessageSink& sink) {
  received_ += bytes;
  // Half the window, as SRS does: the peer must never reach its end while the answer is under way.
  if (received_ - acknowledged_ < std::max<std::uint32_t>(window_ / 2, 1)) return;
  acknowledged_ = received_;
  sink.send(rtmp::acknowledgement(static_cast<std::uint32_t>(received_)));
}

bool LegControl::handle(const rtmp::Message& message, MessageSink& sink) {
  switch (message.header.type) {
    case MessageType::kSetChunkSize:  // the decoder has applied these two
    case MessageType::kAbort:
    case MessageType::kAcknowledgement:
    case MessageType::kSetPeerBandwidth:
      return true;
    case MessageType::kWindowAckSize:
      if (const auto window = rtmp::parse_control_value(message.payload); window && *window > 0)
        window_ = *window;
      return true;
    case MessageType::kUserControl: {
      const auto event = rtmp::parse_user_control(message.payload);
      if (!event) return true;
      if (event->event == rtmp::UserEvent::kPingRequest)
        sink.send(
            rtmp::user_control({.event = rtmp::UserEvent::kPingResponse, .value = event->value}));
      return event->event == rtmp::UserEvent::kPingRequest ||
             event->event == rtmp::UserEvent::kPingResponse;
    }
    default:
      return false;
  }
}

}  // namespace weir::relay
