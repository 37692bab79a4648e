#pragma once
// PublishSession: an encoder's stream on its way to the origin that the control plane names.
//
// The encoder is held until an origin has accepted: placement, dials and the origin's own answer
// happen while it waits, and Publish.Start is the origin's. From `publish` on the client's chunks
// run through a splice; what arrives before the origin accepted (encoders that do not wait) is kept
// in it, bounded.
//
// Threading: the worker's thread. Lifetime: as StreamSession.

#include <optional>
#include <string>
#include <vector>

#include "dataplane/relay/chunk_splice.h"
#include "dataplane/relay/stream_session.h"

namespace weir::relay {

class PublishSession final : public StreamSession, private SpliceHandler {
 public:
  PublishSession(const SessionContext& context, ServerConversation& client,
                 MessageSink& client_sink, StreamKey stream);
  ~PublishSession() override;

  void start(MonotonicTime now) override;
  void on_client_bytes(rtmp::Bytes bytes, MonotonicTime now) override;
  void on_origin_bytes(rtmp::Bytes bytes, MonotonicTime now) override;
  void on_timer(MonotonicTime now) override;
  std::optional<MonotonicTime> deadline() const override;
  void leave(std::string reason) override;
  routing::SessionActivity activity() const override;

 private:
  enum class State {
    kAcquiring,  // an acquire is open
    kWaiting,    // until retry_at_: then acquire, or dial the busy origin again
    kTrying,     // a leg is being opened; the origin has not accepted
    kActive,     // the origin has accepted; media flows
    kEnding,     // the origin was told the end and has a moment to confirm it
  };
  /// Publish.Start of the origin while waiting players attach.
  struct HeldStart {
    rtmp::MessageHeader header;
    std::vector<std::uint8_t> payload;
  };
  /// The gaps of the splice as a sink for the origin leg.
  class OriginGaps;

  void send_view(OutputIndex, rtmp::Bytes bytes) override;
  void send_copy(OutputIndex, rtmp::Bytes bytes) override;
  SpliceChoice on_message(const rtmp::MessageHeader& header) override;
  void on_collected(const rtmp::Message& message) override;
  void on_passed(OutputIndex, const rtmp::MessageHeader& header, rtmp::Bytes first_bytes) override;

  void acquire();
  void take_answer(MonotonicTime now);
  void take_update();
  void on_acquired(routing::Acquired acquired, MonotonicTime now);
  void on_origin_event(const OriginEvent& event, MonotonicTime now) override;
  void on_origin_message(const rtmp::Message& message, MonotonicTime now);
  void on_accepted(const rtmp::Message& status, MonotonicTime now);
  void on_refused(std::string code, std::string text, MonotonicTime now);
  void fail_origin(routing::ContactOutcome outcome);
  void dial_again_at(MonotonicTime when);
  void on_stream_command(const rtmp::Command& command, const rtmp::MessageHeader& header);
  void begin_ending(std::string reason, MonotonicTime now);
  bool origin_listens() const;
  void keep_early(rtmp::Bytes bytes);

  ChunkSplice splice_;
  std::unique_ptr<OriginGaps> gaps_;
  State state_ = State::kAcquiring;
  MonotonicTime now_{};  // of the present call, for the splice's callbacks
  MonotonicTime hold_until_{};
  MonotonicTime next_ping_{};
  std::optional<MonotonicTime> retry_at_;
  std::optional<routing::AcquireAnswer> answer_;
  std::optional<routing::AcquireRequest::Failed> failed_;
  // An origin may be busy with the leg that ours replaces, until then.
  std::optional<MonotonicTime> busy_until_;
  Duration busy_backoff_{};
  std::optional<routing::Route> again_;  // to be dialled at retry_at_, without a new acquire
  // Waiting players attach until then; Publish.Start is kept back.
  std::optional<MonotonicTime> players_until_;
  std::optional<HeldStart> held_start_;
  // This session has sent publish there before.
  IncarnationId published_to_;
  std::optional<Epoch> epoch_;
  std::optional<routing::Route> newest_;  // of the stream, whoever holds it
  std::vector<std::uint8_t> early_;
  bool early_media_ = false;
  bool early_overflow_ = false;
  std::optional<std::string> end_after_feed_;  // the client ends its stream
  std::string ending_reason_;
  MonotonicTime ending_until_{};
  MonotonicTime last_client_bytes_{};
  std::optional<MonotonicTime> last_media_;
};

}  // namespace weir::relay
