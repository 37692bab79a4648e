#include "common/rpc/channels.h"

#include <utility>

#include <grpcpp/channel.h>

#include "common/base/contract.h"
#include "common/rpc/channel.h"

namespace weir::rpc {

Channels::Channels(std::vector<std::string> endpoints, Secret token)
    : endpoints_(std::move(endpoints)), token_(std::move(token)), channels_(endpoints_.size()) {
  WEIR_ASSERT(!endpoints_.empty());
}

Channels::~Channels() = default;

const std::shared_ptr<grpc::Channel>& Channels::at(std::size_t endpoint) {
  forget_unused();
  auto& channel = channels_[endpoint];
  if (!channel) channel = make_channel(endpoints_[endpoint], token_);
  return channel;
}

void Channels::renew(std::size_t endpoint) {
  if (auto replaced = std::exchange(channels_[endpoint], nullptr))
    retired_.push_back(std::move(replaced));
  forget_unused();
}

void Channels::forget_unused() {
  std::erase_if(retired_, [](const auto& channel) { return channel.use_count() == 1; });
}

void Channels::keep_for_good() {
  [[maybe_unused]] const auto* kept =
      new std::pair(std::exchange(channels_, {}), std::exchange(retired_, {}));
}

}  // namespace weir::rpc
