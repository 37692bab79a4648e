#pragma once
// Client: unary calls to the first control-plane replica that answers, within one overall deadline.
// Threading: one thread; calls block. Lifetime: holds its channels.

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include "common/base/secret.h"

namespace weir::cli {

class Client {
 public:
  using Attempt =
      std::function<grpc::Status(const std::shared_ptr<grpc::Channel>&, grpc::ClientContext&)>;

  /// At least one endpoint; `timeout` is for each call() as a whole, all attempts together.
  Client(std::vector<std::string> endpoints, const Secret& token,
         std::chrono::milliseconds timeout);

  /// Runs `attempt` at one endpoint after the other while they do not answer.
  grpc::Status call(const Attempt& attempt);

  /// For streams: the channel in use, and the next one after it failed.
  const std::shared_ptr<grpc::Channel>& channel() const { return channels_[current_]; }
  const std::string& endpoint() const { return endpoints_[current_]; }
  void next_endpoint() { current_ = (current_ + 1) % endpoints_.size(); }
  std::size_t endpoint_count() const { return endpoints_.size(); }
  std::chrono::milliseconds timeout() const { return timeout_; }
  /// All endpoints, for messages.
  std::string where() const;

 private:
  std::vector<std::string> endpoints_;
  std::vector<std::shared_ptr<grpc::Channel>> channels_;
  std::chrono::milliseconds timeout_;
  std::size_t current_ = 0;
};

}  // namespace weir::cli
