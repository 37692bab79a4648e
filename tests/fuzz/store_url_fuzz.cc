// `--store` over arbitrary text: a URL that is taken has a name without credentials that is taken,
// too, and names the same place; one that is refused is refused without its password.

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/contract.h"
#include "controlplane/store/redis/url.h"

namespace {

using weir::store::redis::parse_store_url;

/// Whatever is wrong with a URL, the end of its password is told to nobody.
void check_refusal(std::string_view text) {
  constexpr std::string_view kSecret = "Zq7-c9xW-secret";
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos || text.find(kSecret) != std::string_view::npos) return;
  std::string told(text.substr(0, at));
  told += kSecret;
  told += text.substr(at);
  const auto url = parse_store_url(told);
  WEIR_ASSERT(url || url.error().message.find(kSecret) == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto url = parse_store_url(text);
  if (!url) {
    check_refusal(text);
    return 0;
  }
  const auto again = parse_store_url(url->name);
  WEIR_ASSERT(again && again->kind == url->kind && again->tls == url->tls);
  WEIR_ASSERT(again->primary == url->primary && again->database == url->database);
  WEIR_ASSERT(again->addresses.size() == url->addresses.size());
  WEIR_ASSERT(again->user.empty() && again->password.empty() && again->name == url->name);
  return 0;
}
