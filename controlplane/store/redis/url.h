#pragma once
// `--store`: where state lives, as one URL.
//
//   memory
//   redis://[user:password@]host[:port][/database]          rediss:// with TLS
//   redis+sentinel://[user:password@]host:port,…/primary[/database]      rediss+sentinel://
//
// Threading: pure. Lifetime: values.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/listen_address.h"
#include "common/base/result.h"
#include "common/base/secret.h"

namespace weir::store::redis {

struct StoreUrl {
  enum class Kind : std::uint8_t { kMemory, kRedis, kSentinel };

  Kind kind = Kind::kMemory;
  bool tls = false;
  std::vector<HostPort> addresses;
  std::string user;
  Secret password;
  std::string primary;  ///< kSentinel: as the sentinels call it
  std::uint32_t database = 0;
  std::string name;  ///< for people: the URL without credentials
};

/// Errors (invalid_argument) begin with `--store`, name what is wrong, and never hold what could be
/// a password.
Result<StoreUrl> parse_store_url(std::string_view text);

/// `text` without anything that could be a password, however malformed it is.
std::string redact_store_url(std::string_view text);

}  // namespace weir::store::redis
