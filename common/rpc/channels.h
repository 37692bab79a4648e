#pragma once
// Channels: one channel to each control-plane replica, made when first used, and anew on demand.
//
// Purpose: a connection to a host that went away without a word stays open, and when the host is
// back TCP may try it next in a minute; so who leaves a replica for its silence asks for a new one.
// gRPC aborts when one of its own threads lets go of a channel last (it would join itself): a
// channel that was replaced is kept until nobody else holds it.
// Threading: one thread; gRPC's own may drop their references at any time. Lifetime: outlives the
// calls on its channels, or keep_for_good().

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "common/base/secret.h"

namespace grpc {
class Channel;
}

namespace weir::rpc {

class Channels {
 public:
  /// `endpoints`: `host:port` each, at least one.
  Channels(std::vector<std::string> endpoints, Secret token);
  ~Channels();
  Channels(const Channels&) = delete;
  Channels& operator=(const Channels&) = delete;

  std::size_t size() const { return endpoints_.size(); }
  const std::string& name(std::size_t endpoint) const { return endpoints_[endpoint]; }
  const std::shared_ptr<grpc::Channel>& at(std::size_t endpoint);
  /// The next at() makes a new channel; calls on the present one go on.
  void renew(std::size_t endpoint);
  /// Calls are left that gRPC has not let go of: their channels stay for the rest of the process.
  void keep_for_good();
  /// Channels that were replaced and are still in use.
  std::size_t retired() const { return retired_.size(); }

 private:
  void forget_unused();

  std::vector<std::string> endpoints_;
  Secret token_;
  std::vector<std::shared_ptr<grpc::Channel>> channels_;
  std::vector<std::shared_ptr<grpc::Channel>> retired_;
};

}  // namespace weir::rpc
