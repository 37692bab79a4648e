#pragma once
// What stands in the values of records (store/record.h), as values of the core and back.
//
// Purpose: one text form for stores, state directories and replicas of different versions: what a
// reader does not know it skips. Threading: pure.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/ids.h"

namespace weir::core {

/// What happens when a second publisher comes for a live stream.
enum class SecondPublisher { kTakeoverIfIdle, kReject, kTakeover };

/// Of which origins live streams that nobody placed are adopted.
enum class Adopt { kSrs, kAll, kNone };

/// What a policy may say; what it leaves out is as configured.
struct PolicyRules {
  std::optional<SecondPublisher> second_publisher;
  std::optional<Adopt> adopt;
  std::optional<std::uint64_t> default_stream_bits_per_second;
  std::optional<std::uint32_t> default_origin_streams;
  bool operator==(const PolicyRules&) const = default;
};

/// An operator wants the origin to run empty.
struct DrainMark {
  std::optional<WallTime> deadline;
  std::string reason;
  bool operator==(const DrainMark&) const = default;
};

enum class Role { kForwarder, kAgent, kViewer, kOperator, kScheduler };

struct TokenFacts {
  Role role = Role::kViewer;
  std::string digest;  ///< SHA-256 of the token, 64 hexadecimal digits
  std::string note;
  bool operator==(const TokenFacts&) const = default;
};

/// "takeover_if_idle", "srs", "operator", …: as configuration and the command line write them.
std::string_view to_word(SecondPublisher rule);
std::string_view to_word(Adopt rule);
std::string_view to_word(Role role);
std::optional<Role> role_of(std::string_view word);

std::string encode(const PolicyRules& rules);
std::string encode(const DrainMark& mark);
std::string encode(const TokenFacts& token);
std::string encode_weight(double weight);

PolicyRules decode_policy(std::string_view value);
DrainMark decode_drain(std::string_view value);
/// nullopt: nothing that this version can check a token against.
std::optional<TokenFacts> decode_token_facts(std::string_view value);
/// 1 where it makes no sense.
double decode_weight(std::string_view value);

}  // namespace weir::core
