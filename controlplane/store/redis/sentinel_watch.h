#pragma once
// SentinelWatch: a subscription to one sentinel, so that a failover is heard of when it happens.
//
// Purpose: tells of the primary that the sentinel names when it is reached, and of each switch.
// Subscribes again, with backoff, for as long as it lives.
//
// Threading: the io_context's thread; `told` from the event loop only. Lifetime: the destructor
// ends all calls. What it is given outlives it.

#include <functional>
#include <memory>
#include <optional>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "controlplane/store/redis/options.h"
#include "controlplane/store/redis/sentinel_greeting.h"

namespace boost::asio {
class io_context;
namespace ssl {
class context;
}
}  // namespace boost::asio

namespace weir::store::redis {

class SentinelWatch {
 public:
  /// `switched`: a failover has just ended; else it is what the sentinel said when it was asked.
  using Told = std::function<void(const NamedPrimary& primary, bool switched)>;

  SentinelWatch(boost::asio::io_context& io, const Clock& clock, Random& random,
                const Options& options, boost::asio::ssl::context* tls, HostPort sentinel,
                Told told);
  ~SentinelWatch();
  SentinelWatch(const SentinelWatch&) = delete;
  SentinelWatch& operator=(const SentinelWatch&) = delete;

  void start();

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace weir::store::redis
