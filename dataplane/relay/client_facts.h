#pragma once
// What a client has said up to publish or play, kept as it said it, so that an origin can be told
// the same. Threading: plain values. Lifetime: self-contained; bounded by
// kBytesBeforeIdentificationMax.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/routing/route.h"

namespace weir::relay {

/// publish or play.
struct StreamRequest {
  routing::Intent intent = routing::Intent::kPlay;
  std::string name;  ///< as sent, query included
  std::vector<std::uint8_t>
      more_arguments;           ///< AMF behind the name: type; or start, duration, reset
  std::uint32_t stream_id = 0;  ///< the client's message stream
};

struct ClientFacts {
  /// Everything behind connect's transaction: the connect object and what may follow it.
  std::vector<std::uint8_t> connect_arguments;
  std::string app;
  std::string tc_url;
  std::string flash_version;                  ///< for operators: UTF-8, cut to kClientAgentBytesMax
  std::optional<std::string> release_stream;  ///< names as sent
  std::optional<std::string> fc_publish;
  std::optional<std::uint32_t> buffer_ms;  ///< of SetBufferLength
  StreamRequest request;                   ///< valid once identified
};

}  // namespace weir::relay
