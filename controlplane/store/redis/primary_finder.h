#pragma once
// PrimaryFinder: asks every sentinel at once who the primary is.
//
// Purpose: the answers come back newest first (highest configuration epoch, then most votes), so
// that a sentinel that is behind, cut off or wrong costs an attempt and not the truth: whoever
// connects asks the Redis for its role.
//
// Threading: the io_context's thread; completions from the event loop only. Lifetime: cancel() and
// the destructor drop the question, whose completion is then never called. What it is given
// outlives it.

#include <memory>
#include <string>
#include <vector>

#include "common/base/callback.h"
#include "common/base/clock.h"
#include "controlplane/store/redis/options.h"
#include "controlplane/store/redis/sentinel_greeting.h"

namespace boost::asio {
class io_context;
namespace ssl {
class context;
}
}  // namespace boost::asio

namespace weir::store::redis {

struct Found {
  std::vector<NamedPrimary> candidates;  ///< best first, each address once
  std::string trouble;                   ///< when there are none: what the sentinels said
};

/// What several sentinels said, in the order of attempts.
std::vector<NamedPrimary> best_first(const std::vector<NamedPrimary>& said);

class PrimaryFinder {
 public:
  PrimaryFinder(boost::asio::io_context& io, const Clock& clock, const Options& options,
                boost::asio::ssl::context* tls);
  ~PrimaryFinder();
  PrimaryFinder(const PrimaryFinder&) = delete;
  PrimaryFinder& operator=(const PrimaryFinder&) = delete;

  /// One question at a time; a new one drops the one before.
  void find(Callback<void(Found)> done);
  void cancel();

 private:
  struct Round;
  boost::asio::io_context& io_;
  const Clock& clock_;
  const Options& options_;
  boost::asio::ssl::context* tls_;
  std::shared_ptr<Round> round_;
};

}  // namespace weir::store::redis
