#include "dataplane/io/lingering_set.h"

#include <array>
#include <cerrno>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/io/socket_options.h"

namespace weir::io {

class LingeringSet::Entry final : public PollTarget, public Timer {
 public:
  Entry(LingeringSet& set, int fd, std::unique_ptr<SendQueue> queue, bool peer_ended)
      : set_(set), fd_(fd), queue_(std::move(queue)), peer_ended_(peer_ended) {}
  ~Entry() {
    set_.context_.timers.cancel(*this);
    if (fd_ >= 0) close_with_reset(fd_);
  }

  /// False = over.
  bool start() {
    // A fresh registration reports the present state as edges, so none can have been missed.
    set_.context_.poller.remove(fd_);
    if (!set_.context_.poller.add_socket(fd_, *this)) return false;
    set_.context_.timers.set(*this, set_.context_.clock.now() + kFlushWithin);
    return advance();
  }

  void on_events(std::uint32_t) override {
    if (fd_ >= 0 && !advance()) set_.remove(*this);
  }
  void on_timer(MonotonicTime) override { set_.remove(*this); }

  void end(bool cleanly) {
    if (fd_ < 0) return;
    const int fd = std::exchange(fd_, -1);
    if (cleanly) {
      ::close(fd);
    } else {
      close_with_reset(fd);
    }
    queue_.reset();
    set_.context_.timers.cancel(*this);
  }
  bool clean() const { return clean_; }
  bool waits_to_send() const { return queue_ != nullptr; }

 private:
  bool advance() {
    if (!flush()) return false;
    if (queue_) return true;
    if (!shut_) {
      shut_ = true;
      ::shutdown(fd_, SHUT_WR);
      set_.context_.timers.set(*this, set_.context_.clock.now() + kLingerFor);
    }
    if (!peer_ended_) peer_ended_ = discard();
    clean_ = peer_ended_;
    return !peer_ended_;
  }

  bool flush() {
    while (queue_ && !queue_->empty()) {
      std::array<iovec, 64> pieces;
      msghdr message{};
      message.msg_iov = pieces.data();
      message.msg_iovlen = queue_->gather(pieces);
      const ssize_t sent = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0) return errno == EAGAIN;
      queue_->consume(static_cast<std::size_t>(sent));
    }
    queue_.reset();
    return true;
  }

  /// True at the peer's end (FIN or error).
  bool discard() {
    // Bounded per turn by the buffer's size times the turns; a peer that floods meets the deadline.
    // MSG_TRUNC: the kernel throws the bytes away, so a session's views of the buffer stay as they
    // are.
    for (int turn = 0; turn < kReadsPerTurn; ++turn) {
      const ssize_t count =
          ::recv(fd_, set_.context_.receive_buffer.get(), kReceiveBufferBytes, MSG_TRUNC);
      if (count == 0) return true;
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return errno != EAGAIN;
    }
    return false;
  }

  LingeringSet& set_;
  int fd_;
  std::unique_ptr<SendQueue> queue_;
  bool peer_ended_;
  bool shut_ = false;
  bool clean_ = false;
};

LingeringSet::LingeringSet(WorkerContext& context) : context_(context) {}
LingeringSet::~LingeringSet() = default;

void LingeringSet::sweep() {
  ended_.clear();
}

void LingeringSet::take(int fd, std::unique_ptr<SendQueue> queue, bool peer_ended) {
  const bool nothing_left = queue == nullptr || queue->empty();
  if (nothing_left && peer_ended) {
    ::close(fd);
    return;
  }
  if (entries_.size() >= kLingeringMax) {
    close_with_reset(fd);
    return;
  }
  auto entry =
      std::make_unique<Entry>(*this, fd, nothing_left ? nullptr : std::move(queue), peer_ended);
  Entry& started = *entry;
  entries_.emplace(&started, std::move(entry));
  bump(context_.stats.lingering);
  if (!started.start()) remove(started);
}

void LingeringSet::remove(Entry& entry) {
  const auto it = entries_.find(&entry);
  if (it == entries_.end()) return;
  entry.end(entry.clean());
  drop(context_.stats.lingering);
  ended_.push_back(std::move(it->second));
  entries_.erase(it);
}

void LingeringSet::drop_queues() {
  std::vector<Entry*> waiting;
  for (const auto& [entry, owned] : entries_)
    if (entry->waits_to_send()) waiting.push_back(entry);
  for (Entry* entry : waiting) remove(*entry);
}

void LingeringSet::abort_all() {
  while (!entries_.empty()) remove(*entries_.begin()->first);
}

}  // namespace weir::io
