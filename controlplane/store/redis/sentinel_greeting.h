#pragma once
// The question to a sentinel, "who is the primary?", and the judgement of its answers.
// Threading: pure. Lifetime: one per connection.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/listen_address.h"
#include "controlplane/store/redis/options.h"
#include "controlplane/store/redis/reply.h"

namespace weir::store::redis {

/// A primary as a sentinel names it. The configuration epoch rises with each failover, so the
/// highest one is the newest word.
struct NamedPrimary {
  HostPort address;
  std::uint64_t epoch = 0;
};

class SentinelGreeting {
 public:
  SentinelGreeting(const Credentials& credentials, std::string primary);

  /// To be written at once; each has one reply.
  std::vector<std::vector<std::string>> commands() const;

  enum class Step : std::uint8_t { kMore, kDone, kFailed };
  Step feed(const Reply& reply);

  const NamedPrimary& named() const { return named_; }
  /// Step::kFailed: for people.
  const std::string& failure() const { return failure_; }

 private:
  bool judge_address(const Reply& reply);
  bool judge_facts(const Reply& reply);
  bool wrong(std::string failure);

  Credentials credentials_;
  std::string primary_;
  std::size_t answered_ = 0;
  NamedPrimary named_;
  std::string failure_;
};

/// The new address in a message about `+switch-master`, when it is about `primary`.
std::optional<HostPort> switched_to(const Reply& message, std::string_view primary);

}  // namespace weir::store::redis
