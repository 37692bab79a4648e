#include "origin-agent/source/process_table.h"

#include <chrono>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <sys/syscall.h>
#include <unistd.h>

#include "origin-agent/source/limits.h"
#include "origin-agent/source/procfs.h"

namespace weir::agent {
namespace {

/// Without a pidfd (an old kernel, a seccomp filter, no descriptors left) /proc is asked this
/// often.
constexpr std::chrono::milliseconds kPollInterval{100};

bool is_running(const ProcessIdentity& process) {
  const auto now = process_identity(process.pid);
  return now && now->start_ticks == process.start_ticks;
}

struct WatchState : std::enable_shared_from_this<WatchState> {
  WatchState(boost::asio::io_context& io, const ProcessIdentity& watched, Callback<void()> callback)
      : descriptor(io), timer(io), process(watched), gone(std::move(callback)) {}

  void start() {
    const long fd = ::syscall(SYS_pidfd_open, process.pid, 0);
    // Looked at after opening: from here on the pidfd cannot mean a later process of that pid.
    const bool same = is_running(process);
    if (fd < 0) return poll(same ? kPollInterval : std::chrono::milliseconds(0));
    boost::system::error_code failed;
    descriptor.assign(static_cast<int>(fd), failed);
    if (failed) {
      ::close(static_cast<int>(fd));
      return poll(kPollInterval);
    }
    if (!same) return poll(std::chrono::milliseconds(0));
    wait();
  }

  void wait() {
    descriptor.async_wait(boost::asio::posix::descriptor_base::wait_read,
                          [self = shared_from_this()](const boost::system::error_code& error) {
                            if (error || !self->gone) return;
                            // Readiness may be another's: of a socket closed in the same turn of
                            // the event loop, whose place there the pidfd took.
                            if (is_running(self->process)) return self->wait();
                            std::exchange(self->gone, {})();
                          });
  }

  void poll(std::chrono::milliseconds delay) {
    timer.expires_after(delay);
    timer.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (error || !self->gone) return;
      if (is_running(self->process)) return self->poll(kPollInterval);
      std::exchange(self->gone, {})();
    });
  }

  void cancel() {
    gone = {};
    boost::system::error_code ignored;
    descriptor.close(ignored);
    timer.cancel();
  }

  boost::asio::posix::stream_descriptor descriptor;
  boost::asio::steady_timer timer;
  const ProcessIdentity process;
  Callback<void()> gone;
};

class LinuxExitWatch final : public ExitWatch {
 public:
  explicit LinuxExitWatch(std::shared_ptr<WatchState> state) : state_(std::move(state)) {}
  ~LinuxExitWatch() override { state_->cancel(); }

 private:
  std::shared_ptr<WatchState> state_;
};

}  // namespace

std::unique_ptr<ExitWatch> LinuxProcessTable::watch_exit(const ProcessIdentity& process,
                                                         Callback<void()> gone) {
  // Those of processes that went between two readings.
  if (files_.size() > kOpenFilesProcessesMax) files_.clear();
  auto state = std::make_shared<WatchState>(io_, process, std::move(gone));
  state->start();
  return std::make_unique<LinuxExitWatch>(std::move(state));
}

std::optional<ProcessUsage> LinuxProcessTable::usage(const ProcessIdentity& process) {
  auto usage = process_usage(process);
  if (!usage) {
    files_.erase(process.pid);
    return usage;
  }
  Files& known = files_[process.pid];
  if (known.start_ticks != process.start_ticks || known.good_for == 0)
    known = {process.start_ticks, open_files(process.pid), kOpenFilesReadings};
  --known.good_for;
  usage->open_files = known.files.open;
  usage->open_files_max = known.files.max;
  return usage;
}

bool LinuxProcessTable::is_alive(const ProcessIdentity& process) {
  return is_running(process);
}

}  // namespace weir::agent
