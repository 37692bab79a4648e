#pragma once
// What a client has said, kept as it said it, so that an origin can be told the same: once for the
// connection, once for each of its streams.
//
// Threading: plain values. Lifetime: self-contained; connect is bounded by
// kConnectArgumentsBytesMax, a request by kRequestArgumentsBytesMax and the bounds of names.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/protocol/rtmp/message.h"
#include "dataplane/routing/route.h"

namespace weir::relay {

/// connect. Kept for as long as the connection, because any later publish or play needs it; nothing
/// of it is kept twice.
struct ConnectFacts {
  /// Everything behind the transaction: the connect object and what may follow it.
  std::vector<std::uint8_t> arguments;

  std::string_view app() const;
  std::string_view tc_url() const;
  /// flashVer, for operators: UTF-8, cut to kClientAgentBytesMax.
  std::string agent() const;
  /// capsEx bit 1: the client understands NetConnection.Connect.ReconnectRequest.
  bool reconnects() const;
};

/// publish or play.
struct StreamRequest {
  routing::Intent intent = routing::Intent::kPlay;
  std::uint32_t stream_id = 0;  ///< the client's message stream
  std::string name;             ///< as sent, query included
  std::vector<std::uint8_t>
      more_arguments;  ///< AMF behind the name: type; or start, duration, reset
  // The names of this stream's releaseStream and FCPublish as sent; empty = not sent.
  std::string release_stream;
  std::string fc_publish;
  std::optional<std::uint32_t> buffer_ms;  ///< of SetBufferLength

  bool publishes() const { return intent == routing::Intent::kPublish; }
};

/// One stream of a connection.
struct StreamFacts {
  const ConnectFacts& connect;
  StreamRequest request;
  /// Which of the connection's streams it is, from 1; names its client session.
  std::uint32_t number = 1;
  /// Its origin leg, and its output of the client's splice.
  std::uint8_t index = 0;
};

}  // namespace weir::relay
