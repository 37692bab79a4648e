#pragma once
// Signals of a daemon: the first SIGTERM or SIGINT drains, the second stops; SIGPIPE is ignored.
// Threading: both callbacks run on the io_context's thread.
// Lifetime: the io_context outlives it; one object per process. No callback after destruction.

#include <functional>
#include <memory>

namespace boost::asio {
class io_context;
}

namespace weir::async {

class Signals {
 public:
  Signals(boost::asio::io_context& io, std::function<void()> drain, std::function<void()> stop);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace weir::async
