#pragma once
// AsioExecutor: weir::Executor on an io_context that one thread runs.
// Threading: post() from any thread; run_after() and cancel() on the io_context's thread.
// Lifetime: the io_context outlives it. Work not yet run when it is destroyed is dropped.

#include <memory>

#include "common/base/executor.h"

namespace boost::asio {
class io_context;
}

namespace weir::async {

class AsioExecutor final : public Executor {
 public:
  explicit AsioExecutor(boost::asio::io_context& io);
  ~AsioExecutor() override;
  AsioExecutor(const AsioExecutor&) = delete;
  AsioExecutor& operator=(const AsioExecutor&) = delete;

  void post(Callback<void()> work) override;
  TimerId run_after(Duration delay, Callback<void()> work) override;
  void cancel(TimerId timer) override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace weir::async
