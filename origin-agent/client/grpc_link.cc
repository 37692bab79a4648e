#include "origin-agent/client/grpc_link.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include <fmt/format.h>
#include <grpc/support/time.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include "common/base/contract.h"
#include "common/endpoints/limits.h"
#include "common/rpc/status.h"
#include "origin-agent/client/limits.h"
#include "origin-agent/client/translate.h"
#include "weir/control/v1/cluster_service.grpc.pb.h"
#include "weir/control/v1/origin_service.grpc.pb.h"

namespace weir::agent {

namespace pb = control::v1;

/// Outlives the link in the hands of streams that gRPC has not let go of yet.
struct GrpcLink::Shared {
  explicit Shared(Executor& e) : executor(&e) {}

  /// False once the link is gone.
  bool post(Callback<void()> work) {
    const std::lock_guard lock(mutex);
    if (executor == nullptr) return false;
    executor->post(std::move(work));
    return true;
  }

  void call_begins() {
    const std::lock_guard lock(mutex);
    ++calls;
  }
  /// The caller has let go of the call before.
  void call_ended() {
    const std::lock_guard lock(mutex);
    if (--calls == 0) all_done.notify_all();
  }

  std::mutex mutex;
  Executor* executor;  ///< null once the link is gone
  std::size_t calls = 0;
  std::condition_variable all_done;
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
    shared_->call_begins();
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
    shared->post(
        [self, failure = rpc::failure_of(status),
         why = fmt::format("{}: {}", endpoint_,
                           status.ok() ? "the replica ended the stream" : status.error_message())] {
          if (self->listener_ != nullptr)
            std::exchange(self->listener_, nullptr)->link_closed(why, failure);
        });
    // The context holds the channel, and the last reference to that must not go on this thread:
    // gRPC would join it with itself. The link keeps its channels until this count is 0.
    self.reset();
    shared->call_ended();
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
    : shared_(std::make_shared<Shared>(executor)),
      channels_(std::move(endpoints), std::move(token)) {}

GrpcLink::~GrpcLink() {
  close();
  std::unique_lock lock(shared_->mutex);
  shared_->executor = nullptr;
  const bool done =
      shared_->all_done.wait_for(lock, kLinkShutdownTimeout, [&] { return shared_->calls == 0; });
  // A stream that gRPC still holds needs its channel: kept for the rest of the process.
  if (!done) channels_.keep_for_good();
}

void GrpcLink::open(std::size_t endpoint, bool anew, AttachLinkListener& listener) {
  close();
  WEIR_ASSERT(endpoint < channels_.size());
  if (anew) channels_.renew(endpoint);
  call_ =
      std::make_shared<Call>(shared_, channels_.name(endpoint), channels_.at(endpoint), listener);
  call_->start();
}

void GrpcLink::ask_freshness(std::size_t endpoint, Callback<void(std::optional<bool>)> answer) {
  struct Ask {
    grpc::ClientContext context;
    pb::GetReplicaRequest request;
    pb::Replica response;
    Callback<void(std::optional<bool>)> answer;
    std::shared_ptr<const bool> wanted;
  };
  auto ask = std::make_shared<Ask>();
  ask->answer = std::move(answer);
  ask->wanted = wanted_;
  ask->context.set_deadline(gpr_time_from_millis(endpoints::kUnaryDeadline.count(), GPR_TIMESPAN));
  shared_->call_begins();
  pb::ClusterService::NewStub(channels_.at(endpoint))
      ->async()
      ->GetReplica(&ask->context, &ask->request, &ask->response,
                   [ask, shared = shared_](const grpc::Status& status) mutable {
                     std::optional<bool> stale;
                     if (status.ok()) stale = ask->response.stale();
                     shared->post([ask = std::move(ask), stale] {
                       if (*ask->wanted) ask->answer(stale);
                     });
                     ask.reset();
                     shared->call_ended();
                   });
}

void GrpcLink::send(const UpMessage& message) {
  if (call_) call_->send(to_proto(message));
}

void GrpcLink::close() {
  *std::exchange(wanted_, std::make_shared<bool>(true)) = false;
  if (const auto call = std::exchange(call_, nullptr)) call->leave();
}

}  // namespace weir::agent
