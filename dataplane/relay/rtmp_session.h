#pragma once
// RtmpSession: one RTMP client's use of the forwarder.
//
// Purpose: ends the client's handshake and commands, learns which stream it means, asks the
// RouteResolver for the origin, talks to that origin, then splices media.
// Threading: as RelaySession. Answers of the resolver are only recorded; they take effect in the
// on_timer() that they ask for with wake_at(MonotonicTime{}) ("at once"), so that every decision is
// made with the driver's `now`.
// Lifetime: `io`, `resolver`, `random` and `config` outlive it. Destroying it before finish() ends
// the session at the resolver, too.

#include <memory>
#include <optional>
#include <string_view>

#include "common/base/random.h"
#include "dataplane/relay/leg_writer.h"
#include "dataplane/relay/relay_session.h"
#include "dataplane/relay/server_conversation.h"
#include "dataplane/relay/session_config.h"
#include "dataplane/relay/session_context.h"
#include "dataplane/routing/route_resolver.h"

namespace weir::relay {

class StreamSession;

class RtmpSession final : public RelaySession, private MessageSink {
 public:
  RtmpSession(SessionIo& io, routing::RouteResolver& resolver, Random& random,
              const RtmpSessionConfig& config, SessionIdentity identity);
  ~RtmpSession() override;
  RtmpSession(const RtmpSession&) = delete;
  RtmpSession& operator=(const RtmpSession&) = delete;

  void on_start(MonotonicTime now) override;
  void on_bytes(Leg leg, MonotonicTime now, std::span<const std::uint8_t> bytes) override;
  void on_origin_connected(Leg leg, MonotonicTime now) override;
  void on_leg_closed(Leg leg, LegEnd end, MonotonicTime now) override;
  void on_timer(MonotonicTime now) override;
  void on_shutdown(MonotonicTime now) override;

 private:
  using MessageSink::send;
  /// To the client: into the gaps of a player's splice, else straight.
  void send(const rtmp::MessageHeader& header, rtmp::Bytes payload) override;
  void on_client_bytes(rtmp::Bytes bytes, MonotonicTime now);
  void identified(MonotonicTime now);
  /// Ends if the stream has ended; else asks for the next timer.
  void settle();
  void arm(std::optional<MonotonicTime> when);
  void finish(std::string_view reason);

  SessionContext context_;
  LegWriter client_writer_;
  ServerConversation client_;
  std::unique_ptr<StreamSession> stream_;  // once the client is identified
  std::optional<MonotonicTime> armed_;
  bool finished_ = false;
};

}  // namespace weir::relay
