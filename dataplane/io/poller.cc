#include "dataplane/io/poller.h"

#include <array>
#include <utility>

#include <sys/epoll.h>

#include "common/base/contract.h"
#include "dataplane/io/limits.h"

namespace weir::io {
namespace {

int open_epoll() {
  const int fd = ::epoll_create1(EPOLL_CLOEXEC);
  WEIR_ASSERT(fd >= 0);
  return fd;
}

bool control(int epoll, int fd, std::uint32_t events, PollTarget& target) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &target;
  return ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

}  // namespace

Poller::Poller(boost::asio::io_context& io, std::function<void()> batch_done)
    : epoll_(io, open_epoll()), batch_done_(std::move(batch_done)) {}

bool Poller::add_socket(int fd, PollTarget& target) {
  return control(epoll_.native_handle(), fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, target);
}

bool Poller::add_listener(int fd, PollTarget& target) {
  return control(epoll_.native_handle(), fd, EPOLLIN, target);
}

void Poller::remove(int fd) {
  ::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_DEL, fd, nullptr);
}

void Poller::stop() {
  boost::system::error_code ignored;
  epoll_.cancel(ignored);
}

void Poller::wait() {
  epoll_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                    [this](const boost::system::error_code& error) {
                      if (error) return;
                      run();
                      wait();
                    });
}

void Poller::run() {
  std::array<epoll_event, kEventsPerBatch> events;
  for (int batch = 0; batch < kBatchesPerWake; ++batch) {
    const int count = ::epoll_wait(epoll_.native_handle(), events.data(), kEventsPerBatch, 0);
    batch_size_ = count;
    for (int i = 0; i < count; ++i) {
      auto& event = events[static_cast<std::size_t>(i)];
      static_cast<PollTarget*>(event.data.ptr)->on_events(event.events);
    }
    if (count > 0) batch_done_();
    // Re-arming the wait reports what is left.
    if (count < kEventsPerBatch) return;
  }
}

}  // namespace weir::io
