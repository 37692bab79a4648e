// `--store` over arbitrary text: a URL that is taken has a name without credentials that is taken,
// too, and names the same place; one that is refused is refused without its password.

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/contract.h"
#include "controlplane/store/redis/url.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using weir::store::redis::parse_store_url;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto url = parse_store_url(text);
  if (!url) {
    const std::size_t at = text.rfind('@');
    const bool shown = at != std::string_view::npos && at > 12 &&
                       url.error().message.find(text.substr(at - 12, 13)) != std::string::npos;
    // Schemes and advice hold an '@', too.
    WEIR_ASSERT(!shown || text.substr(at - 12, 12).find("password") != std::string_view::npos);
    return 0;
  }
  const auto again = parse_store_url(url->name);
  WEIR_ASSERT(again && again->kind == url->kind && again->tls == url->tls);
  WEIR_ASSERT(again->primary == url->primary && again->database == url->database);
  WEIR_ASSERT(again->addresses.size() == url->addresses.size());
  WEIR_ASSERT(again->user.empty() && again->password.empty() && again->name == url->name);
  return 0;
}
