// Command and control message parsers over arbitrary payloads.

#include <cstdint>

#include "common/base/contract.h"
#include "dataplane/protocol/rtmp/command.h"
#include "dataplane/protocol/rtmp/message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const weir::rtmp::Bytes payload(data + 1, size - 1);
  weir::rtmp::Message message;
  message.header.type = static_cast<weir::rtmp::MessageType>(data[0]);
  message.payload = payload;
  if (const auto command = weir::rtmp::parse_command(message)) {
    WEIR_ASSERT(!command->name.empty());
    for (std::size_t i = 0; i < 4; ++i) (void)command->string_argument(i);
    if (const auto info = weir::rtmp::status_info(*command)) WEIR_ASSERT(!info->code.empty());
  }
  if (const auto event = weir::rtmp::parse_user_control(payload)) {
    const auto again = weir::rtmp::parse_user_control(weir::rtmp::user_control(*event).payload());
    WEIR_ASSERT(again && again->event == event->event && again->value == event->value);
  }
  const auto kind = weir::rtmp::media_kind(message.header.type, payload);
  WEIR_ASSERT(!(kind.key_frame && kind.sequence_header));
  return 0;
}
