#pragma once
// Replicas: the endpoints of a control plane, calls to them, and attach streams.
//
// Purpose: the gRPC side of the simulation, answers posted to the one thread on which everything
// else lives. Threading: calls on the executor's thread; gRPC's own threads only convert and post.
// Lifetime: the executor outlives it; wait for open() == 0 before letting it go.

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>
#include <grpcpp/support/status.h>

#include "common/base/clock.h"
#include "common/base/executor.h"
#include "tests/support/cluster/limits.h"
#include "weir/control/v1/placement_service.grpc.pb.h"

namespace weir::cluster {

namespace pb = control::v1;

/// OK, the reason, or one of these two.
std::string outcome_of(const grpc::Status& status);
inline constexpr std::string_view kTimedOut = "TIMED_OUT";
inline constexpr std::string_view kUnreachable = "UNREACHABLE";

class Replicas {
 public:
  template <class Response>
  using Answered = Callback<void(const grpc::Status&, const Response&)>;

  Replicas(Executor& executor, std::vector<std::string> endpoints);

  std::size_t size() const { return endpoints_.size(); }
  const std::string& name(std::size_t at) const { return endpoints_[at]; }
  Executor& executor() { return executor_; }
  /// A connection of its own, as every forwarder and agent has.
  std::shared_ptr<grpc::Channel> connect(std::size_t at) const;
  /// Calls and streams that gRPC has not let go of.
  std::atomic<int>& open() { return open_; }

  void acquire(std::size_t at, const pb::AcquirePlacementRequest& request,
               Answered<pb::AcquirePlacementResponse> done);
  void look_up(std::size_t at, const std::string& stream, Answered<pb::GetPlacementResponse> done);
  void release(std::size_t at, const pb::ReleasePlacementRequest& request,
               Answered<pb::ReleasePlacementResponse> done);

 private:
  template <class Request, class Response>
  struct Call {
    grpc::ClientContext context;
    Request request;
    Response response;
  };
  template <class Request, class Response, class Method>
  void call(std::size_t at, const Request& request, Method method, Answered<Response> done);

  Executor& executor_;
  const std::vector<std::string> endpoints_;
  std::vector<std::unique_ptr<pb::PlacementService::Stub>> stubs_;
  std::atomic<int> open_ = 0;
};

/// One attach stream. Handlers run on the executor's thread, until leave().
template <class Service, class Up, class Down>
class AttachStream final : public grpc::ClientBidiReactor<Up, Down>,
                           public std::enable_shared_from_this<AttachStream<Service, Up, Down>> {
 public:
  std::function<void(const Down&)> received;
  std::function<void(const grpc::Status&)> closed;

  AttachStream(Replicas& replicas, const std::shared_ptr<grpc::Channel>& channel)
      : replicas_(replicas), channel_(channel), stub_(Service::NewStub(channel)) {}

  void start(Up hello) {
    self_ = this->shared_from_this();
    ++replicas_.open();
    stub_->async()->Attach(&context_, this);
    this->StartRead(&response_);
    // Writes start outside of gRPC's reactions: it must not finish meanwhile.
    this->AddHold();
    queue_.push_back(std::move(hello));
    this->StartWrite(&queue_.front());
    this->StartCall();
  }

  void send(Up message) {
    const std::lock_guard lock(mutex_);
    if (finished_) return;
    if (queue_.size() >= kWriteQueueMax) return context_.TryCancel();
    queue_.push_back(std::move(message));
    if (queue_.size() == 1) this->StartWrite(&queue_.front());
  }

  void leave() {
    received = {};
    closed = {};
    context_.TryCancel();
  }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) {
      const std::lock_guard lock(mutex_);
      finished_ = true;
      this->RemoveHold();
      return;
    }
    auto message = std::make_shared<Down>();
    message->Swap(&response_);
    replicas_.executor().post([self = this->shared_from_this(), message] {
      if (self->received) self->received(*message);
    });
    this->StartRead(&response_);
  }

  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(mutex_);
    queue_.pop_front();
    finished_ |= !ok;
    if (finished_) {
      queue_.clear();
    } else if (!queue_.empty()) {
      this->StartWrite(&queue_.front());
    }
  }

  void OnDone(const grpc::Status& status) override {
    // The last reference must go on the executor's thread: gRPC would join its own with itself.
    replicas_.executor().post([self = std::move(self_), status] {
      --self->replicas_.open();
      // leave() may be called in it.
      if (const auto closed = std::exchange(self->closed, {})) closed(status);
    });
  }

  Replicas& replicas_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<typename Service::Stub> stub_;
  grpc::ClientContext context_;
  Down response_;
  std::shared_ptr<AttachStream> self_;

  std::mutex mutex_;
  bool finished_ = false;
  std::deque<Up> queue_;  ///< the first one is being written
};

}  // namespace weir::cluster
