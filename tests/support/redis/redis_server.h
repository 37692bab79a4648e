#pragma once
// RedisServer: a real redis-server (or sentinel) of one test: its own free port on loopback, its
// own directory, nothing saved unless asked for, gone with the object.
//
// Threading: one thread; starting waits for the server's answer, at most some seconds. Lifetime:
// the destructor kills the process and removes the directory. A test that dies takes its servers
// along.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "tests/support/redis/scratch_folder.h"

namespace weir::testing {

/// A port of 127.0.0.1 that was free a moment ago.
std::uint16_t free_port();

class RedisServer {
 public:
  struct Config {
    /// Lines of redis.conf behind those of this class: {"maxmemory", "2mb"}.
    std::vector<std::pair<std::string, std::string>> lines;
    /// PEM files `ca.crt`, `redis.crt`, `redis.key` are read from there; empty = plain.
    std::filesystem::path certificates;
    bool sentinel = false;
    /// What redis-cli needs to speak to it; the default user and no password otherwise.
    std::string user;
    std::string password;
  };

  RedisServer() : RedisServer(Config{}) {}
  /// Starts it and waits until it answers; ends the test program when it does not.
  explicit RedisServer(Config config);
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  std::uint16_t port() const { return port_; }
  std::string address() const;
  /// `redis://127.0.0.1:port`, `rediss://…` with certificates.
  std::string url() const;
  const std::filesystem::path& directory() const { return directory_.path(); }
  pid_t pid() const { return pid_; }
  bool running() const { return pid_ > 0; }

  /// One command by redis-cli, and what it printed without the last line end. Errors are text, too.
  std::string cli(const std::vector<std::string>& command) const;

  void kill();    ///< SIGKILL, and waits
  void start();   ///< again, on the same port, with the same directory
  void freeze();  ///< SIGSTOP
  void thaw();    ///< SIGCONT

 private:
  void write_config() const;
  bool answers() const;

  Config config_;
  ScratchFolder directory_;
  std::uint16_t port_ = 0;
  pid_t pid_ = -1;
};

/// One primary, replicas of it that have caught up, and sentinels that know of each other.
class RedisSentinels {
 public:
  struct Config {
    int replicas = 2;
    int sentinels = 3;
    int quorum = 2;
    int down_after_ms = 500;
    std::vector<std::pair<std::string, std::string>> redis_lines;
    std::vector<std::pair<std::string, std::string>> sentinel_lines;
  };
  static constexpr const char* kPrimaryName = "weir";

  RedisSentinels() : RedisSentinels(Config{}) {}
  explicit RedisSentinels(const Config& config);

  /// `redis+sentinel://h:p,…/weir`
  std::string url() const;
  std::vector<std::unique_ptr<RedisServer>>& redis() { return redis_; }
  std::vector<std::unique_ptr<RedisServer>>& sentinels() { return sentinels_; }
  /// The member that the first sentinel that answers names as the primary; null when it is none of
  /// them.
  RedisServer* primary();

 private:
  std::vector<std::unique_ptr<RedisServer>> redis_;
  std::vector<std::unique_ptr<RedisServer>> sentinels_;
};

}  // namespace weir::testing
