#pragma once
// Endpoints: the replicas a client may talk to, one at a time; a failure moves on to the next.
// Starts at a random one, so that clients spread. Threading: one thread. Lifetime: value.

#include <cstddef>
#include <string>
#include <vector>

#include "common/base/random.h"

namespace weir::rpc {

class Endpoints {
 public:
  /// At least one address, `host:port`.
  Endpoints(std::vector<std::string> addresses, Random& random);

  const std::string& current() const { return addresses_[index_]; }
  /// Moves on after a failure of current().
  void failed() { index_ = (index_ + 1) % addresses_.size(); }
  std::size_t size() const { return addresses_.size(); }

 private:
  std::vector<std::string> addresses_;
  std::size_t index_;
};

}  // namespace weir::rpc
