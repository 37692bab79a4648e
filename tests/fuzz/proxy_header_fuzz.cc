// PROXY protocol header over arbitrary bytes in arbitrary pieces: what comes out does not depend on
// how the bytes are split, a header stays within its bounds, and a client is an address.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "common/base/cidr.h"
#include "common/base/contract.h"
#include "common/base/listen_address.h"
#include "dataplane/protocol/proxy/header_parser.h"

namespace {

using weir::proxy::Bytes;
using weir::proxy::HeaderError;
using weir::proxy::HeaderStep;

struct Outcome {
  HeaderStep step = HeaderStep::kNeedMore;
  HeaderError error = HeaderError::kNone;
  bool recognised = false;
  std::size_t consumed = 0;
  std::optional<std::string> client;
  bool operator==(const Outcome&) const = default;
};

Outcome drive(Bytes input, std::size_t piece) {
  weir::proxy::HeaderParser parser;
  Outcome outcome;
  while (!input.empty() && outcome.step == HeaderStep::kNeedMore) {
    Bytes part = input.first(std::min(piece, input.size()));
    const std::size_t size = part.size();
    outcome.step = parser.feed(part);
    outcome.consumed += size - part.size();
    input = input.subspan(size);
    WEIR_ASSERT(part.empty() || outcome.step != HeaderStep::kNeedMore);
  }
  outcome.error = parser.error();
  outcome.recognised = parser.recognised();
  outcome.client = parser.client();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t piece = 1 + data[0];
  const Bytes input(data + 1, size - 1);
  const Outcome whole = drive(input, input.size());
  WEIR_ASSERT(whole == drive(input, piece));
  WEIR_ASSERT(whole.consumed <= 16 + weir::proxy::kBlockBytesMax);
  WEIR_ASSERT((whole.step == HeaderStep::kFailed) == (whole.error != HeaderError::kNone));
  WEIR_ASSERT(whole.step != HeaderStep::kDone || whole.recognised);
  if (whole.client) {
    WEIR_ASSERT(whole.step == HeaderStep::kDone);
    const auto parsed = weir::parse_host_port(*whole.client);
    WEIR_ASSERT(parsed && weir::IpAddress::parse(parsed->host));
  }
  return 0;
}
