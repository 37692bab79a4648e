#pragma once
// The answers of SRS's HTTP API (`/api/v1/…`) as values. Pure.
//
// Purpose: what an agent needs of them, and tolerance where versions differ: fields that a version
// lacks stay at their defaults, fields of another type count as absent. What is no answer of SRS at
// all is an error.
// Threading: pure functions. Lifetime: values.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace weir::agent::srs {

/// Who answered: stands in every answer. SRS 4 and older tell the server alone.
struct Life {
  std::string server;
  std::string service;   ///< changes with every start; empty = an older version
  std::int32_t pid = 0;  ///< 0 = an older version
  auto operator<=>(const Life&) const = default;
};

struct Summaries {
  Life life;
  std::string version;
  double used_cores = 0;             ///< SRS's `cpu_percent`, which is a fraction of one core
  std::uint64_t resident_bytes = 0;  ///< the highest so far
  std::optional<std::uint64_t> uptime_seconds;
  std::optional<std::uint32_t> connections;  ///< clients that publish or play
};

struct ApiStream {
  std::string id;
  std::string name;   ///< as the client wrote it that came first, extension included
  std::string vhost;  ///< an id
  std::string app;
  std::string url;            ///< `[vhost]/app/name without extension`; empty = an older version
  std::uint64_t clients = 0;  ///< its publisher included
  std::uint64_t send_bytes = 0;
  std::uint64_t recv_bytes = 0;
  double send_bits_per_second = 0;
  double recv_bits_per_second = 0;
  bool active = false;    ///< somebody publishes it
  std::string publisher;  ///< client id; of the last one when nobody does
};

struct StreamPage {
  Life life;
  std::vector<ApiStream> streams;
};

struct Vhost {
  std::string id;
  std::string name;
};

struct VhostList {
  Life life;
  std::vector<Vhost> vhosts;
};

struct ApiClient {
  std::string id;
  std::string name;  ///< of its stream, as it wrote it
  std::string swf_url;
  bool publishes = false;
};

struct ClientAnswer {
  Life life;                        ///< empty when there is no such client
  std::optional<ApiClient> client;  ///< nothing = no such client any more
};

/// Errors of all (bad_message, side kOrigin): no JSON, beyond a limit, no answer of SRS, or one
/// that reports a failure by its `code`.
Result<Summaries> parse_summaries(std::string_view json);
Result<StreamPage> parse_stream_page(std::string_view json);
Result<VhostList> parse_vhosts(std::string_view json);
Result<ClientAnswer> parse_client(std::string_view json);
/// The answer to DELETE /api/v1/clients/{id}. False: there was no such client any more.
Result<bool> parse_kick(std::string_view json);

}  // namespace weir::agent::srs
