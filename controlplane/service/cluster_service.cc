// ClusterService: status and events; policies and secrets are in cluster_orders.cc.

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "controlplane/core/cluster_core.h"
#include "controlplane/service/cluster_orders.h"
#include "controlplane/service/convert.h"
#include "controlplane/service/service_factories.h"
#include "controlplane/service/unary.h"
#include "weir/control/v1/cluster_service.grpc.pb.h"

namespace weir::service {
namespace {

using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;

/// One reader of events. It pulls: the next batch is asked for when the last one is written, so a
/// slow reader costs one batch of memory and is told what it missed.
class EventReader final : public std::enable_shared_from_this<EventReader> {
 public:
  using Reactor = grpc::ServerWriteReactor<pb::WatchEventsResponse>;

  EventReader(Executor& executor, core::ClusterCore& core, bool once)
      : executor_(executor), core_(core), once_(once) {}

  Reactor* start(std::string token, std::optional<Duration> since) {
    driver_ = new Driver(shared_from_this());
    executor_.post([self = shared_from_this(), token = std::move(token), since] {
      const auto opened = self->core_.events().open(token, since);
      if (const auto* error = std::get_if<core::CoreError>(&opened)) {
        return self->end(to_status(*error));
      }
      self->cursor_ = std::get<core::EventCursor>(opened);
      self->pull();
    });
    return driver_;
  }

 private:
  class Driver final : public Reactor {
   public:
    explicit Driver(std::shared_ptr<EventReader> reader) : reader_(std::move(reader)) {}
    void OnWriteDone(bool ok) override { reader_->written(ok); }
    void OnCancel() override { reader_->cancelled(); }
    void OnDone() override {
      reader_->done();
      delete this;
    }

   private:
    std::shared_ptr<EventReader> reader_;
  };

  /// On the core's thread.
  void pull() {
    {
      const std::lock_guard lock(mutex_);
      if (finished_) return;
    }
    read_ = core_.events().read(
        cursor_, [self = shared_from_this()](const core::EventBatch& batch) { self->take(batch); });
  }

  void take(const core::EventBatch& batch) {
    read_ = 0;
    cursor_ = batch.cursor;
    const std::lock_guard lock(mutex_);
    if (finished_) return;
    if (batch.reset) {
      auto& response = pending_.emplace_back();
      response.mutable_reset()->set_reason("events were dropped before this reader took them");
      response.set_resume_token(batch.token);
    }
    for (std::size_t at = 0; at < batch.events.size(); ++at) {
      auto& response = pending_.emplace_back();
      write(batch.events[at], response.mutable_event());
      response.set_resume_token(batch.tokens[at]);
    }
    if (batch.current) {
      auto& response = pending_.emplace_back();
      response.mutable_current();
      response.set_resume_token(batch.token);
    }
    if (pending_.empty()) return pull_later();
    driver_->StartWrite(&pending_.front());
  }

  /// On gRPC's threads.
  void written(bool ok) {
    const std::lock_guard lock(mutex_);
    if (finished_) return;
    const bool was_current = pending_.front().has_current();
    pending_.pop_front();
    if (!ok || (was_current && once_)) return finish(grpc::Status::OK);
    if (!pending_.empty()) return driver_->StartWrite(&pending_.front());
    pull_later();
  }

  void pull_later() {
    executor_.post([self = shared_from_this()] { self->pull(); });
  }

  void cancelled() {
    {
      const std::lock_guard lock(mutex_);
      if (!finished_) finish(grpc::Status::OK);
    }
    executor_.post([self = shared_from_this()] { self->core_.events().cancel(self->read_); });
  }

  void end(const grpc::Status& status) {
    const std::lock_guard lock(mutex_);
    if (!finished_) finish(status);
  }

  void finish(const grpc::Status& status) {
    finished_ = true;
    driver_->Finish(status);
  }

  void done() {
    const std::lock_guard lock(mutex_);
    finished_ = true;
  }

  Executor& executor_;
  core::ClusterCore& core_;
  const bool once_;
  // The core's thread:
  core::EventCursor cursor_;
  std::uint64_t read_ = 0;
  // Under the mutex:
  std::mutex mutex_;
  Driver* driver_ = nullptr;
  std::deque<pb::WatchEventsResponse> pending_;  ///< the first is being written
  bool finished_ = false;
};

class ClusterService final : public ClusterOrders {
 public:
  using ClusterOrders::ClusterOrders;

  ServerUnaryReactor* GetClusterStatus(CallbackServerContext* context,
                                       const pb::GetClusterStatusRequest*,
                                       pb::ClusterStatus* response) override {
    auto* reactor = context->DefaultReactor();
    executor_.post([this, reactor, response] {
      write(core_.listing().status(), response);
      reactor->Finish(grpc::Status::OK);
    });
    return reactor;
  }

  ServerUnaryReactor* GetReplica(CallbackServerContext* context, const pb::GetReplicaRequest*,
                                 pb::Replica* response) override {
    auto* reactor = context->DefaultReactor();
    executor_.post([this, reactor, response] {
      const core::ReplicaHeartbeat beat = core_.heartbeat();
      response->set_id(core_.replica().str());
      response->set_generation(beat.generation);
      response->set_stale(beat.stale);
      response->set_settling(beat.settling);
      reactor->Finish(grpc::Status::OK);
    });
    return reactor;
  }

  grpc::ServerWriteReactor<pb::WatchEventsResponse>* WatchEvents(
      CallbackServerContext*, const pb::WatchEventsRequest* request) override {
    auto reader = std::make_shared<EventReader>(executor_, core_, request->once());
    std::optional<Duration> since;
    if (request->has_since()) since = read(request->since());
    return reader->start(request->resume_token(), since);
  }
};

}  // namespace

std::unique_ptr<grpc::Service> make_cluster_service(Executor& executor, core::ClusterCore& core) {
  return std::make_unique<ClusterService>(executor, core);
}

}  // namespace weir::service
