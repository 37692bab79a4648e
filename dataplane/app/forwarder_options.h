#pragma once
// ForwarderOptions: the configuration in the types the forwarder is built from.
// Threading: plain values. Lifetime: values.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/secret.h"
#include "dataplane/admission/address_gate.h"
#include "dataplane/admission/waiting_room.h"
#include "dataplane/relay/session_config.h"

namespace weir::config::v1 {
class ForwarderConfig;
}

namespace weir::forwarder {

struct ForwarderOptions {
  std::vector<std::string> controlplane;
  std::string id;  ///< empty = host name and RTMP port, known once the listener is open
  std::string zone;
  std::vector<std::string> advertise;
  std::string rtmp;
  std::string admin;
  std::string state_dir;
  Secret token;
  bool insecure = false;
  unsigned workers = 1;
  std::size_t connections_max = 0;
  admission::AddressLimits address_limits;
  std::size_t queued_bytes_max = 0;
  relay::RtmpSessionConfig rtmp_session;
};

/// Reads the token file; checks what the schema cannot.
Result<ForwarderOptions> make_options(const config::v1::ForwarderConfig& config);

/// The limits with those filled in that follow from the most connections there can be.
admission::AddressLimits complete(admission::AddressLimits limits, std::size_t connections_max);

/// How many players may wait for a publisher. `exempt`: as for the addresses' other limits.
admission::WaitingLimits waiting_limits(std::size_t connections_max, std::vector<Cidr> exempt);

/// Most client connections that `descriptors` (0 = unknown) bear, a leg to an origin for each.
std::size_t connections_borne(std::size_t configured, std::uint64_t descriptors);

}  // namespace weir::forwarder
