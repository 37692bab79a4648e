#pragma once
// The answers of a scripted SRS's HTTP API, in the words and the order of SRS 7.0.18.
//
// Purpose: /api/v1/{versions,summaries,vhosts/,streams/,clients/} from a state; written after
// recordings (tests/vectors/srs). Threading: pure but for the state it reads. Lifetime: functions.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/srs/srs_state.h"

namespace weir::tests {

/// Who answers.
struct SrsSelf {
  std::string server;
  std::string service;
  std::string pid;
  std::string version = "7.0.18";
  double cpu_percent = 0;  ///< as summaries show it: 1.00 is a whole core
  double uptime_seconds = 0;
  std::uint64_t connections = 0;
};

struct SrsApiAnswer {
  int status = 200;
  std::string body;
  std::string location;  ///< of a redirection
  std::string kick;      ///< the client to be ended after the answer
};

SrsApiAnswer answer_api(const SrsSelf& self, SrsState& state, SrsAsked& asked,
                        std::string_view method, std::string_view target);

/// What `heartbeat` posts with `ports on`.
struct SrsPorts {
  std::vector<std::string> rtmp;
  std::vector<std::string> http;
  std::vector<std::string> api;
};
std::string heartbeat_body(const SrsSelf& self, std::string_view device_id, std::string_view ip,
                           const SrsPorts* ports);

}  // namespace weir::tests
