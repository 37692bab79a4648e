#pragma once
// ServerConversation: the forwarder as RTMP server towards one client.
//
// Purpose: ends the handshake, answers connect and the calls of NetConnection, and learns from each
// publish or play which stream is meant; there may be several on a connection. It never waits for
// anybody, so clients may pipeline.
// Threading: the session's worker. Lifetime: owned by the session; `context` and `sink` outlive it.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/random.h"
#include "dataplane/protocol/proxy/header_parser.h"
#include "dataplane/protocol/rtmp/command.h"
#include "dataplane/protocol/rtmp/handshake.h"
#include "dataplane/protocol/rtmp/message_assembler.h"
#include "dataplane/relay/client_facts.h"
#include "dataplane/relay/leg_writer.h"
#include "dataplane/relay/session_context.h"

namespace weir::relay {

struct ClientEvent {
  enum class Kind : std::uint8_t {
    kNone,           ///< more input is needed
    kClientAddress,  ///< a PROXY header has named the client: `address`
    kRequest,        ///< publish or play: `request`
    kStreamCommand,  ///< `command` is about a stream that was requested
    kBufferLength,   ///< `buffer` for a stream that may have been requested
    kFailed,         ///< the client must go; `reason` tells why
  };
  Kind kind = Kind::kNone;
  /// Views of the message; valid until the next call.
  std::optional<rtmp::Command> command;
  rtmp::MessageHeader header;
  StreamRequest request;
  rtmp::UserControl buffer;
  std::string address;  ///< `address:port`
  std::string reason;
};

class ServerConversation {
 public:
  ServerConversation(const SessionContext& context, MessageSink& sink);

  void start(MonotonicTime now);
  /// Consumes from `input` up to the next event.
  ClientEvent next(rtmp::Bytes& input, Random& random, MonotonicTime now);
  /// What next() returned has been used: silent clients must not make us keep it.
  void release_message() {
    if (assembler_) assembler_->release_message();
  }
  /// One message of the client that a splice has taken out of the media.
  ClientEvent handle(const rtmp::Message& message, MonotonicTime now);

  /// Deadline of the present phase; nullopt once identified.
  std::optional<MonotonicTime> deadline() const;
  /// What a passed deadline means, for the log.
  std::string_view deadline_reason() const;

  const ConnectFacts& connect() const { return connect_; }
  /// The client was given that message stream.
  bool created(std::uint32_t stream_id) const { return stream_id >= 1 && stream_id <= streams_; }
  /// Hands over the decoder of the client's chunks, for a splice; next() is over then.
  rtmp::MessageAssembler release_assembler();
  LegControl& control() { return control_; }

 private:
  enum class Phase : std::uint8_t {
    kFirstByte,   // connected and silent
    kHandshake,   // C0 has come, or the first byte of a PROXY header
    kConnect,     // waits for connect
    kIdentify,    // connected; waits for publish or play
    kIdentified,  // a stream was requested
  };
  /// A name that the client has announced and not yet requested.
  struct PreparedName {
    bool fc_publish;  // else releaseStream
    std::string name;
  };

  ClientEvent feed_opening(rtmp::Bytes& input, Random& random, MonotonicTime now);
  ClientEvent feed_proxy_header(rtmp::Bytes& input, Random& random, MonotonicTime now);
  ClientEvent feed_handshake(rtmp::Bytes& input, Random& random, MonotonicTime now);
  bool trusts_headers() const;
  ClientEvent on_command(const rtmp::Message& message, const rtmp::Command& command,
                         MonotonicTime now);
  ClientEvent on_connect(const rtmp::Command& command, MonotonicTime now);
  ClientEvent on_net_connection_call(const rtmp::Command& command);
  ClientEvent on_request(const rtmp::Message& message, const rtmp::Command& command);
  void prepare(bool fc_publish, std::string_view name);
  std::string take_prepared(bool fc_publish, std::string_view requested);
  ClientEvent fail(std::string reason) const;

  const SessionContext& context_;
  SessionIo& io_;
  MessageSink& sink_;
  std::unique_ptr<proxy::HeaderParser> proxy_header_;  // while it is read
  std::unique_ptr<rtmp::ServerHandshake> handshake_;
  std::unique_ptr<rtmp::MessageAssembler> assembler_;  // from the handshake to the splice
  LegControl control_;
  ConnectFacts connect_;
  std::vector<PreparedName> prepared_;
  MonotonicTime deadline_{};
  // The last SetBufferLength: players send it before or after play.
  rtmp::UserControl buffer_{.event = rtmp::UserEvent::kStreamBegin};
  std::uint32_t commands_ = 0;
  std::uint32_t bytes_ = 0;
  std::uint32_t streams_ = 0;
  Phase phase_ = Phase::kFirstByte;
};

}  // namespace weir::relay
