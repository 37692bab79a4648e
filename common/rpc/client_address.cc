#include "common/rpc/client_address.h"

#include "common/base/contract.h"

namespace weir::rpc {

namespace pb = control::v1;

pb::ClientAddressMode to_proto(ClientAddressMode mode) {
  switch (mode) {
    case ClientAddressMode::kNone:
      return pb::CLIENT_ADDRESS_MODE_UNSPECIFIED;
    case ClientAddressMode::kProxyV1:
      return pb::CLIENT_ADDRESS_MODE_PROXY_V1;
    case ClientAddressMode::kSrsPrefix:
      return pb::CLIENT_ADDRESS_MODE_SRS_PREFIX;
  }
  WEIR_UNREACHABLE("client address mode");
}

ClientAddressMode from_proto(pb::ClientAddressMode mode) {
  switch (mode) {
    case pb::CLIENT_ADDRESS_MODE_PROXY_V1:
      return ClientAddressMode::kProxyV1;
    case pb::CLIENT_ADDRESS_MODE_SRS_PREFIX:
      return ClientAddressMode::kSrsPrefix;
    default:
      return ClientAddressMode::kNone;
  }
}

}  // namespace weir::rpc
