#include "controlplane/store/redis/script.h"

#include <array>
#include <cstdint>
#include <utility>

#include <openssl/evp.h>

#include "common/base/contract.h"

namespace weir::store::redis {
namespace {

std::string sha1_hex(std::string_view text) {
  constexpr std::size_t kBytes = 20;
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<unsigned char, kBytes> digest{};
  const int done =
      EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha1(), nullptr);
  WEIR_ASSERT(done == 1);
  std::string hex;
  hex.reserve(2 * kBytes);
  for (const unsigned char byte : digest) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 0xf];
  }
  return hex;
}

}  // namespace

Script::Script(std::string name, std::string text)
    : name_(std::move(name)), text_(std::move(text)), sha_(sha1_hex(text_)) {}

}  // namespace weir::store::redis
