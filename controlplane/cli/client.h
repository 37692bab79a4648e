#pragma once
// Client: unary calls to the first control-plane replica that answers, within one overall deadline.
//
// Purpose: endpoints are tried in the order given, from the one that answered last. One that is
// down, frozen, shutting down or without its store costs a moment, not the command; when none
// answers, the status says what came of each. Threading: one thread; calls block. Lifetime: holds
// its channels.

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
  /// False: the endpoint in use takes connections and says nothing. One that refuses them says so
  /// itself when it is called.
  bool responds_until(std::chrono::system_clock::time_point deadline) const;
  /// Who gave the last answer, or all endpoints, for messages.
  std::string where() const;

 private:
  grpc::Status try_one(const Attempt& attempt, std::chrono::system_clock::time_point deadline,
                       std::size_t left);

  std::vector<std::string> endpoints_;
  std::vector<std::shared_ptr<grpc::Channel>> channels_;
  std::chrono::milliseconds timeout_;
  std::size_t current_ = 0;
  std::string answered_by_;  ///< empty = nobody
};

}  // namespace weir::cli
