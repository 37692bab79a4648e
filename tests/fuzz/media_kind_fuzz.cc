// Tag headers of audio and video, legacy and Enhanced RTMP, over arbitrary payloads: what the first
// bytes tell is what the whole payload tells, or nothing.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "common/base/contract.h"
#include "dataplane/protocol/rtmp/limits.h"
#include "dataplane/protocol/rtmp/message.h"

namespace {

using weir::rtmp::Bytes;
using weir::rtmp::MessageType;

bool tells_nothing(const weir::rtmp::MediaKind& kind) {
  return !kind.key_frame && !kind.sequence_header;
}

void check(MessageType type, Bytes payload) {
  const auto whole = weir::rtmp::media_kind(type, payload);
  WEIR_ASSERT(!(whole.key_frame && whole.sequence_header));
  WEIR_ASSERT(type == MessageType::kVideo || !whole.key_frame);
  for (std::size_t size = 0; size <= payload.size(); ++size) {
    const std::vector<std::uint8_t> first(payload.begin(),
                                          payload.begin() + static_cast<std::ptrdiff_t>(size));
    const auto kind = weir::rtmp::media_kind(type, first);
    WEIR_ASSERT(tells_nothing(kind) || (kind.key_frame == whole.key_frame &&
                                        kind.sequence_header == whole.sequence_header));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Beyond the largest ModEx prefix nothing is read.
  const Bytes payload(data, std::min<std::size_t>(size, 600));
  for (const auto type : {MessageType::kVideo, MessageType::kAudio, MessageType::kAggregate}) {
    check(type, payload);
  }
  return 0;
}
