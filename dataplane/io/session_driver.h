#pragma once
// SessionDriver: the sockets and the one timer of a session. The only implementation of SessionIo.
//
// Purpose: moves bytes between sockets and a sans-IO session. Reads into the worker's one buffer
// when a socket is readable, sends what one call of the session asked for with one sendmsg() per
// leg, queues only what a socket does not take, stops reading the client while an origin is
// congested or the session keeps bytes for want of one, and every leg while the client is. Order of
// a turn: call the session -> send -> carry out finish(). close() and dial() act at once, so that
// sends before and after them go to the right socket; they never call back into the session. Origin
// legs beyond the first are allocated when they are dialled, and stay until the end, because an
// event of the batch may name them. Threading: the worker's thread. Lifetime: owned by the worker;
// ends itself through finish(), always from work that no event of the running batch can still name
// (WorkerContext::finished).

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/base/contract.h"
#include "common/base/listen_address.h"
#include "common/base/result.h"
#include "dataplane/io/host_lookup.h"
#include "dataplane/io/poller.h"
#include "dataplane/io/send_queue.h"
#include "dataplane/io/timer_heap.h"
#include "dataplane/io/worker_context.h"
#include "dataplane/relay/relay_session.h"

namespace weir::io {

class SessionDriver final : public relay::SessionIo, private Timer {
 public:
  /// Takes the connected client socket.
  SessionDriver(WorkerContext& context, int client_fd, admission::AddressGate::Ticket ticket);
  ~SessionDriver() override;
  SessionDriver(const SessionDriver&) = delete;
  SessionDriver& operator=(const SessionDriver&) = delete;

  /// Hands over the session and begins. False = the kernel refused to watch the socket.
  bool start(std::unique_ptr<relay::RelaySession> session);
  /// The forwarder shuts down.
  void shutdown();
  /// Ends it now, without a word to the peers.
  void abort(std::string_view reason);
  /// Work that was left for a posted turn.
  void run_scheduled();

  /// Unsent bytes for the client, and for all origins together with what the session keeps.
  std::size_t queued_for_client() const;
  std::size_t queued_for_origins() const;
  /// Gives up a leg that has been congested for too long.
  void check_progress(MonotonicTime now);

  // relay::SessionIo
  void send_view(relay::Leg leg, std::span<const std::uint8_t> bytes) override;
  void send_copy(relay::Leg leg, std::span<const std::uint8_t> bytes) override;
  void dial(relay::Leg leg, std::string_view endpoint) override;
  void close(relay::Leg leg, relay::CloseMode mode) override;
  void wake_at(std::optional<MonotonicTime> when) override;
  bool client_is(std::string_view address) override;
  void keeps(std::size_t bytes, relay::WhileKept client) override;
  void identified() override;
  void finish(std::string_view reason) override;

  DriverLink link;  ///< place in the worker's list

 private:
  class Candidates;
  class LegSocket final : public PollTarget {
   public:
    LegSocket(SessionDriver& driver, relay::Leg leg);
    ~LegSocket();
    void on_events(std::uint32_t events) override {
      owner.leg_events(*this, events);
      owner.context_.after_event();
    }

    bool is_client() const { return name == relay::Leg::kClient; }

    SessionDriver& owner;
    std::unique_ptr<SendQueue> queue;        ///< only while something waits
    std::uint64_t lookup = 0;                ///< of the endpoint, under way; 0 = none
    std::unique_ptr<Candidates> candidates;  ///< other addresses of the name being dialled
    int fd = -1;
    relay::Leg name;
    std::uint8_t quick_acks = kQuickAckReads;  ///< reads still acknowledged at once
    bool readable = false;                     ///< an edge was seen and not drained yet
    bool hung_up = false;                      ///< the peer's end is behind what can be read
    bool connecting = false;
    /// Counted in ProcessTotals::connections; an origin's first leg is counted with the client.
    bool counted = false;
    bool read_ended = false;                ///< FIN or error was told to the session
    bool write_broken = false;              ///< output is dropped; the end will be read
    bool answered = false;                  ///< something was sent since the last read
    bool congested = false;                 ///< above its high mark, not yet below the low one
    std::optional<relay::LegEnd> dial_end;  ///< a dial failed at once: to be told in a posted turn
  };
  /// Origin legs beyond the first, by number; empty where none was dialled yet.
  using FurtherLegs = std::array<std::unique_ptr<LegSocket>, relay::kOriginLegsMax - 1>;

  /// Null: an origin leg that was never dialled.
  LegSocket* find(relay::Leg leg);
  LegSocket& socket_for_dial(relay::Leg leg);
  bool has_descriptor_for(LegSocket& leg);
  Outbox& outbox(const LegSocket& leg);
  template <class F>
  void for_each_leg(F&& visit);
  bool over() const { return session_ == nullptr; }

  void leg_events(LegSocket& leg, std::uint32_t events);
  void pump(LegSocket& leg);
  void pump_held_back_by(const LegSocket& leg);
  bool held_back(const LegSocket& leg);
  bool read_once(LegSocket& leg);
  void connect_settled(LegSocket& leg);
  void leg_ended(LegSocket& leg, relay::LegEnd end);
  void note_failed_identification();
  void on_timer(MonotonicTime now) override;

  template <class F>
  void call(F&& session_call);
  void settle();
  void send_outbox(LegSocket& leg);
  void enqueue(LegSocket& leg, std::span<const std::uint8_t> bytes);
  void flush_queue(LegSocket& leg);
  void update_congestion(LegSocket& leg);
  void looked_up(LegSocket& leg, Result<HostLookup::Addresses> addresses);
  bool connect_to(LegSocket& leg, const SocketAddress& address);
  bool try_next_address(LegSocket& leg);
  void dial_failed(LegSocket& leg, relay::LegEnd end);
  void drop_dial(LegSocket& leg);
  void release_leg(LegSocket& leg, relay::CloseMode mode);
  void schedule();
  void end();

  WorkerContext& context_;
  std::unique_ptr<relay::RelaySession> session_;  ///< empty once finished
  LegSocket client_;
  LegSocket origin_;
  std::unique_ptr<FurtherLegs> further_;
  MonotonicTime congested_since_ = MonotonicTime::max();  ///< max = no leg is
  MonotonicTime wakes_ = MonotonicTime::max();            ///< the session's next deadline
  std::size_t kept_ = 0;                                  ///< by the session, for want of an origin
  relay::WhileKept while_kept_ = relay::WhileKept::kStopReading;
  admission::AddressGate::Ticket ticket_;
  bool identified_ = false;
  bool stopping_ = false;  ///< the forwarder ends it, not what the client did
  bool in_call_ = false;
  bool scheduled_ = false;
  bool finishing_ = false;
  bool aborting_ = false;
};

/// Not those that are dialled for the first time meanwhile.
template <class F>
void SessionDriver::for_each_leg(F&& visit) {
  visit(client_);
  visit(origin_);
  if (!further_) return;
  for (const auto& leg : *further_)
    if (leg) visit(*leg);
}

template <class F>
void SessionDriver::call(F&& session_call) {
  WEIR_ASSERT(!in_call_);
  in_call_ = true;
  session_call(*session_);
  in_call_ = false;
  settle();
}

}  // namespace weir::io
