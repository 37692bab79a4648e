#include "controlplane/cli/client.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/base/contract.h"
#include "common/rpc/channel.h"
#include "common/rpc/status.h"
#include "controlplane/cli/limits.h"

namespace weir::cli {
namespace {

using std::chrono::system_clock;

/// Whether anything is known of the replica's mind.
bool is_answer(const grpc::Status& status) {
  return (status.error_code() != grpc::UNAVAILABLE &&
          status.error_code() != grpc::DEADLINE_EXCEEDED) ||
         !rpc::reason_of(status).empty();
}

/// Whether another replica may do better: this one did not answer, is going away, or is cut off
/// from the store.
bool worth_another(const grpc::Status& status) {
  const std::string reason = rpc::reason_of(status);
  return !is_answer(status) || reason == rpc::reason::kShuttingDown ||
         reason == rpc::reason::kStoreUnavailable;
}

/// What helps most when nobody did what was asked: what one said, then that one was there and took
/// too long.
int worth(const grpc::Status& status) {
  if (is_answer(status)) return 2;
  return status.error_code() == grpc::DEADLINE_EXCEEDED ? 1 : 0;
}

}  // namespace

Client::Client(std::vector<std::string> endpoints, const Secret& token,
               std::chrono::milliseconds timeout)
    : endpoints_(std::move(endpoints)), timeout_(timeout) {
  WEIR_ASSERT(!endpoints_.empty());
  for (const std::string& endpoint : endpoints_)
    channels_.push_back(rpc::make_channel(endpoint, token));
}

bool Client::responds_until(system_clock::time_point deadline) const {
  for (;;) {
    const grpc_connectivity_state state = channel()->GetState(true);
    if (state != GRPC_CHANNEL_IDLE && state != GRPC_CHANNEL_CONNECTING) return true;
    if (!channel()->WaitForStateChange(state, deadline)) return false;
  }
}

/// `left`: endpoints that have their turn yet, this one included. The time is shared among them.
grpc::Status Client::try_one(const Attempt& attempt, system_clock::time_point deadline,
                             std::size_t left) {
  const auto now = system_clock::now();
  if (now >= deadline) return {grpc::DEADLINE_EXCEEDED, "no time was left"};
  const auto share = (deadline - now) / static_cast<int>(left);
  // A frozen process has its connections taken by its system, and never gets further.
  const auto connecting =
      left == 1 ? share : std::min<system_clock::duration>(share, kConnectWithin);
  if (!responds_until(now + connecting))
    return {grpc::UNAVAILABLE,
            fmt::format("no answer within {} ms",
                        std::chrono::duration_cast<std::chrono::milliseconds>(connecting).count())};
  grpc::ClientContext context;
  context.set_deadline(now + share);
  return attempt(channel(), context);
}

grpc::Status Client::call(const Attempt& attempt) {
  const auto deadline = system_clock::now() + timeout_;
  answered_by_.clear();
  grpc::Status best;
  std::vector<std::string> tried;
  for (std::size_t left = endpoints_.size(); left > 0; --left) {
    const grpc::Status status = try_one(attempt, deadline, left);
    if (tried.empty() || worth(status) > worth(best)) {
      best = status;
      if (is_answer(status)) answered_by_ = endpoint();
    }
    if (!worth_another(status)) {
      answered_by_ = endpoint();
      return status;
    }
    tried.push_back(fmt::format("{}: {}", endpoint(), rpc::describe(status)));
    if (left > 1) next_endpoint();
  }
  if (is_answer(best) || tried.size() == 1) return best;
  return {best.error_code(), fmt::format("none answered: {}", fmt::join(tried, "; "))};
}

std::string Client::where() const {
  return answered_by_.empty() ? fmt::format("{}", fmt::join(endpoints_, ",")) : answered_by_;
}

}  // namespace weir::cli
