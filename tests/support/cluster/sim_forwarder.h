#pragma once
// SimForwarder: a forwarder with simulated encoders: acquires their streams, publishes them at
// simulated origins, and answers to the control plane for them (design 3, 4, 6).
//
// Purpose: sessions, complete hellos, session queries, fencing, claims and releases as the real one
// does them; every decision it takes and every answer it gets is written to the history.
// Threading: one thread. Lifetime: world and origins outlive it; a handle of a session that has
// ended is ignored.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "tests/support/cluster/attachment.h"
#include "weir/control/v1/forwarder_service.grpc.pb.h"

namespace weir::cluster {

enum class Published { kAccepted, kHeld, kGaveUp };

class SimForwarder {
 public:
  using SessionNumber = std::uint64_t;
  struct Encoder {
    std::string stream;
    bool first_dial_fails = false;  ///< another origin has to be asked for
    std::function<void(Published, SessionNumber)> published;  ///< once
  };
  /// A session that had been accepted is over; `why` as in the history.
  using Ended = std::function<void(SimForwarder&, SessionNumber, const std::string& stream,
                                   std::string_view why)>;

  SimForwarder(World& world, Origins& origins, std::string id, std::string instance,
               std::size_t endpoint, Ended ended);

  void start() { attachment_.start(); }
  void stop() { attachment_.stop(); }
  void tick();

  SessionNumber publish(Encoder encoder);
  void leave(SessionNumber session);
  /// Sends no media from now on.
  void fall_silent(SessionNumber session);
  /// A player: wants to be told where the stream lives, from now on.
  void watch(const std::string& stream);

  const std::string& id() const { return id_; }
  bool attached() const { return attachment_.attached(); }
  bool quiet() const { return attached() && !settling_ && changed_.empty() && releases_.empty(); }
  std::size_t held() const { return held_; }
  struct Held {
    std::string stream;
    std::string holder;
    Epoch epoch;
  };
  std::vector<Held> all_held() const;

 private:
  using Up = pb::ForwarderServiceAttachRequest;
  using Down = pb::ForwarderServiceAttachResponse;
  enum class State { kWaiting, kConnecting, kActive };
  struct Session {
    std::string id;
    std::string holder;
    Encoder encoder;
    State state = State::kWaiting;
    std::size_t endpoint = 0;
    std::size_t tries = 0;
    std::string request_id;
    MonotonicTime began{};
    std::optional<pb::FailedPlacement> failed;
    SimOrigin* origin = nullptr;
    std::string origin_name;
    std::string incarnation;
    Epoch epoch;
    bool after_takeover = false;
    MonotonicTime busy_until{};
    std::optional<MonotonicTime> silent_since;
    std::optional<MonotonicTime> claimed;
  };
  struct Known {
    Epoch epoch;
    Revision revision;
    std::string holder;
    bool placed = false;
    bool orphaned = false;
  };
  struct Release {
    pb::ReleasePlacementRequest request;
    MonotonicTime first{};
    MonotonicTime due{};
    std::size_t endpoint = 0;
  };

  // sim_forwarder.cc: the attach stream
  Up hello(std::uint64_t attach) const;
  void put_session(const Session& session, pb::Session& out) const;
  void message(const Down& message);
  void detached();
  void told(const pb::RouteUpdate& update);
  void fence(const std::string& stream, const Known& known);
  void answer(const pb::SessionQuery& query);
  void close(const pb::CloseSession& order);
  void claimed(const pb::ClaimAnswer& answer);
  void claim_missing(const std::string& stream);
  void drop_interest(const std::string& stream);
  void heartbeat();
  void changed(SessionNumber session);
  void flush();
  void run_releases();
  // sim_sessions.cc: encoders
  void ask(SessionNumber number);
  void answered(SessionNumber number, std::size_t endpoint, MonotonicTime asked,
                const grpc::Status& status, const pb::AcquirePlacementResponse& response);
  void refused(SessionNumber number, const std::string& reason, std::optional<Duration> delay);
  void given(SessionNumber number, const pb::AcquirePlacementResponse& response);
  void dial(SessionNumber number, Epoch epoch);
  void try_another(SessionNumber number, pb::ContactOutcome outcome);
  void accepted(SessionNumber number);
  void end(SessionNumber number, std::string_view why);
  void give_back(const std::string& stream, const std::string& session, Epoch epoch, bool by_call);
  Session* find(SessionNumber number);
  void note_call(std::string_view outcome, const Session& session, std::size_t endpoint,
                 MonotonicTime asked, const pb::AcquirePlacementResponse* response,
                 std::string_view owner, Epoch epoch);

  World& world_;
  Origins& origins_;
  const std::string id_;
  const std::string instance_;
  const Ended ended_;
  Attachment<pb::ForwarderService, Up, Down> attachment_;

  SessionNumber last_ = 0;
  std::unordered_map<SessionNumber, Session> sessions_;
  std::unordered_map<std::string, SessionNumber> by_id_;
  std::unordered_map<std::string, std::vector<SessionNumber>> by_stream_;
  std::unordered_map<std::string, Known> routes_;
  std::deque<std::string> watched_;
  std::unordered_set<std::string> watching_;
  std::unordered_set<SessionNumber> changed_;
  std::vector<std::pair<std::string, std::string>> ended_sessions_;  ///< id, why
  std::vector<std::string> interests_added_;
  std::vector<std::string> interests_removed_;
  bool flush_due_ = false;
  bool settling_ = true;  ///< until a replica says otherwise
  std::size_t held_ = 0;
  std::deque<Release> releases_;
  std::size_t releases_in_flight_ = 0;
  std::deque<Release> recent_ends_;
  MonotonicTime heartbeat_due_{};
  MonotonicTime claims_due_{};
};

}  // namespace weir::cluster
