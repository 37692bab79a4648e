#pragma once
// RtmpSession: one RTMP client's connection to the forwarder.
//
// Purpose: ends the client's handshake and commands, learns which streams it means, and gives each
// of them (StreamSession) its origin leg and its part of the client's chunks. Most clients have one
// stream; docs/adr/0010 says what holds for several.
// Threading: as RelaySession. Answers of the resolver are only recorded; they take effect in the
// on_timer() that they ask for with wake_at(MonotonicTime{}) ("at once"), so that every decision is
// made with the driver's `now`.
// Lifetime: `io`, `resolver`, `random` and `config` outlive it. Destroying it before finish() ends
// the streams at the resolver, too.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/random.h"
#include "dataplane/relay/chunk_splice.h"
#include "dataplane/relay/leg_writer.h"
#include "dataplane/relay/relay_session.h"
#include "dataplane/relay/server_conversation.h"
#include "dataplane/relay/session_config.h"
#include "dataplane/relay/session_context.h"
#include "dataplane/routing/route_resolver.h"

namespace weir::relay {

class StreamSession;

class RtmpSession final : public RelaySession, private MessageSink, private SpliceHandler {
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

  // The client's splice, from the first publish on. Outputs have the numbers of streams.
  void send_view(OutputIndex output, rtmp::Bytes bytes) override;
  void send_copy(OutputIndex output, rtmp::Bytes bytes) override;
  SpliceChoice on_message(const rtmp::MessageHeader& header) override;
  void on_collected(const rtmp::Message& message) override;
  void on_passed(OutputIndex, const rtmp::MessageHeader&, rtmp::Bytes) override {}

  void on_client_bytes(rtmp::Bytes bytes);
  void on_client_event(ClientEvent event);
  void on_request(StreamRequest request);
  std::string_view objection(const StreamRequest& request) const;
  void fail_alone(std::string reason);
  void open_stream(StreamRequest request, StreamKey key);
  void start_streams();
  void on_stream_command(const rtmp::Command& command, std::uint32_t stream_id);
  StreamSession* command_target(const rtmp::Command& command, std::uint32_t stream_id) const;
  StreamSession* stream_of(Leg leg) const;
  std::size_t live_streams() const;
  /// Streams that are over go, or take the connection with them; else asks for the next timer.
  void settle();
  void remove_stream(std::size_t index);
  std::size_t early_bytes() const;
  WhileKept while_kept() const;
  /// What waits for its origin must neither stop the streams that run nor grow on their account.
  void bound_kept();
  /// Tells the driver what is kept for origins that have not accepted, when it has changed.
  void tell_kept();
  std::optional<MonotonicTime> deadline() const;
  void arm(std::optional<MonotonicTime> when);
  void leave_all(const std::string& reason);
  /// Ends what still runs, then the connection.
  void finish(std::string reason);

  SessionContext context_;
  LegWriter client_writer_;
  ServerConversation client_;
  std::unique_ptr<ChunkSplice> splice_;
  std::vector<std::unique_ptr<StreamSession>> streams_;  // by number of the leg; gaps are empty
  std::unique_ptr<std::string> failure_;  // the connection must end when the client's input is done
  MonotonicTime now_{};                   // of the present call
  MonotonicTime armed_ = MonotonicTime::max();
  MonotonicTime idle_until_ = MonotonicTime::max();  // for a request, once no stream is left
  std::size_t kept_ = 0;                             // what the driver was told of it
  WhileKept while_kept_ = WhileKept::kStopReading;   // likewise
  std::uint32_t requests_ = 0;                       // publish and play so far
  std::uint8_t to_start_ = 0;                        // streams begun in this input, by bit
  bool identified_ = false;
  bool finished_ = false;
};

}  // namespace weir::relay
