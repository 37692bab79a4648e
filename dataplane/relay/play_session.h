#pragma once
// PlaySession: a player's stream from the origin that owns it.
//
// A player of a stream that nobody publishes waits; a failing dial is repeated at the same origin,
// never at another; when the owner changes before any media came, the new owner is dialled at once,
// and afterwards the player is told the end. From `play` on the origin's chunks run through a
// splice; what comes before the first media is looked at whole, so that the player hears each of
// StreamBegin, Play.Reset, Play.Start and |RtmpSampleAccess exactly once, however many origins it
// took. When the player ends its stream, messages that are half relayed are completed, so that the
// connection can carry another one.
//
// Threading: the worker's thread. Lifetime: as StreamSession.

#include <optional>
#include <string>

#include "dataplane/admission/waiting_room.h"
#include "dataplane/relay/chunk_splice.h"
#include "dataplane/relay/stream_session.h"

namespace weir::relay {

class PlaySession final : public StreamSession, private SpliceHandler {
 public:
  PlaySession(const SessionContext& context, MessageSink& client_sink, LegWriter& client_writer,
              StreamFacts facts, StreamKey stream);
  ~PlaySession() override;

  void start(MonotonicTime now) override;
  void on_origin_bytes(rtmp::Bytes bytes, MonotonicTime now) override;
  void on_timer(MonotonicTime now) override;
  std::optional<MonotonicTime> deadline() const override;
  void leave(std::string reason) override;
  void finish_ending() override;
  bool insert_to_client(const rtmp::MessageHeader& header, rtmp::Bytes payload) override;
  void on_client_command(const rtmp::Command& command, MonotonicTime now) override;
  void on_buffer_length(std::uint32_t milliseconds) override;
  bool ending() const override { return state_ == State::kEnding; }
  routing::SessionActivity activity() const override;

 private:
  enum class State : std::uint8_t {
    kWaiting,   // nobody publishes the stream
    kTrying,    // a leg is being opened or has brought no media yet
    kRetrying,  // until retry_at_: the same origin again
    kActive,    // media has come
    kEnding,    // the player has ended it; what is half relayed is completed
  };

  void send_view(OutputIndex, rtmp::Bytes bytes) override {
    context_.io.send_view(Leg::kClient, bytes);
  }
  void send_copy(OutputIndex, rtmp::Bytes bytes) override {
    context_.io.send_copy(Leg::kClient, bytes);
  }
  SpliceChoice on_message(const rtmp::MessageHeader& header) override;
  void on_collected(const rtmp::Message& message) override;
  void on_passed(OutputIndex, const rtmp::MessageHeader& header, rtmp::Bytes first_bytes) override;

  void on_origin_event(const OriginEvent& event, MonotonicTime now) override;
  void on_status(const rtmp::Message& message, const rtmp::Command& command);
  void on_user_control(const rtmp::UserControl& event);
  void take_update(MonotonicTime now);
  void try_origin(MonotonicTime now);
  void retry(std::string_view code, std::string_view text, MonotonicTime now);
  void dropped(MonotonicTime now);
  void wait_for_publisher(MonotonicTime now);
  /// Of the waiting room, or notes why there is none.
  void take_seat();
  void refuse_seatless();
  void begin_splice();
  void drop_splice(CloseMode mode);
  void feed_splice(rtmp::Bytes bytes, MonotonicTime now);
  /// StreamBegin and Play.Start of our own if the origin sent none.
  void ensure_started();
  /// StreamEOF and UnpublishNotify, then the end.
  void end_play(std::string reason);
  void begin_ending(std::string reason, MonotonicTime now);
  /// The player's decoder is not left inside a message.
  bool between_messages() const { return !splice_ || splice_->between_messages(); }
  void forward(const rtmp::Message& message);
  bool had_media() const { return state_ == State::kActive || state_ == State::kEnding; }

  LegWriter& client_writer_;
  std::optional<ChunkSplice> splice_;
  std::optional<routing::Route> route_;
  State state_ = State::kWaiting;
  admission::WaitingRoom::Seat seat_;  ///< while it waits for a publisher
  std::optional<admission::WaitingRefusal> no_seat_;
  MonotonicTime now_{};  // of the present call, for the splice's callbacks
  MonotonicTime next_ping_{};
  std::optional<MonotonicTime> wait_until_;
  std::optional<MonotonicTime> retry_at_;
  std::optional<MonotonicTime> patience_until_;  ///< since the first failure
  std::optional<MonotonicTime> accepted_at_;     ///< the present leg, by Play.Start
  Duration backoff_{};
  int drops_ = 0;  // in a row: the origin took the play and closed before any media
  std::optional<MonotonicTime> last_media_;
  /// An error status of the origin before any media: acted on when the splice has returned.
  std::unique_ptr<OriginEvent> refusal_;
  std::string ending_reason_;
  MonotonicTime ending_until_{};
  // What the player was told, on any leg.
  bool began_ = false;
  bool reset_ = false;
  bool started_ = false;
  bool access_told_ = false;
};

}  // namespace weir::relay
