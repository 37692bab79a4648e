#include "dataplane/routing/grpc/grpc_control_link.h"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>
#include <utility>

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include "common/base/contract.h"
#include "common/rpc/channels.h"
#include "common/rpc/reasons.h"
#include "common/rpc/status.h"
#include "dataplane/routing/grpc/convert.h"
#include "weir/control/v1/cluster_service.grpc.pb.h"
#include "weir/control/v1/forwarder_service.grpc.pb.h"
#include "weir/control/v1/placement_service.grpc.pb.h"

namespace weir::routing {
namespace {

namespace pb = control::v1;
using std::chrono::milliseconds;

/// How long the end of the link waits for gRPC to let go of its calls.
constexpr milliseconds kLinkShutdownTimeout{1'000};

/// True when asking again cannot change the outcome.
bool is_final(const grpc::Status& status) {
  return status.ok() || rpc::reason_of(status) == rpc::reason::kInvalidField ||
         rpc::reason_of(status) == rpc::reason::kPlacementNotFound;
}

}  // namespace

/// The way from gRPC's threads to the control thread; shut before the executor may go. Counts the
/// calls: each holds the channel through its context, and gRPC aborts when one of its own threads
/// lets go of a channel last (it would join itself), so the link keeps them until none is left.
class GrpcControlLink::Gate {
 public:
  explicit Gate(Executor& executor) : executor_(&executor) {}
  void post(Callback<void()> work) {
    const std::lock_guard lock(mutex_);
    if (executor_ != nullptr) executor_->post(std::move(work));
  }
  void call_begins() {
    const std::lock_guard lock(mutex_);
    ++calls_;
  }
  /// The caller has let go of the call before.
  void call_ended() {
    const std::lock_guard lock(mutex_);
    if (--calls_ == 0) idle_.notify_all();
  }
  void shut() {
    const std::lock_guard lock(mutex_);
    executor_ = nullptr;
  }
  /// False = calls are left.
  bool wait_idle() {
    std::unique_lock lock(mutex_);
    return idle_.wait_for(lock, kLinkShutdownTimeout, [this] { return calls_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable idle_;
  std::size_t calls_ = 0;
  Executor* executor_;
};

struct GrpcControlLink::State {
  /// On the present channel to a replica.
  struct Stubs {
    std::unique_ptr<pb::ForwarderService::Stub> forwarders;
    std::unique_ptr<pb::PlacementService::Stub> placements;
    std::unique_ptr<pb::ClusterService::Stub> cluster;
  };

  const Stubs& at(std::size_t endpoint) {
    std::optional<Stubs>& present = stubs[endpoint];
    if (!present) {
      const auto& channel = channels.at(endpoint);
      present = Stubs{pb::ForwarderService::NewStub(channel),
                      pb::PlacementService::NewStub(channel), pb::ClusterService::NewStub(channel)};
    }
    return *present;
  }

  /// A call with its deadline set and counted, which ends on the control thread.
  template <class Call>
  std::shared_ptr<Call> begin(Duration deadline) const {
    auto unary = std::make_shared<Call>();
    unary->context.set_deadline(clock.wall_now() +
                                std::chrono::duration_cast<WallTime::duration>(deadline));
    gate->call_begins();
    return unary;
  }

  const Clock& clock;
  ForwarderFacts facts;
  std::shared_ptr<Gate> gate;
  rpc::Channels channels;
  std::vector<std::optional<Stubs>> stubs;
  std::shared_ptr<AttachCall> call;
  Events* events = nullptr;
};

/// One attach stream. The hold keeps the call from ending while the control thread may still write;
/// it is given up exactly once, by whoever closes first. The object keeps itself until OnDone.
class GrpcControlLink::AttachCall final
    : public grpc::ClientBidiReactor<pb::ForwarderServiceAttachRequest,
                                     pb::ForwarderServiceAttachResponse>,
      public std::enable_shared_from_this<AttachCall> {
 public:
  AttachCall(State& state, std::shared_ptr<Gate> gate) : state_(state), gate_(std::move(gate)) {}

  void start(pb::ForwarderService::Stub& stub, pb::ForwarderServiceAttachRequest hello) {
    self_ = shared_from_this();
    gate_->call_begins();
    stub.async()->Attach(&context_, this);
    outgoing_ = std::move(hello);
    AddHold();
    StartRead(&incoming_);
    StartWrite(&outgoing_);
    StartCall();
  }

  /// Only when the message before was taken.
  void write(pb::ForwarderServiceAttachRequest message) {
    const std::lock_guard lock(mutex_);
    if (!open_) return;
    outgoing_ = std::move(message);
    StartWrite(&outgoing_);
  }

  void close() {
    {
      const std::lock_guard lock(mutex_);
      if (!std::exchange(open_, false)) return;
    }
    context_.TryCancel();
    RemoveHold();
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      close();
      return;
    }
    if (auto message = from_proto(incoming_)) {
      deliver([content = std::move(*message)](Events& events) mutable {
        events.on_message(std::move(content));
      });
    }
    StartRead(&incoming_);
  }

  void OnWriteDone(bool ok) override {
    if (ok) deliver([](Events& events) { events.on_writable(); });
  }

  void OnDone(const grpc::Status& status) override {
    const std::shared_ptr<Gate> gate = gate_;
    std::string why = status.ok() ? "closed by the replica" : rpc::describe(status);
    const endpoints::Failure failure = rpc::failure_of(status);
    gate->post([call = std::move(self_), why = std::move(why), failure]() mutable {
      if (call->state_.call != call) return;
      call->state_.call.reset();
      call->state_.events->on_detached(std::move(why), failure);
    });
    gate->call_ended();  // this object may be gone by now
  }

 private:
  /// Runs on the control thread, unless the link has left this stream by then. The gate is shut
  /// before the state goes, so state_ is valid whenever posted work runs.
  template <class F>
  void deliver(F call_events) {
    gate_->post([call = shared_from_this(), call_events = std::move(call_events)]() mutable {
      if (call->state_.call == call) call_events(*call->state_.events);
    });
  }

  State& state_;
  const std::shared_ptr<Gate> gate_;
  std::shared_ptr<AttachCall> self_;
  grpc::ClientContext context_;
  pb::ForwarderServiceAttachRequest outgoing_;
  pb::ForwarderServiceAttachResponse incoming_;
  std::mutex mutex_;
  bool open_ = true;
};

GrpcControlLink::GrpcControlLink(Executor& executor, const Clock& clock, ForwarderFacts facts,
                                 const std::vector<std::string>& endpoints, const Secret& token)
    : state_(new State{.clock = clock,
                       .facts = std::move(facts),
                       .gate = std::make_shared<Gate>(executor),
                       .channels = {endpoints, token},
                       .stubs = std::vector<std::optional<State::Stubs>>(endpoints.size()),
                       .call = nullptr,
                       .events = nullptr}) {}

GrpcControlLink::~GrpcControlLink() {
  state_->gate->shut();
  detach();
  state_->stubs.clear();
  // A call that gRPC still holds needs its channel.
  if (!state_->gate->wait_idle()) state_->channels.keep_for_good();
}

std::size_t GrpcControlLink::endpoint_count() const {
  return state_->channels.size();
}

std::string GrpcControlLink::endpoint_name(std::size_t endpoint) const {
  return state_->channels.name(endpoint);
}

void GrpcControlLink::renew(std::size_t endpoint) {
  state_->stubs[endpoint].reset();
  state_->channels.renew(endpoint);
}

void GrpcControlLink::attach(std::size_t endpoint, Hello hello, Events& events) {
  WEIR_ASSERT(state_->call == nullptr);
  state_->events = &events;
  state_->call = std::make_shared<AttachCall>(*state_, state_->gate);
  state_->call->start(*state_->at(endpoint).forwarders, to_proto(state_->facts, hello));
}

void GrpcControlLink::send(Upward message) {
  if (state_->call) state_->call->write(to_proto(state_->facts, message));
}

void GrpcControlLink::detach() {
  if (const auto call = std::move(state_->call)) call->close();
  state_->call.reset();
}

void GrpcControlLink::acquire(std::size_t endpoint, const AcquireRequest& request,
                              Duration deadline, Callback<void(AcquireReply)> answer) {
  struct Call {
    grpc::ClientContext context;
    pb::AcquirePlacementRequest request;
    pb::AcquirePlacementResponse response;
    Callback<void(AcquireReply)> answer;
  };
  auto call = state_->begin<Call>(deadline);
  call->request = to_proto(state_->facts, request);
  call->answer = std::move(answer);
  state_->at(endpoint).placements->async()->AcquirePlacement(
      &call->context, &call->request, &call->response,
      [call, gate = state_->gate](const grpc::Status& status) mutable {
        AcquireReply reply = to_reply(status, call->response);
        gate->post([call = std::move(call), reply = std::move(reply)]() mutable {
          call->answer(std::move(reply));
        });
        gate->call_ended();
      });
}

void GrpcControlLink::release(std::size_t endpoint, const ReleaseRequest& request,
                              Duration deadline, Callback<void(bool)> done) {
  struct Call {
    grpc::ClientContext context;
    pb::ReleasePlacementRequest request;
    pb::ReleasePlacementResponse response;
    Callback<void(bool)> done;
  };
  auto call = state_->begin<Call>(deadline);
  call->request = to_proto(state_->facts, request);
  call->done = std::move(done);
  state_->at(endpoint).placements->async()->ReleasePlacement(
      &call->context, &call->request, &call->response,
      [call, gate = state_->gate](const grpc::Status& status) mutable {
        gate->post([call = std::move(call), acknowledged = is_final(status)] {
          call->done(acknowledged);
        });
        gate->call_ended();
      });
}

void GrpcControlLink::ask_freshness(std::size_t endpoint, Duration deadline,
                                    Callback<void(FreshnessReply)> answer) {
  struct Call {
    grpc::ClientContext context;
    pb::GetReplicaRequest request;
    pb::Replica response;
    Callback<void(FreshnessReply)> answer;
  };
  auto call = state_->begin<Call>(deadline);
  call->answer = std::move(answer);
  state_->at(endpoint).cluster->async()->GetReplica(
      &call->context, &call->request, &call->response,
      [call, gate = state_->gate](const grpc::Status& status) mutable {
        FreshnessReply reply = Freshness{call->response.stale()};
        if (!status.ok()) {
          // An older control plane does not know the question.
          const bool old = status.error_code() == grpc::UNIMPLEMENTED;
          reply = Unreachable{rpc::describe(status),
                              old ? std::nullopt : std::optional(rpc::failure_of(status))};
        }
        gate->post([call = std::move(call), reply = std::move(reply)]() mutable {
          call->answer(std::move(reply));
        });
        gate->call_ended();
      });
}

}  // namespace weir::routing
