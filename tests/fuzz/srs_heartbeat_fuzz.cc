// What is posted to the register endpoint, by whoever reaches it: no crash, and what is accepted
// stays within the limits and can be used. Seeds: tests/vectors/srs and forms of addresses.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/base/contract.h"
#include "common/base/utf8.h"
#include "origin-agent/source/srs/heartbeat.h"
#include "origin-agent/source/srs/limits.h"

namespace {

using namespace weir::agent::srs;

void check(const std::vector<ListenAddress>& addresses) {
  WEIR_ASSERT(addresses.size() <= kHeartbeatAddressesMax);
  for (const ListenAddress& address : addresses) {
    WEIR_ASSERT(address.port != 0);
    WEIR_ASSERT(address.host.size() <= kHeartbeatTextBytesMax);
    WEIR_ASSERT(address.host.find_first_of(" \r\n\t/[]") == std::string::npos);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto heartbeat = parse_heartbeat(text)) {
    for (const std::string* name : {&heartbeat->server, &heartbeat->service}) {
      WEIR_ASSERT(!name->empty() && name->size() <= kHeartbeatTextBytesMax);
      WEIR_ASSERT(weir::is_utf8(*name));
    }
    WEIR_ASSERT(heartbeat->pid > 0 && !heartbeat->rtmp.empty());
    for (const auto* list :
         {&heartbeat->rtmp, &heartbeat->http, &heartbeat->api, &heartbeat->srt, &heartbeat->rtc})
      check(*list);
  }
  if (const auto hook = parse_hook(text)) WEIR_ASSERT(hook->stream.size() <= kJsonTextBytesMax);
  if (const auto address = parse_srs_listen(text, Transport::kTcp)) check({*address});
  return 0;
}
