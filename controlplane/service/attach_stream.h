#pragma once
// AttachStream: one bidirectional stream of the callback API with a bounded queue of its own.
//
// Purpose: gRPC allows one write at a time and aborts on a second; and it reads as fast as it is
// asked to. Here writes wait in a queue whose overflow ends the stream, and the next read starts
// when the core has taken the message before: both directions are bounded. Reads and writes that
// the core asks for depart together (departures.h). Threading: send, end and read_on from the
// core's thread; gRPC's threads call the rest. A mutex guards what both touch; gRPC's operations
// are started under it and never call back inside. Lifetime: shared by the core (as a link) and the
// reactor, which gRPC holds until OnDone.

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "common/rpc/status.h"
#include "controlplane/service/departures.h"
#include "controlplane/service/limits.h"

namespace weir::service {

template <class Up, class Down>
class AttachStream : public std::enable_shared_from_this<AttachStream<Up, Down>> {
 public:
  using Reactor = grpc::ServerBidiReactor<Up, Down>;
  /// Both are called on gRPC's threads, in order.
  struct Events {
    std::function<void(const Up&)> message;  ///< answer with read_on()
    std::function<void()> closed;            ///< once, after the last message
  };

  AttachStream(grpc::CallbackServerContext* context, Departures& departures)
      : context_(context), departures_(departures), peer_(context->peer()) {}

  /// The reactor for gRPC, which deletes itself.
  Reactor* start(Events events) {
    events_ = std::move(events);
    reactor_ = new Driver(this->shared_from_this());
    reactor_->StartRead(&incoming_);
    return reactor_;
  }

  /// `join(waiting, message)` may move the message into one that waits already, and says whether it
  /// did: a peer that is told much at once is told in few messages.
  using Join = bool (*)(Down& waiting, Down& message);
  static bool never(Down&, Down&) { return false; }

  void send(Down message, Join join = &never) {
    const std::lock_guard lock(mutex_);
    if (finishing()) return;
    if (!queue_.empty() && join(queue_.back(), message)) return;
    if (may_queue()) queue_.push_back(std::move(message));
    write_soon();
  }

  /// Before what waits: the peer waits for it.
  void send_first(Down message, Join join) {
    const std::lock_guard lock(mutex_);
    if (finishing()) return;
    if (!queue_.empty() && join(queue_.front(), message)) return;
    if (may_queue()) queue_.push_front(std::move(message));
    write_soon();
  }

  /// Nothing leaves until it is uncorked, in the same turn of the core.
  void cork(bool corked) {
    const std::lock_guard lock(mutex_);
    corked_ = corked;
    if (!finishing()) write_soon();
  }

  /// Ends the stream after what is queued was dropped.
  void end(const grpc::Status& status) {
    const std::lock_guard lock(mutex_);
    if (!finishing()) finish(status);
  }

  /// The message before was taken in.
  void read_on() {
    departures_.add([self = this->shared_from_this()] {
      const std::lock_guard lock(self->mutex_);
      if (self->reactor_ != nullptr && !self->finished_) {
        self->reactor_->StartRead(&self->incoming_);
      }
    });
  }

  const std::string& peer() const { return peer_; }

 private:
  class Driver final : public Reactor {
   public:
    explicit Driver(std::shared_ptr<AttachStream> stream) : stream_(std::move(stream)) {}
    void OnReadDone(bool ok) override { stream_->read_done(ok); }
    void OnWriteDone(bool ok) override { stream_->write_done(ok); }
    void OnDone() override {
      stream_->done();
      delete this;
    }

   private:
    std::shared_ptr<AttachStream> stream_;
  };

  bool finishing() const { return reactor_ == nullptr || finished_ || last_status_.has_value(); }

  /// A write under way must be over before the status can go out. To a peer that does not read it
  /// never would be, so it is cancelled.
  void finish(const grpc::Status& status) {
    queue_.clear();
    if (!writing_) {
      finished_ = true;
      reactor_->Finish(status);
      return;
    }
    last_status_ = status;
    context_->TryCancel();
  }

  bool may_queue() {
    if (queue_.size() < kAttachQueueMax) return true;
    finish(rpc::make_status(rpc::reason::kLimitReached, "the peer reads too slowly"));
    return false;
  }

  /// With what else departs from this turn of the core; what is sent until then may join.
  void write_soon() {
    if (departing_ || writing_ || corked_ || queue_.empty()) return;
    departing_ = true;
    departures_.add([self = this->shared_from_this()] {
      const std::lock_guard lock(self->mutex_);
      self->departing_ = false;
      if (!self->finishing()) self->write_next();
    });
  }

  void write_next() {
    if (writing_ || corked_ || queue_.empty()) return;
    writing_ = true;
    outgoing_ = std::move(queue_.front());
    queue_.pop_front();
    reactor_->StartWrite(&outgoing_);
  }

  void read_done(bool ok) {
    if (ok) return events_.message(incoming_);
    {
      const std::lock_guard lock(mutex_);
      if (!finishing()) finish(grpc::Status::OK);
    }
    tell_closed();
  }

  /// Once, from whichever of the two comes first: no read may be outstanding when the stream ends.
  void tell_closed() {
    if (!closed_.exchange(true)) events_.closed();
  }

  void write_done(bool ok) {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    if (finished_) return;
    if (last_status_) {
      finished_ = true;
      reactor_->Finish(*last_status_);
      return;
    }
    // A failed write means a broken stream: the read side tells, and finishes.
    if (!ok) queue_.clear();
    write_next();
  }

  void done() {
    tell_closed();
    // Its functions hold the link, which holds this stream: the circle ends here.
    const Events ended = std::exchange(events_, Events{});
    const std::lock_guard lock(mutex_);
    reactor_ = nullptr;
    queue_.clear();
  }

  grpc::CallbackServerContext* const context_;  ///< valid until OnDone
  Departures& departures_;
  const std::string peer_;
  Events events_;
  Up incoming_;
  std::mutex mutex_;
  Driver* reactor_ = nullptr;  ///< null after OnDone
  std::deque<Down> queue_;
  Down outgoing_;
  bool writing_ = false;  ///< outgoing_ is under way
  bool corked_ = false;
  bool departing_ = false;                   ///< write_next() will run
  std::optional<grpc::Status> last_status_;  ///< to finish with after the write under way
  bool finished_ = false;
  std::atomic<bool> closed_ = false;
};

}  // namespace weir::service
