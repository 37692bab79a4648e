#include "origin-agent/client/grpc_link.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include <fmt/format.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include "common/base/contract.h"
#include "common/rpc/channel.h"
#include "origin-agent/client/limits.h"
#include "origin-agent/client/translate.h"
#include "weir/control/v1/origin_service.grpc.pb.h"

namespace weir::agent {

namespace pb = control::v1;

/// Outlives the link in the hands of streams that gRPC has not let go of yet.
struct GrpcLink::Shared {
  Shared(Executor& e, std::vector<std::string> addresses, Secret t)
      : executor(&e), endpoints(std::move(addresses)), token(std::move(t)) {}

  /// False once the link is gone.
  bool post(Callback<void()> work) {
    const std::lock_guard lock(mutex);
    if (executor == nullptr) return false;
    executor->post(std::move(work));
    return true;
  }

  std::mutex mutex;
  Executor* executor;  ///< null once the link is gone
  std::size_t calls = 0;
  std::condition_variable all_done;

  const std::vector<std::string> endpoints;
  const Secret token;
};

class GrpcLink::Call final : public grpc::ClientBidiReactor<pb::OriginServiceAttachRequest,
                                                            pb::OriginServiceAttachResponse>,
                             public std::enable_shared_from_this<Call> {
 public:
  Call(std::shared_ptr<Shared> shared, std::string endpoint,
       const std::shared_ptr<grpc::Channel>& channel, AttachLinkListener& listener)
      : shared_(std::move(shared)),
        endpoint_(std::move(endpoint)),
        stub_(pb::OriginService::NewStub(channel)),
        listener_(&listener) {}

  void start() {
    // gRPC holds this object until OnDone.
    self_ = shared_from_this();
    {
      const std::lock_guard lock(shared_->mutex);
      ++shared_->calls;
    }
    stub_->async()->Attach(&context_, this);
    StartRead(&response_);
    // Writes start outside of gRPC's reactions, so it must be told not to finish meanwhile.
    AddHold();
    StartCall();
  }

  void send(pb::OriginServiceAttachRequest request) {
    const std::lock_guard lock(mutex_);
    if (finished_) return;
    if (queue_.size() >= kWriteQueueMax) {
      context_.TryCancel();
      return;
    }
    queue_.push_back(std::move(request));
    // A second StartWrite before OnWriteDone would abort the process.
    if (queue_.size() == 1) StartWrite(&queue_.front());
  }

  /// Agent's thread: from here on nothing is told.
  void leave() {
    listener_ = nullptr;
    context_.TryCancel();
  }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) {
      const std::lock_guard lock(mutex_);
      finished_ = true;
      RemoveHold();
      return;
    }
    if (auto message = from_proto(response_)) {
      shared_->post([self = shared_from_this(), message = std::move(*message)] {
        if (self->listener_ != nullptr) self->listener_->link_received(message);
      });
    }
    response_.Clear();
    StartRead(&response_);
  }

  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(mutex_);
    queue_.pop_front();
    if (!ok) finished_ = true;  // the failing read follows, and lets go of the hold
    if (finished_) {
      queue_.clear();
    } else if (!queue_.empty()) {
      StartWrite(&queue_.front());
    }
  }

  void OnDone(const grpc::Status& status) override {
    const std::shared_ptr<Shared> shared = shared_;
    std::shared_ptr<Call> self = std::move(self_);
    shared->post([self, why = fmt::format("{}: {}", endpoint_,
                                          status.ok() ? "the replica ended the stream"
                                                      : status.error_message())] {
      if (self->listener_ != nullptr) std::exchange(self->listener_, nullptr)->link_closed(why);
    });
    // The context holds the channel, and the last reference to that must not go on this thread:
    // gRPC would join it with itself. The link keeps its channels until this count is 0.
    self.reset();
    const std::lock_guard lock(shared->mutex);
    if (--shared->calls == 0) shared->all_done.notify_all();
  }

  const std::shared_ptr<Shared> shared_;
  const std::string endpoint_;
  const std::unique_ptr<pb::OriginService::Stub> stub_;
  AttachLinkListener* listener_;  ///< agent's thread only
  grpc::ClientContext context_;
  pb::OriginServiceAttachResponse response_;
  std::shared_ptr<Call> self_;

  std::mutex mutex_;
  bool finished_ = false;
  std::deque<pb::OriginServiceAttachRequest> queue_;  ///< the first one is being written
};

GrpcLink::GrpcLink(Executor& executor, std::vector<std::string> endpoints, Secret token)
    : shared_(std::make_shared<Shared>(executor, std::move(endpoints), std::move(token))),
      channels_(shared_->endpoints.size()) {}

GrpcLink::~GrpcLink() {
  close();
  std::unique_lock lock(shared_->mutex);
  shared_->executor = nullptr;
  const bool done =
      shared_->all_done.wait_for(lock, kLinkShutdownTimeout, [&] { return shared_->calls == 0; });
  // A stream that gRPC still holds needs its channel: kept for the rest of the process.
  if (!done) [[maybe_unused]]
    const auto* kept = new auto(std::move(channels_));
}

void GrpcLink::open(std::size_t endpoint, AttachLinkListener& listener) {
  close();
  WEIR_ASSERT(endpoint < shared_->endpoints.size());
  auto& channel = channels_[endpoint];
  if (!channel) channel = rpc::make_channel(shared_->endpoints[endpoint], shared_->token);
  call_ = std::make_shared<Call>(shared_, shared_->endpoints[endpoint], channel, listener);
  call_->start();
}

void GrpcLink::send(const UpMessage& message) {
  if (call_) call_->send(to_proto(message));
}

void GrpcLink::close() {
  if (const auto call = std::exchange(call_, nullptr)) call->leave();
}

}  // namespace weir::agent
