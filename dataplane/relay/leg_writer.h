#pragma once
// Writing whole messages to a leg, and the housekeeping that each leg does for itself:
// acknowledgements by the peer's window, answers to pings. Nothing of it ever crosses from one leg
// to the other. Threading: the session's worker. Lifetime: views of what the session owns.

#include <cstdint>
#include <vector>

#include "dataplane/protocol/rtmp/limits.h"
#include "dataplane/protocol/rtmp/message.h"
#include "dataplane/relay/relay_session.h"
#include "dataplane/relay/session_limits.h"

namespace weir::relay {

/// Where a conversation's own messages go: straight to a leg, or into the gaps of a splice.
class MessageSink {
 public:
  virtual ~MessageSink() = default;
  virtual void send(const rtmp::MessageHeader& header, rtmp::Bytes payload) = 0;

  void send(const rtmp::ControlMessage& message) { send(message.header, message.payload()); }
  void send_command(const std::vector<std::uint8_t>& payload, std::uint32_t stream_id = 0);
};

/// Straight to the leg, every message whole. Remembers the chunk size that it announced.
class LegWriter final : public MessageSink {
 public:
  using MessageSink::send;
  LegWriter(SessionIo& io, Leg leg) : io_(io), leg_(leg) {}
  void send(const rtmp::MessageHeader& header, rtmp::Bytes payload) override;
  std::uint32_t chunk_size() const { return chunk_size_; }
  /// A splice has told the peer another size.
  void set_chunk_size(std::uint32_t size) { chunk_size_ = size; }

 private:
  SessionIo& io_;
  Leg leg_;
  std::uint32_t chunk_size_ = rtmp::kChunkSizeDefault;
};

class LegControl {
 public:
  /// Counts what arrived on the connection and acknowledges it when the peer's window asks for it.
  void received(std::size_t bytes, MessageSink& sink);
  /// Types 1 to 6. Returns true when the message needs nobody else.
  bool handle(const rtmp::Message& message, MessageSink& sink);

 private:
  std::uint64_t received_ = 0;
  std::uint64_t acknowledged_ = 0;
  // Until the peer says otherwise. Encoders exist that stop when no acknowledgement comes.
  std::uint32_t window_ = kWindowAckSize;
};

}  // namespace weir::relay
