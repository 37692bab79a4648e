#include "controlplane/core/sha256.h"

#include <array>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "common/base/contract.h"

namespace weir::core {

std::string sha256_hex(std::string_view text) {
  std::array<unsigned char, 32> digest{};
  unsigned size = 0;
  const int done =
      EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr);
  WEIR_ASSERT(done == 1 && size == digest.size());
  std::string out;
  for (const unsigned char byte : digest) out += fmt::format("{:02x}", byte);
  return out;
}

}  // namespace weir::core
