#pragma once
// ServerConversation: the forwarder as RTMP server towards one client, up to and beyond
// identification.
//
// Purpose: ends the handshake, answers connect and the calls of NetConnection, and learns from
// publish or play which stream is meant. It never waits for anybody, so clients may pipeline.
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
  enum class Kind {
    kNone,           ///< more input is needed
    kClientAddress,  ///< a PROXY header has named the client: `address`
    kIdentified,     ///< facts().request is complete
    kStreamCommand,  ///< after identification: `command` is about the stream
    kBufferLength,   ///< after identification: facts().buffer_ms has changed
    kFailed,         ///< the client must go; `reason` tells why
  };
  Kind kind = Kind::kNone;
  /// Views of the message; valid until the next call.
  std::optional<rtmp::Command> command;
  rtmp::MessageHeader header;
  std::string address;  ///< `address:port`
  std::string reason;
};

class ServerConversation {
 public:
  ServerConversation(const SessionContext& context, MessageSink& sink);

  void start(MonotonicTime now);
  /// Consumes from `input` up to the next event.
  ClientEvent next(rtmp::Bytes& input, Random& random, MonotonicTime now);
  /// One message of the client that a splice has taken out of the media.
  ClientEvent handle(const rtmp::Message& message, MonotonicTime now);

  /// Deadline of the present phase; nullopt once identified.
  std::optional<MonotonicTime> deadline() const;
  /// What a passed deadline means, for the log.
  std::string_view deadline_reason() const;

  bool identified() const { return phase_ == Phase::kIdentified; }
  const ClientFacts& facts() const { return facts_; }
  /// The origin has accepted: what connect held is not needed again.
  void forget_connect() { std::vector<std::uint8_t>().swap(facts_.connect_arguments); }
  /// Hands over the decoder of the client's chunks, for a splice.
  rtmp::MessageAssembler release_assembler() { return std::move(*assembler_); }
  std::uint32_t client_chunk_size() const { return assembler_->chunk_size(); }
  LegControl& control() { return control_; }

 private:
  enum class Phase {
    kFirstByte,   // connected and silent
    kHandshake,   // C0 has come, or the first byte of a PROXY header
    kConnect,     // waits for connect
    kIdentify,    // connected; waits for publish or play
    kIdentified,  // the stream is known
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
  ClientEvent fail(std::string reason) const;

  const SessionContext& context_;
  SessionIo& io_;
  MessageSink& sink_;
  std::unique_ptr<proxy::HeaderParser> proxy_header_;  // while it is read
  std::unique_ptr<rtmp::ServerHandshake> handshake_;
  std::optional<rtmp::MessageAssembler> assembler_;
  LegControl control_;
  ClientFacts facts_;
  // Names of releaseStream and FCPublish up to the request, which one of them belongs to.
  std::vector<std::string> released_;
  std::vector<std::string> fc_published_;
  Phase phase_ = Phase::kFirstByte;
  MonotonicTime deadline_{};
  std::size_t commands_ = 0;
  std::size_t bytes_ = 0;
  std::uint32_t streams_ = 0;
};

}  // namespace weir::relay
