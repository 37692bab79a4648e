#include "dataplane/protocol/rtmp/hmac_sha256.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "common/base/contract.h"

namespace weir::rtmp {

Digest hmac_sha256(std::span<const std::uint8_t> key, std::span<const std::uint8_t> data) {
  Digest digest{};
  unsigned size = 0;
  const auto* done = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), data.data(),
                          data.size(), digest.data(), &size);
  WEIR_ASSERT(done != nullptr && size == kDigestBytes);
  return digest;
}

}  // namespace weir::rtmp
