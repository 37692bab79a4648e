#include "common/async/signals.h"

#include <csignal>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

namespace weir::async {

struct Signals::State : std::enable_shared_from_this<State> {
  State(boost::asio::io_context& io, std::function<void()> drain_callback,
        std::function<void()> stop_callback)
      : signals(io, SIGTERM, SIGINT),
        drain(std::move(drain_callback)),
        stop(std::move(stop_callback)) {}

  void wait() {
    signals.async_wait([self = weak_from_this()](const boost::system::error_code& error, int) {
      const auto state = self.lock();
      if (!state || error) return;
      const bool first = !std::exchange(state->draining, true);
      state->wait();
      (first ? state->drain : state->stop)();
    });
  }

  boost::asio::signal_set signals;
  std::function<void()> drain;
  std::function<void()> stop;
  bool draining = false;
};

Signals::Signals(boost::asio::io_context& io, std::function<void()> drain,
                 std::function<void()> stop)
    : state_(std::make_shared<State>(io, std::move(drain), std::move(stop))) {
  // A write to a closed peer is an error value here, not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  state_->wait();
}

Signals::~Signals() = default;

}  // namespace weir::async
