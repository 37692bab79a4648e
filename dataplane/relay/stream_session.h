#pragma once
// StreamSession: one stream of a connection, from the moment its name is known. Two kinds:
// PublishSession and PlaySession. This base keeps what both share: what the resolver is told, what
// it answers, and the present leg to an origin.
//
// Answers of the resolver are recorded and taken up in on_timer(), which they ask for at once.
// Threading: the session's worker. Lifetime: owned by RtmpSession; callbacks that outlive it are
// void.

#include <memory>
#include <optional>
#include <string>

#include "dataplane/relay/chunk_splice.h"
#include "dataplane/relay/client_conversation.h"
#include "dataplane/relay/client_facts.h"
#include "dataplane/relay/session_context.h"
#include "dataplane/routing/route_resolver.h"

namespace weir::relay {

/// How the client learns that a stream is over.
enum class EndTold : std::uint8_t {
  kByClient,    ///< it has ended the stream itself
  kByStatus,    ///< a status on its message stream has said so
  kByCloseOnly  ///< nothing has: only the end of the connection tells it
};

class StreamSession : public routing::SessionControl {
 public:
  StreamSession(const SessionContext& context, MessageSink& client_sink, StreamFacts facts,
                StreamKey stream);
  ~StreamSession() override;
  StreamSession(const StreamSession&) = delete;
  StreamSession& operator=(const StreamSession&) = delete;

  virtual void start(MonotonicTime now) = 0;
  virtual void on_origin_connected(MonotonicTime now);
  virtual void on_origin_bytes(rtmp::Bytes bytes, MonotonicTime now) = 0;
  virtual void on_origin_closed(LegEnd end, MonotonicTime now);
  virtual void on_timer(MonotonicTime now) = 0;
  virtual std::optional<MonotonicTime> deadline() const;
  /// The connection ends: take leave of the origin. The stream is over then.
  virtual void leave(std::string reason) = 0;
  /// The client reuses what this stream still holds while it ends: it is over at once.
  virtual void finish_ending() {}
  /// A message for the client that must go into the gaps of a splice; false = there is none.
  virtual bool insert_to_client(const rtmp::MessageHeader& header, rtmp::Bytes payload);

  /// A command of the client about this stream.
  virtual void on_client_command(const rtmp::Command& command, MonotonicTime now) = 0;
  virtual void on_buffer_length(std::uint32_t) {}
  // What the client's splice finds for this stream.
  virtual SpliceAction on_client_message() { return SpliceAction::kDrop; }
  virtual void relay_view(rtmp::Bytes) {}
  virtual void relay_copy(rtmp::Bytes) {}
  /// Kept until the origin accepts.
  virtual std::size_t early_bytes() const { return 0; }
  /// Refuses the stream for them.
  virtual void refuse_early() {}
  /// An origin has accepted it.
  bool accepted() const { return info_.state == routing::SessionInfo::State::kActive; }
  /// The splice has returned.
  virtual void after_client_input(MonotonicTime) {}

  bool publishes() const { return facts_.request.publishes(); }
  /// The client may call its message stream something new: it has ended this one.
  virtual bool ending() const = 0;
  const StreamRequest& request() const { return facts_.request; }
  const StreamKey& stream() const { return info_.stream; }
  const IncarnationId& incarnation() const { return info_.incarnation; }

  bool over() const { return over_; }
  EndTold end_told() const { return end_told_; }
  /// Why it is over.
  const std::string& end_reason() const { return end_reason_; }

  void close_session(Close reason, Callback<void()> closed) override;

 protected:
  virtual void on_origin_event(const OriginEvent& event, MonotonicTime now) = 0;

  struct CloseRequest {
    Close reason;
    Callback<void()> closed;
  };

  void end(std::string reason, EndTold told = EndTold::kByCloseOnly);
  /// onStatus of level error, then the end.
  void refuse(std::string_view code, std::string_view description, std::string reason);
  void dial(routing::Route route, std::uint32_t chunk_size, MonotonicTime now);
  void drop_leg(CloseMode mode);
  void change_state(routing::SessionInfo::State state);
  void watch();
  void count_origin_bytes(std::size_t bytes, MonotonicTime now);
  /// Forgets that something was recorded; what it was is in the members below.
  void take_urgent() { urgent_ = false; }
  void wake_now();
  /// Wraps a callback so that it does nothing once this object is gone.
  std::weak_ptr<int> guard() const { return alive_; }
  std::uint32_t client_stream() const { return facts_.request.stream_id; }

  const SessionContext& context_;
  MessageSink& client_sink_;
  StreamFacts facts_;
  routing::SessionInfo info_;
  std::unique_ptr<ClientConversation> leg_;
  std::unique_ptr<routing::RouteUpdate> update_;  // the latest that was not taken up
  std::optional<CloseRequest> close_request_;

 private:
  std::unique_ptr<routing::Subscription> subscription_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
  std::optional<MonotonicTime> noted_at_;
  std::string end_reason_;
  EndTold end_told_ = EndTold::kByCloseOnly;
  bool over_ = false;
  bool urgent_ = false;
};

/// The earlier of two optional times.
std::optional<MonotonicTime> earliest(std::optional<MonotonicTime> a,
                                      std::optional<MonotonicTime> b);

}  // namespace weir::relay
