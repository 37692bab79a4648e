#pragma once
// PrimaryFinder: asks every sentinel at once who the primary is.
//
// Purpose: only the newest configuration epoch of the answers counts. A primary of an older one was
// deposed, even if it still calls itself one and most sentinels have yet to hear of it. Among
// equals most votes come first: a sentinel that is wrong costs an attempt, for whoever connects
// asks the Redis for its role.
//
// Threading: the io_context's thread; completions from the event loop only. Lifetime: cancel() and
// the destructor drop the question, whose completion is then never called. What it is given
// outlives it.

#include <cstddef>
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
  std::vector<NamedPrimary> candidates;  ///< of one epoch, best first, each address once
  bool majority = false;                 ///< of all sentinels that are asked names the first
  std::string trouble;                   ///< when there are none: what the sentinels said
};

/// What `sentinels` said, of whom not all need have answered.
Found judge_words(const std::vector<NamedPrimary>& said, std::size_t sentinels);

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
