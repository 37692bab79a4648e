#pragma once
// Poller: readiness of many sockets of one worker, below one descriptor of its io_context.
//
// Purpose: an epoll set nested in Asio's. A socket costs no memory of this process and no call per
// wait: edges are remembered by their targets (docs/adr/0007). Asio sees one descriptor that
// becomes readable. Threading: the worker's thread. Lifetime: the io_context outlives it; a target
// outlives its registration and, because events of one batch may still name it, the end of the
// batch.

#include <cstdint>
#include <functional>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

namespace weir::io {

class PollTarget {
 public:
  /// `events`: EPOLL* bits.
  virtual void on_events(std::uint32_t events) = 0;

 protected:
  ~PollTarget() = default;
};

class Poller {
 public:
  /// `batch_done` runs after each batch of events.
  Poller(boost::asio::io_context& io, std::function<void()> batch_done);
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  /// Edge-triggered, both directions. False = the kernel refused (out of memory or watches).
  bool add_socket(int fd, PollTarget& target);
  /// Level-triggered, for listeners.
  bool add_listener(int fd, PollTarget& target);
  /// Closing a descriptor removes it too.
  void remove(int fd);
  void start() { wait(); }
  void stop();
  /// Events that the kernel gave together with the present one: how much there is to do.
  int batch_size() const { return batch_size_; }

 private:
  void wait();
  void run();

  boost::asio::posix::stream_descriptor epoll_;
  std::function<void()> batch_done_;
  int batch_size_ = 0;
};

}  // namespace weir::io
