#pragma once
// Writes whole messages as chunks: format 0 first, then format 3 continuations with the extended
// timestamp repeated. No state is kept between messages, so a receiver of any dialect reads the
// same. Threading: pure functions.

#include <cstdint>
#include <vector>

#include "dataplane/protocol/rtmp/message.h"

namespace weir::rtmp {

/// Appends `message` to `out`. `header.length` is taken from the payload.
void write_message(std::vector<std::uint8_t>& out, const MessageHeader& header, Bytes payload,
                   std::uint32_t chunk_size);

inline void write_message(std::vector<std::uint8_t>& out, const ControlMessage& message,
                          std::uint32_t chunk_size) {
  write_message(out, message.header, message.payload(), chunk_size);
}

}  // namespace weir::rtmp
