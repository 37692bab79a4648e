#pragma once
// FakeControlLink: a control plane that a test plays by hand.
//
// Purpose: records what a forwarder tells and asks; the test answers when and how it likes. Answers
// go through the executor, as ControlLink promises. Threading: one thread. Lifetime: the executor
// outlives it.

#include <deque>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/contract.h"
#include "common/base/executor.h"
#include "dataplane/routing/control_link.h"

namespace weir::testing {

class FakeControlLink final : public routing::ControlLink {
 public:
  struct AcquireCall {
    std::size_t endpoint;
    routing::AcquireRequest request;
    Callback<void(routing::AcquireReply)> answer;
  };
  struct FreshnessCall {
    std::size_t endpoint;
    Callback<void(routing::FreshnessReply)> answer;
  };
  struct ReleaseCall {
    std::size_t endpoint;
    routing::ReleaseRequest request;
    Callback<void(bool)> done;
  };

  explicit FakeControlLink(Executor& executor, std::size_t endpoints = 1)
      : executor_(executor), endpoints_(endpoints) {}

  // --- the test's side ---
  bool attached() const { return events_ != nullptr; }
  /// Takes the hello and welcomes.
  void welcome(std::uint64_t generation = 1, std::vector<std::string> vhosts = {}) {
    take();
    say(routing::Welcome{ReplicaId("r1"), generation, std::move(vhosts)});
  }
  void heartbeat(bool settling = false, std::uint64_t generation = 1, bool stale = false) {
    say(routing::ReplicaHeartbeat{generation, stale, settling});
  }
  void say(routing::Downward message) {
    post([message = std::move(message)](Events& events) mutable {
      events.on_message(std::move(message));
    });
  }
  /// The message under way has been taken by the replica.
  void take() {
    post([this](Events& events) {
      under_way_ = false;
      events.on_writable();
    });
  }
  void break_stream(std::string why, endpoints::Failure failure = endpoints::Failure::kBroken) {
    executor_.post([this, why = std::move(why), failure]() mutable {
      if (Events* events = std::exchange(events_, nullptr))
        events->on_detached(std::move(why), failure);
    });
  }
  /// Every message is taken as it comes; false = the test calls take().
  bool takes_at_once = true;
  std::vector<routing::Upward> sent;
  std::vector<routing::Hello> hellos;
  std::vector<std::size_t> attached_to;
  std::deque<AcquireCall> acquires;
  std::deque<ReleaseCall> releases;
  std::deque<FreshnessCall> freshness_calls;
  std::vector<std::size_t> renewed;
  int detaches = 0;

  /// Messages of one kind among `sent`.
  template <class Message>
  std::vector<Message> all() const {
    std::vector<Message> found;
    for (const auto& message : sent) {
      if (const auto* one = std::get_if<Message>(&message)) found.push_back(*one);
    }
    return found;
  }
  void answer(routing::AcquireReply reply) {
    WEIR_ASSERT(!acquires.empty());
    executor_.post([call = std::move(acquires.front()), reply = std::move(reply)]() mutable {
      call.answer(std::move(reply));
    });
    acquires.pop_front();
  }
  void answer_release(bool acknowledged) {
    WEIR_ASSERT(!releases.empty());
    executor_.post(
        [call = std::move(releases.front()), acknowledged]() mutable { call.done(acknowledged); });
    releases.pop_front();
  }

  void answer_freshness(routing::FreshnessReply reply) {
    WEIR_ASSERT(!freshness_calls.empty());
    executor_.post([call = std::move(freshness_calls.front()), reply = std::move(reply)]() mutable {
      call.answer(std::move(reply));
    });
    freshness_calls.pop_front();
  }

  // --- ControlLink ---
  std::size_t endpoint_count() const override { return endpoints_; }
  std::string endpoint_name(std::size_t endpoint) const override {
    return "replica" + std::to_string(endpoint);
  }
  void attach(std::size_t endpoint, routing::Hello hello, Events& events) override {
    WEIR_ASSERT(events_ == nullptr);
    events_ = &events;
    ++stream_;
    under_way_ = true;
    attached_to.push_back(endpoint);
    hellos.push_back(std::move(hello));
  }
  void send(routing::Upward message) override {
    WEIR_ASSERT(events_ != nullptr && !under_way_);  // one at a time: more would abort gRPC
    under_way_ = true;
    sent.push_back(std::move(message));
    if (takes_at_once) take();
  }
  void detach() override {
    events_ = nullptr;
    ++detaches;
  }
  void acquire(std::size_t endpoint, const routing::AcquireRequest& request, Duration,
               Callback<void(routing::AcquireReply)> answer_with) override {
    acquires.push_back(AcquireCall{endpoint, request, std::move(answer_with)});
  }
  void release(std::size_t endpoint, const routing::ReleaseRequest& request, Duration,
               Callback<void(bool)> done) override {
    releases.push_back(ReleaseCall{endpoint, request, std::move(done)});
  }
  void renew(std::size_t endpoint) override { renewed.push_back(endpoint); }
  void ask_freshness(std::size_t endpoint, Duration,
                     Callback<void(routing::FreshnessReply)> answer_with) override {
    freshness_calls.push_back(FreshnessCall{endpoint, std::move(answer_with)});
  }

 private:
  template <class F>
  void post(F call) {
    executor_.post([this, stream = stream_, call = std::move(call)]() mutable {
      if (events_ == nullptr || stream != stream_) return;
      call(*events_);
    });
  }

  Executor& executor_;
  std::size_t endpoints_;
  Events* events_ = nullptr;
  int stream_ = 0;
  bool under_way_ = false;
};

}  // namespace weir::testing
