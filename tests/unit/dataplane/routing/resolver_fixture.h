#pragma once
// A control client and one worker's resolver over a control plane played by hand.
// Threading: one thread. Lifetime: of a test.

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/routing/control_client.h"
#include "dataplane/routing/worker_resolver.h"
#include "tests/support/fake_control_link.h"
#include "tests/support/manual_clock.h"
#include "tests/support/manual_executor.h"

namespace weir::routing {

using std::chrono::milliseconds;
using std::chrono::seconds;

class RecordingObserver final : public ControlObserver {
 public:
  void on_attached(const std::string& endpoint, const Welcome&) override {
    attached.push_back(endpoint);
  }
  void on_detached(const std::string&, const std::string& why) override { detached.push_back(why); }
  void on_origin_table(const OriginTable& table) override { origins = table.size(); }
  void on_generation(std::uint64_t seen) override { generation = seen; }
  void on_acquire_result(const std::string& result, Duration) override {
    acquires.push_back(result);
  }
  void on_claim(const SessionId&, bool granted) override { claims.push_back(granted); }
  void on_dial(const DialReport&) override { ++dials; }

  std::vector<std::string> attached, detached, acquires;
  std::vector<bool> claims;
  std::size_t origins = 0;
  std::uint64_t generation = 0;
  int dials = 0;
};

/// A session as the resolver sees it.
class FakeSession final : public SessionControl {
 public:
  SessionActivity activity() const override { return facts; }
  void close_session(Close reason, Callback<void()> closed) override {
    closes.push_back(reason);
    on_closed = std::move(closed);
  }
  SessionActivity facts;
  std::vector<Close> closes;
  Callback<void()> on_closed;
};

class ResolverTest : public ::testing::Test {
 protected:
  explicit ResolverTest(std::size_t endpoints = 1) : link(executor, endpoints) {}

  void attach() {
    client.start();
    executor.run_ready();
    link.welcome();
    link.heartbeat();
    executor.run_ready();
  }
  /// Time passes with a replica that beats.
  void pass(Duration time) {
    for (; time > Duration::zero(); time -= milliseconds{200}) {
      if (link.attached()) link.heartbeat();
      executor.advance(std::min<Duration>(time, milliseconds{200}));
    }
  }

  static StreamKey key(const char* text = "live/a") { return parse_stream_key(text).value(); }
  static SessionInfo info(const char* id, Intent intent = Intent::kPublish, Epoch epoch = {},
                          SessionInfo::State state = SessionInfo::State::kWaiting,
                          const char* stream = "live/a") {
    SessionInfo session;
    session.id = SessionId(id);
    session.stream = key(stream);
    session.intent = intent;
    session.state = state;
    session.epoch = epoch;
    session.incarnation = IncarnationId("i1");
    return session;
  }
  static Route route(Epoch epoch, Revision revision, const char* holder = "s1",
                     PlacementState state = PlacementState::kPublishing) {
    Route r;
    r.origin = OriginId("o1");
    r.incarnation = IncarnationId("i1");
    r.rtmp_endpoints = {"127.0.0.1:1936"};
    r.epoch = epoch;
    r.revision = revision;
    r.state = state;
    r.holder_session = SessionId(holder);
    return r;
  }
  void push(std::optional<Route> r, Revision revision, const char* stream = "live/a") {
    link.say(RouteUpdate{key(stream), std::move(r), revision});
    executor.run_ready();
  }
  void acquire(const char* id) {
    resolver.acquire({SessionId(id), key(), std::nullopt},
                     [&answers = answers_](AcquireAnswer a) { answers.push_back(std::move(a)); });
    executor.run_ready();
  }

  weir::testing::ManualClock clock;
  weir::testing::ManualExecutor executor{clock};
  weir::testing::FakeControlLink link;
  SeededRandom random{7};
  RecordingObserver observer;
  ControlClient client{
      link, executor, clock, random, observer, [] { return 3U; }, ControlClient::Remembered{}};
  WorkerResolver resolver{client, executor, clock};
  std::vector<AcquireAnswer> answers_;
};

}  // namespace weir::routing
