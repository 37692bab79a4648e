#pragma once
// What a client must know to reach its Redis.
// Threading: values. Lifetime: self-contained.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/listen_address.h"
#include "common/base/secret.h"

namespace weir::store::redis {

struct Credentials {
  std::string user;  ///< empty = the default user
  Secret password;   ///< empty = no AUTH is sent
};

/// Files in PEM. Peers are always verified, and so are their names.
struct TlsOptions {
  std::string ca_file;    ///< empty = the system's
  std::string cert_file;  ///< with key_file; empty = no client certificate
  std::string key_file;
  std::string server_name;  ///< expected in the certificate; empty = the address's host
};

struct Options {
  /// The Redis, or the sentinels when `primary_name` is set. Never empty.
  std::vector<HostPort> addresses;
  std::string primary_name;  ///< as the sentinels call it; empty = one Redis without Sentinel
  std::uint32_t database = 0;
  Credentials credentials;
  Credentials sentinel_credentials;
  std::optional<TlsOptions> tls;  ///< sentinels included
  /// In front of every key; the client itself uses none.
  std::string key_prefix = "weir:";
  /// The place for people and logs, without credentials: `redis://127.0.0.1:6379/0`.
  std::string name;

  /// From the call to the answer, waiting for a connection included.
  Duration command_deadline = std::chrono::milliseconds(500);
  /// Name resolution, connect, TLS and log-in of one connection; also one question to a sentinel.
  Duration connect_deadline = std::chrono::seconds(1);
  /// A connection that has owed an answer for this long, without a byte, is left: Redis is frozen
  /// or its host is gone.
  Duration silence_max = std::chrono::milliseconds(1500);
  /// An idle connection is asked for a sign of life this often.
  Duration ping_interval = std::chrono::seconds(1);
  Duration reconnect_first = std::chrono::milliseconds(100);
  Duration reconnect_max = std::chrono::seconds(1);
};

}  // namespace weir::store::redis
