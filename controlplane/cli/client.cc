#include "controlplane/cli/client.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/base/contract.h"
#include "common/rpc/channel.h"
#include "common/rpc/status.h"

namespace weir::cli {
namespace {

/// Whether another replica may do better: this one did not answer, or is going away.
bool worth_another(const grpc::Status& status) {
  if (status.error_code() == grpc::DEADLINE_EXCEEDED) return true;
  if (status.error_code() != grpc::UNAVAILABLE) return false;
  const std::string reason = rpc::reason_of(status);
  return reason.empty() || reason == rpc::reason::kShuttingDown;
}

}  // namespace

Client::Client(std::vector<std::string> endpoints, const Secret& token,
               std::chrono::milliseconds timeout)
    : endpoints_(std::move(endpoints)), timeout_(timeout) {
  WEIR_ASSERT(!endpoints_.empty());
  for (const std::string& endpoint : endpoints_)
    channels_.push_back(rpc::make_channel(endpoint, token));
}

grpc::Status Client::call(const Attempt& attempt) {
  const auto deadline = std::chrono::system_clock::now() + timeout_;
  grpc::Status status(grpc::UNAVAILABLE, "not tried");
  for (std::size_t left = endpoints_.size(); left > 0; --left) {
    const auto now = std::chrono::system_clock::now();
    if (now >= deadline) return {grpc::DEADLINE_EXCEEDED, "no answer in time"};
    // A frozen replica uses up its share of the time, not all of it.
    grpc::ClientContext context;
    context.set_deadline(now + (deadline - now) / static_cast<int>(left));
    status = attempt(channel(), context);
    if (!worth_another(status)) return status;
    if (left > 1) next_endpoint();
  }
  return status;
}

std::string Client::where() const {
  return fmt::format("{}", fmt::join(endpoints_, ","));
}

}  // namespace weir::cli
