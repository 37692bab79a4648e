#pragma once
// StreamSession: the second half of a client session, from the moment its stream is known. Two
// kinds: PublishSession and PlaySession. This base keeps what both share: what the resolver is
// told, what it answers, and the present leg to an origin.
//
// Answers of the resolver are recorded and taken up in on_timer(), which they ask for at once.
// Threading: the session's worker. Lifetime: owned by RtmpSession; callbacks that outlive it are
// void.

#include <memory>
#include <optional>
#include <string>

#include "dataplane/relay/client_conversation.h"
#include "dataplane/relay/server_conversation.h"
#include "dataplane/relay/session_context.h"
#include "dataplane/routing/route_resolver.h"

namespace weir::relay {

class StreamSession : public routing::SessionControl {
 public:
  StreamSession(const SessionContext& context, ServerConversation& client, MessageSink& client_sink,
                StreamKey stream);
  ~StreamSession() override;
  StreamSession(const StreamSession&) = delete;
  StreamSession& operator=(const StreamSession&) = delete;

  virtual void start(MonotonicTime now) = 0;
  virtual void on_client_bytes(rtmp::Bytes bytes, MonotonicTime now) = 0;
  virtual void on_origin_connected(MonotonicTime now);
  virtual void on_origin_bytes(rtmp::Bytes bytes, MonotonicTime now) = 0;
  virtual void on_origin_closed(LegEnd end, MonotonicTime now);
  virtual void on_timer(MonotonicTime now) = 0;
  virtual std::optional<MonotonicTime> deadline() const;
  /// The client is gone, or the forwarder stops: take leave of the origin. The session is over
  /// then.
  virtual void leave(std::string reason) = 0;
  /// A message for the client that must go into the gaps of a splice; false = there is none.
  virtual bool insert_to_client(const rtmp::MessageHeader& header, rtmp::Bytes payload);

  /// Why the session ended; nullopt while it runs.
  const std::optional<std::string>& over() const { return over_; }

  void close_session(Close reason, Callback<void()> closed) override;

 protected:
  virtual void on_origin_event(const OriginEvent& event, MonotonicTime now) = 0;

  struct CloseRequest {
    Close reason;
    Callback<void()> closed;
  };

  void end(std::string reason);
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

  const SessionContext& context_;
  ServerConversation& client_;
  MessageSink& client_sink_;
  routing::SessionInfo info_;
  std::unique_ptr<ClientConversation> leg_;
  std::optional<routing::RouteUpdate> update_;  // the latest that was not taken up
  std::optional<CloseRequest> close_request_;

 private:
  std::unique_ptr<routing::Subscription> subscription_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
  std::optional<MonotonicTime> noted_at_;
  std::optional<std::string> over_;
  bool urgent_ = false;
};

/// The earlier of two optional times.
std::optional<MonotonicTime> earliest(std::optional<MonotonicTime> a,
                                      std::optional<MonotonicTime> b);

}  // namespace weir::relay
