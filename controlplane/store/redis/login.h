#pragma once
// The first words on a connection to a Redis, and the judgement of its answers: authenticated, the
// database selected, a primary, of a version that is known to work, which evicts nothing that
// matters, and scripts run.
//
// Threading: pure. Lifetime: one per connection.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/store/redis/options.h"
#include "controlplane/store/redis/reply.h"

namespace weir::store::redis {

/// AUTH and what it takes; empty without a password.
std::vector<std::string> auth_command(const Credentials& credentials);

/// "READONLY You can't …: this is a replica…": what Redis said and what to do about it.
std::string explain(std::string_view what_redis_said);

class Login {
 public:
  Login(const Credentials& credentials, std::uint32_t database);

  /// To be written at once; each has one reply.
  std::vector<std::vector<std::string>> commands() const;

  enum class Step : std::uint8_t { kMore, kDone, kFailed };
  Step feed(const Reply& reply);

  /// Step::kDone: names the life of the process.
  const std::string& run_id() const { return run_id_; }
  const std::string& version() const { return version_; }
  /// Step::kFailed: for people.
  const std::string& failure() const { return failure_; }

 private:
  enum class Asked : std::uint8_t { kAuth, kSelect, kInfo, kMemory, kRole, kScript };

  bool judge(Asked asked, const Reply& reply);
  bool judge_info(const Reply& reply);
  bool judge_memory(const Reply& reply);
  bool judge_role(const Reply& reply);
  bool wrong(std::string failure);

  Credentials credentials_;
  std::uint32_t database_;
  std::vector<Asked> asked_;
  std::size_t answered_ = 0;
  std::string run_id_;
  std::string version_;
  std::string failure_;
};

}  // namespace weir::store::redis
