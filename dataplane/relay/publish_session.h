#pragma once
// PublishSession: an encoder's stream on its way to the origin that the control plane names.
//
// The encoder is held until an origin has accepted: placement, dials and the origin's own answer
// happen while it waits, and Publish.Start is the origin's. From the first `publish` on the
// client's chunks run through a splice, which has an output for each stream; what arrives before
// the origin accepted (encoders that do not wait) is kept, bounded.
//
// Threading: the worker's thread. Lifetime: as StreamSession.

#include <optional>
#include <string>
#include <vector>

#include "dataplane/relay/chunk_splice.h"
#include "dataplane/relay/stream_session.h"

namespace weir::relay {

class PublishSession final : public StreamSession {
 public:
  /// `splice` is the client's, `relay` its handler; both outlive the stream.
  PublishSession(const SessionContext& context, MessageSink& client_sink, ChunkSplice& splice,
                 SpliceHandler& relay, StreamFacts facts, StreamKey stream);
  ~PublishSession() override;

  /// Before start(): another stream of this connection has just published the same name there, and
  /// the origin may not have noticed its end.
  void follow(const IncarnationId& published_to) { published_to_ = published_to; }
  void start(MonotonicTime now) override;
  void on_origin_bytes(rtmp::Bytes bytes, MonotonicTime now) override;
  void on_timer(MonotonicTime now) override;
  std::optional<MonotonicTime> deadline() const override;
  void leave(std::string reason) override;
  void finish_ending() override;
  void on_client_command(const rtmp::Command& command, MonotonicTime now) override;
  SpliceAction on_client_message() override;
  void relay_view(rtmp::Bytes bytes) override;
  void relay_copy(rtmp::Bytes bytes) override;
  std::size_t early_bytes() const override { return early_.size(); }
  void refuse_early() override;
  void after_client_input(MonotonicTime now) override;
  bool ending() const override { return state_ == State::kEnding || end_after_input_; }
  routing::SessionActivity activity() const override;

 private:
  enum class State : std::uint8_t {
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
  void begin_ending(std::string reason, EndTold told, MonotonicTime now);
  bool origin_listens() const;
  void keep_early(rtmp::Bytes bytes);
  void rename_early(std::uint32_t stream_id);
  bool between_chunks() const { return splice_.between_chunks(facts_.index); }

  ChunkSplice& splice_;
  SpliceHandler& relay_;
  std::unique_ptr<OriginGaps> gaps_;
  MonotonicTime hold_until_{};
  MonotonicTime next_ping_{};
  std::optional<MonotonicTime> retry_at_;
  std::unique_ptr<routing::AcquireAnswer> answer_;
  std::unique_ptr<routing::AcquireRequest::Failed> failed_;
  // An origin may be busy with the leg that ours replaces, until then.
  std::optional<MonotonicTime> busy_until_;
  Duration busy_backoff_{};
  std::unique_ptr<routing::Route> again_;  // to be dialled at retry_at_, without a new acquire
  // Waiting players attach until then; Publish.Start is kept back.
  std::optional<MonotonicTime> players_until_;
  std::unique_ptr<HeldStart> held_start_;
  // This session has sent publish there before.
  IncarnationId published_to_;
  std::optional<Epoch> epoch_;
  std::unique_ptr<routing::Route> newest_;  // of the stream, whoever holds it
  std::vector<std::uint8_t> early_;         // from the publish on, in that chunk size at first
  std::uint32_t early_chunk_size_;
  std::string ending_reason_;
  MonotonicTime ending_until_{};
  MonotonicTime last_client_bytes_{};
  std::optional<MonotonicTime> last_media_;
  std::uint64_t media_seen_ = 0;
  State state_ = State::kAcquiring;
  EndTold ending_told_ = EndTold::kByCloseOnly;
  bool early_media_ = false;
  bool early_overflow_ = false;
  bool end_after_input_ = false;  // the client ends its stream
};

}  // namespace weir::relay
