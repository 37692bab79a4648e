#pragma once
// ClientConversation: the forwarder as RTMP client towards one origin, for one attempt.
//
// Purpose: dials the endpoints of a route, shakes hands, repeats what the client has said (connect
// with its own bytes, releaseStream and FCPublish if it sent them, createStream, publish or play)
// and tells what the origin makes of it. Whether and where to try again is decided by its owner.
// Each stream of a client has an origin leg of its own.
// Threading: the session's worker. Lifetime: owned by a publish or play session; a new one per
// attempt. `stream` outlives it.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/random.h"
#include "dataplane/protocol/rtmp/command.h"
#include "dataplane/protocol/rtmp/handshake.h"
#include "dataplane/protocol/rtmp/message_assembler.h"
#include "dataplane/relay/client_facts.h"
#include "dataplane/relay/leg_writer.h"
#include "dataplane/relay/session_context.h"
#include "dataplane/routing/dial_gate.h"
#include "dataplane/routing/route.h"

namespace weir::relay {

struct OriginEvent {
  enum class Kind {
    kNone,      ///< more input is needed
    kFailed,    ///< no origin there, one that died before publish or play was sent, or a mute one:
                ///< `outcome`; kAnswered = nothing speaks against it as such
    kHindered,  ///< not dialled for want of resources here: nothing is known of the origin
    kRefused,   ///< it answered and does not want this client: `code` (may be empty), `text`
    kSent,      ///< publish or play is on its way, and the origin has numbered the stream
    kMessage,   ///< `message`, behind kSent: for the owner
    kLost,      ///< the leg ended after publish or play was sent
  };
  Kind kind = Kind::kNone;
  routing::ContactOutcome outcome = routing::ContactOutcome::kAnswered;
  std::string code;
  std::string text;
  rtmp::Message message;
};

class ClientConversation {
 public:
  /// `chunk_size`: what the media that will follow is cut into; 0 = nothing follows (players).
  ClientConversation(const SessionContext& context, routing::Route route, const StreamFacts& stream,
                     std::uint32_t chunk_size);

  /// At once, or when it is its turn at that origin.
  void dial(MonotonicTime now);
  OriginEvent on_connected(MonotonicTime now);
  OriginEvent on_closed(LegEnd end, MonotonicTime now);
  OriginEvent on_timer(MonotonicTime now);
  /// Consumes from `input` up to the next event.
  OriginEvent next(rtmp::Bytes& input, MonotonicTime now);
  /// One message of the origin, from next() or from a splice that has taken over its decoder.
  OriginEvent handle(const rtmp::Message& message, MonotonicTime now);
  /// The origin has answered publish or play: the answer's deadline is over.
  void accepted() { deadline_.reset(); }
  /// It is not dialled again, whatever happens: what only a dial needs is given back.
  void settled() { decltype(route_.rtmp_endpoints)().swap(route_.rtmp_endpoints); }
  std::optional<MonotonicTime> deadline() const;

  /// FCUnpublish, once, and only if FCPublish was sent.
  void send_fc_unpublish();
  /// The orderly end of the stream: FCUnpublish and deleteStream.
  void send_farewell();
  /// Ends the leg if it is there; nothing more is reported.
  void close(CloseMode mode);

  Leg leg() const { return origin_leg(stream_.index); }
  const routing::Route& route() const { return route_; }
  void adopt(const routing::Route& route);
  std::uint32_t stream_id() const { return stream_id_; }
  /// publish or play has been written. To an SRS that is before its answers to what comes first.
  bool request_sent() const { return request_sent_; }
  LegWriter& writer() { return writer_; }
  MessageSink& sink() { return *sink_; }
  LegControl& control() { return control_; }
  /// Where this conversation's own messages go; a splice to the origin puts itself here.
  void set_sink(MessageSink* sink) { sink_ = sink; }
  /// Hands over the decoder of the origin's chunks, for a splice; next() is over then.
  rtmp::MessageAssembler release_assembler();

 private:
  enum class Phase {
    kQueued,      // other dials of that origin come first
    kDialing,     // TCP
    kHandshake,   // C0C1 sent
    kConnecting,  // connect sent
    kCreating,    // createStream sent
    kStarted,     // publish or play sent, the stream's number known
    kOver,        // closed or failed
  };

  void begin_dial(MonotonicTime now);
  void drop_leg(CloseMode mode);
  OriginEvent dial_failed(routing::ContactOutcome outcome, MonotonicTime now);
  OriginEvent refused(std::string code, std::string text);
  OriginEvent on_answer(const rtmp::Command& command, MonotonicTime now);
  /// The origin reads one message after the other, however early they come.
  bool takes_flights() const { return route_.origin_kind == routing::OriginKind::kSrs; }
  void send_connect();
  void send_create_stream();
  void send_request();
  std::string tag() const;

  const SessionContext& context_;
  routing::Route route_;
  const StreamFacts& stream_;
  std::uint32_t chunk_size_;
  LegWriter writer_;
  MessageSink* sink_;
  LegControl control_;
  rtmp::ClientHandshake handshake_;
  std::unique_ptr<rtmp::MessageAssembler> assembler_;
  Phase phase_ = Phase::kQueued;
  routing::DialGate::Pass pass_;
  std::size_t endpoint_ = 0;
  std::vector<std::uint8_t> opening_;  // in front of C0, of the endpoint that is dialled
  MonotonicTime dial_began_{};
  std::optional<MonotonicTime> deadline_;
  std::uint32_t stream_id_ = 1;
  bool request_sent_ = false;
  bool fc_published_ = false;
  bool open_ = false;   // the driver has a leg of ours
  bool heard_ = false;  // the endpoint that is dialled has sent something
};

}  // namespace weir::relay
