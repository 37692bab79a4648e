#include "tests/support/redis/redis_server.h"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/contract.h"

namespace weir::testing {
namespace {

using namespace std::chrono_literals;

constexpr auto kStartDeadline = 10s;
constexpr auto kPoll = 10ms;

/// Polls until `holds`; ends the program when it never does, with `what`.
template <class Condition>
void wait_until(const std::string& what, Condition holds) {
  const auto deadline = std::chrono::steady_clock::now() + kStartDeadline;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) {
      std::fprintf(stderr, "gave up waiting: %s\n", what.c_str());
      std::abort();
    }
    std::this_thread::sleep_for(kPoll);
  }
}

}  // namespace

std::uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const name = reinterpret_cast<sockaddr*>(&address);
  WEIR_ASSERT(fd >= 0 && ::bind(fd, name, size) == 0 && ::getsockname(fd, name, &size) == 0);
  ::close(fd);
  return ntohs(address.sin_port);
}

RedisServer::RedisServer(Config config) : config_(std::move(config)) {
  port_ = free_port();
  write_config();
  start();
}

RedisServer::~RedisServer() {
  kill();
}

std::string RedisServer::address() const {
  return fmt::format("127.0.0.1:{}", port_);
}

std::string RedisServer::url() const {
  return fmt::format("{}://{}", config_.certificates.empty() ? "redis" : "rediss", address());
}

void RedisServer::write_config() const {
  std::ofstream out(directory() / "redis.conf");
  out << "bind 127.0.0.1\ndaemonize no\ndir " << directory().string() << "\nlogfile log\n";
  if (!config_.sentinel) out << "save \"\"\nrepl-diskless-sync-delay 0\n";
  if (config_.certificates.empty()) {
    out << "port " << port_ << "\n";
  } else {
    const std::string from = config_.certificates.string();
    out << "port 0\ntls-port " << port_ << "\ntls-replication yes\n"
        << "tls-ca-cert-file " << from << "/ca.crt\ntls-cert-file " << from
        << "/redis.crt\ntls-key-file " << from << "/redis.key\n";
  }
  for (const auto& [key, value] : config_.lines) out << key << " " << value << "\n";
}

void RedisServer::start() {
  WEIR_ASSERT(pid_ < 0);
  const std::string config = (directory() / "redis.conf").string();
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  WEIR_ASSERT(pid_ >= 0);
  if (pid_ == 0) {
    // It must not outlive a test that is killed.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    const int null = ::open("/dev/null", O_RDWR);
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null, fd);
    ::execlp("redis-server", "redis-server", config.c_str(),
             config_.sentinel ? "--sentinel" : nullptr, nullptr);
    ::_exit(127);
  }
  wait_until("redis-server does not answer, see " + directory().string(),
             [this] { return answers(); });
}

bool RedisServer::answers() const {
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) == pid_) {
    std::ifstream log(directory() / "log");
    const std::string text{std::istreambuf_iterator<char>(log), {}};
    std::fprintf(stderr, "redis-server ended at its start:\n%s\n", text.c_str());
    std::abort();
  }
  const std::string said = cli({"PING"});
  // Whatever it says, it listens: the test may be about a server that refuses.
  return said.find("Could not connect") == std::string::npos &&
         said.find("LOADING") == std::string::npos;
}

std::string RedisServer::cli(const std::vector<std::string>& command) const {
  std::vector<std::string> words = {"redis-cli", "-p", std::to_string(port_)};
  const auto add = [&](std::vector<std::string> more) {
    words.insert(words.end(), more.begin(), more.end());
  };
  if (!config_.certificates.empty()) {
    const std::string from = config_.certificates.string();
    add({"--tls", "--cacert", from + "/ca.crt", "--cert", from + "/client.crt", "--key",
         from + "/client.key"});
  }
  if (!config_.user.empty()) add({"--user", config_.user});
  if (!config_.password.empty()) add({"--no-auth-warning", "-a", config_.password});
  add(command);
  std::string out = run_program(words).output;
  while (out.ends_with('\n')) out.pop_back();
  return out;
}

void RedisServer::kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void RedisServer::freeze() {
  ::kill(pid_, SIGSTOP);
}

void RedisServer::thaw() {
  ::kill(pid_, SIGCONT);
}

RedisSentinels::RedisSentinels(const Config& config) {
  for (int i = 0; i <= config.replicas; ++i) {
    RedisServer::Config lines;
    lines.lines = config.redis_lines;
    if (i > 0)
      lines.lines.emplace_back("replicaof", fmt::format("127.0.0.1 {}", redis_[0]->port()));
    redis_.push_back(std::make_unique<RedisServer>(std::move(lines)));
  }
  wait_until("replicas do not catch up", [&] {
    const std::string role = redis_[0]->cli({"INFO", "replication"});
    return role.find(fmt::format("connected_slaves:{}", config.replicas)) != std::string::npos &&
           role.find("state=wait") == std::string::npos &&
           role.find("state=send") == std::string::npos;
  });
  const std::string name = kPrimaryName;
  for (int i = 0; i < config.sentinels; ++i) {
    RedisServer::Config lines;
    lines.sentinel = true;
    lines.lines = {
        {"sentinel",
         fmt::format("monitor {} 127.0.0.1 {} {}", name, redis_[0]->port(), config.quorum)},
        {"sentinel", fmt::format("down-after-milliseconds {} {}", name, config.down_after_ms)},
        {"sentinel", fmt::format("failover-timeout {} 3000", name)},
    };
    lines.lines.insert(lines.lines.end(), config.sentinel_lines.begin(),
                       config.sentinel_lines.end());
    sentinels_.push_back(std::make_unique<RedisServer>(std::move(lines)));
  }
  // Before they know of each other, and of the replicas, nobody can be elected.
  wait_until("sentinels do not find each other", [&] {
    for (const auto& sentinel : sentinels_) {
      const std::string said = sentinel->cli({"SENTINEL", "MASTER", name});
      const auto holds = [&](const std::string& key, int value) {
        return said.find(fmt::format("{}\n{}\n", key, value)) != std::string::npos;
      };
      if (!holds("num-other-sentinels", config.sentinels - 1)) return false;
      if (!holds("num-slaves", config.replicas)) return false;
    }
    return true;
  });
}

std::string RedisSentinels::url() const {
  std::string out = "redis+sentinel://";
  for (const auto& sentinel : sentinels_)
    out += (sentinel == sentinels_.front() ? "" : ",") + sentinel->address();
  return out + "/" + kPrimaryName;
}

RedisServer* RedisSentinels::primary() {
  for (const auto& sentinel : sentinels_) {
    if (!sentinel->running()) continue;
    const std::string said = sentinel->cli({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", kPrimaryName});
    const std::string port = said.substr(said.find('\n') + 1);
    for (const auto& redis : redis_) {
      if (std::to_string(redis->port()) == port) return redis.get();
    }
  }
  return nullptr;
}

}  // namespace weir::testing
