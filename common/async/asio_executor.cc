#include "common/async/asio_executor.h"

#include <unordered_map>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

namespace weir::async {

struct AsioExecutor::State {
  explicit State(boost::asio::io_context& context) : io(context) {}

  boost::asio::io_context& io;
  TimerId last_id = 0;
  std::unordered_map<TimerId, boost::asio::steady_timer> timers;
};

AsioExecutor::AsioExecutor(boost::asio::io_context& io) : state_(std::make_shared<State>(io)) {}

// Handlers hold the state weakly, so what is still queued in the io_context finds nothing to run.
AsioExecutor::~AsioExecutor() = default;

void AsioExecutor::post(Callback<void()> work) {
  boost::asio::post(state_->io, [weak = std::weak_ptr(state_), work = std::move(work)]() mutable {
    if (weak.lock()) work();
  });
}

TimerId AsioExecutor::run_after(Duration delay, Callback<void()> work) {
  const TimerId id = ++state_->last_id;
  auto& timer = state_->timers.emplace(id, boost::asio::steady_timer(state_->io)).first->second;
  timer.expires_after(delay);
  timer.async_wait([id, weak = std::weak_ptr(state_),
                    work = std::move(work)](const boost::system::error_code&) mutable {
    const auto state = weak.lock();
    // An expiry that is already queued cannot be cancelled any more: the table decides.
    if (state && state->timers.erase(id) > 0) work();
  });
  return id;
}

void AsioExecutor::cancel(TimerId timer) {
  state_->timers.erase(timer);
}

}  // namespace weir::async
