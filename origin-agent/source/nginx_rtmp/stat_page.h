#pragma once
// The statistics page of nginx-rtmp (`rtmp_stat all`) as values. Pure.
// Threading: pure function. Lifetime: values.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace weir::agent {

struct StatStream {
  std::uint32_t server = 0;  ///< index of its `server` block, as /control wants it
  std::string app;
  std::string name;
  std::uint64_t ingress_bits_per_second = 0;
  std::uint64_t egress_bits_per_second = 0;
  bool publishing = false;         ///< a client publishes it now
  std::uint64_t publisher_id = 0;  ///< nginx's number of that client
  std::string publisher_swf_url;   ///< where forwarders put their tag
  std::uint32_t players = 0;
};

struct StatPage {
  std::int32_t pid = 0;  ///< of the worker that answered
  std::uint64_t uptime_seconds = 0;
  std::uint64_t accepted = 0;  ///< connections since the worker began
  std::uint64_t ingress_bytes = 0;
  std::uint64_t egress_bytes = 0;
  std::vector<StatStream> streams;  ///< those without a publisher too: waiting players
};

/// Errors (bad_message, side kOrigin): not well-formed, cut short, too large, or without a pid.
Result<StatPage> parse_stat_page(std::string_view document);

}  // namespace weir::agent
