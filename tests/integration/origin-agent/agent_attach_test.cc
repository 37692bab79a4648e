// weir-origin-agent as a whole: a real process as origin, a scripted control plane, real time.

#include <array>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <filesystem>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/rpc/status.h"
#include "origin-agent/app/agent_app.h"
#include "tests/support/silent_listener.h"
#include "weir/config/v1/config.pb.h"
#include "weir/control/v1/cluster_service.grpc.pb.h"
#include "weir/control/v1/origin_service.grpc.pb.h"

namespace weir::agent {
namespace {

using namespace std::chrono_literals;
namespace pb = control::v1;
using Clock = std::chrono::steady_clock;

/// A child process that answers RTMP handshakes on a loopback port, and nothing more.
class OriginProcess {
 public:
  explicit OriginProcess(std::uint16_t port = 0) {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    EXPECT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(listener, 64), 0);
    socklen_t size = sizeof(address);
    ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    pid_ = ::fork();
    if (pid_ == 0) serve(listener);
    ::close(listener);
  }
  ~OriginProcess() { kill(); }
  OriginProcess(const OriginProcess&) = delete;
  OriginProcess& operator=(const OriginProcess&) = delete;

  std::uint16_t port() const { return port_; }
  void signal(int number) const { ::kill(pid_, number); }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  /// Only system calls: this is a copy of a process with threads.
  [[noreturn]] static void serve(int listening) {
    static std::array<char, 1537> handshake;
    // Nothing else of the parent's stays open here, neither its listeners nor its connections.
    const int listener = ::dup2(listening, 0);
    ::close_range(1, ~0U, 0);
    for (;;) {
      const int client = ::accept(listener, nullptr, nullptr);
      if (client < 0) ::_exit(1);
      std::size_t got = 0;
      while (got < handshake.size()) {
        const ssize_t n = ::read(client, handshake.data() + got, handshake.size() - got);
        if (n <= 0) break;
        got += static_cast<std::size_t>(n);
      }
      if (got == handshake.size()) {
        [[maybe_unused]] const ssize_t sent = ::write(client, handshake.data(), handshake.size());
      }
      ::close(client);
    }
  }

  std::uint16_t port_ = 0;
  pid_t pid_ = 0;
};

/// A control plane that accepts everything, mints incarnations and writes down what it hears.
class ScriptedControlplane final : public pb::OriginService::Service {
 public:
  ScriptedControlplane() {
    grpc::ServerBuilder builder;
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    builder.RegisterService(&freshness_);
    server_ = builder.BuildAndStart();
  }
  ~ScriptedControlplane() override { server_->Shutdown(std::chrono::system_clock::now()); }

  std::string address() const { return fmt::format("127.0.0.1:{}", port_); }

  grpc::Status Attach(grpc::ServerContext*,
                      grpc::ServerReaderWriter<pb::OriginServiceAttachResponse,
                                               pb::OriginServiceAttachRequest>* stream) override {
    std::mutex writing;
    std::jthread beats([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        pb::OriginServiceAttachResponse beat;
        beat.mutable_heartbeat()->set_generation(7);
        beat.mutable_heartbeat()->set_stale(freshness_.stale);
        if (!silent_) {
          const std::lock_guard lock(writing);
          stream->Write(beat);
        }
        std::this_thread::sleep_for(200ms);
      }
    });
    pb::OriginServiceAttachRequest request;
    while (stream->Read(&request)) {
      if (ends_) return rpc::make_status(rpc::reason::kShuttingDown, "it stops");
      std::vector<pb::OriginServiceAttachResponse> answers = answer(request);
      if (silent_) continue;
      const std::lock_guard lock(writing);
      for (const auto& response : answers) stream->Write(response);
    }
    return grpc::Status::OK;
  }

  /// The first message from `from` on that satisfies `wanted`, and when it came.
  template <class Wanted>
  Clock::time_point wait(Wanted wanted, Clock::duration timeout = 10s) {
    std::unique_lock lock(mutex_);
    Clock::time_point when{};
    const bool found = heard_change_.wait_for(lock, timeout, [&] {
      for (; next_ < heard_.size(); ++next_) {
        if (!wanted(heard_[next_].second)) continue;
        when = heard_[next_++].first;
        return true;
      }
      return false;
    });
    EXPECT_TRUE(found) << "the expected message did not come";
    return when;
  }
  std::size_t count(const std::function<bool(const pb::OriginServiceAttachRequest&)>& wanted) {
    const std::lock_guard lock(mutex_);
    std::size_t found = 0;
    for (const auto& [when, message] : heard_) found += wanted(message) ? 1 : 0;
    return found;
  }
  void set_silent(bool silent) { silent_ = silent; }
  void set_stale(bool stale) { freshness_.stale = stale; }
  /// At the next message of each agent, which comes within half a second.
  void end_streams() { ends_ = true; }

 private:
  std::vector<pb::OriginServiceAttachResponse> answer(
      const pb::OriginServiceAttachRequest& request) {
    const std::lock_guard lock(mutex_);
    heard_.emplace_back(Clock::now(), request);
    heard_change_.notify_all();
    std::vector<pb::OriginServiceAttachResponse> answers;
    if (request.has_hello()) {
      auto* welcome = answers.emplace_back().mutable_welcome();
      welcome->set_replica("scripted");
      welcome->set_generation(7);
      for (const auto& seen : request.hello().origins()) accept(seen, answers);
    }
    if (request.has_origin_seen()) accept(request.origin_seen(), answers);
    return answers;
  }
  void accept(const pb::OriginSeen& seen, std::vector<pb::OriginServiceAttachResponse>& answers) {
    if (seen.process().empty() || !seen.probe_answered()) return;
    auto* accepted = answers.emplace_back().mutable_origin_accepted();
    accepted->set_origin(seen.origin());
    accepted->set_accepted_origin(seen.origin());
    accepted->set_process(seen.process());
    accepted->set_incarnation(seen.incarnation().empty() ? fmt::format("i{}", ++minted_)
                                                         : seen.incarnation());
  }

  class FreshnessService final : public pb::ClusterService::Service {
   public:
    grpc::Status GetReplica(grpc::ServerContext*, const pb::GetReplicaRequest*,
                            pb::Replica* replica) override {
      replica->set_stale(stale);
      return grpc::Status::OK;
    }
    std::atomic<bool> stale = false;
  };

  int port_ = 0;
  FreshnessService freshness_;
  std::unique_ptr<grpc::Server> server_;
  std::mutex mutex_;
  std::condition_variable heard_change_;
  std::vector<std::pair<Clock::time_point, pb::OriginServiceAttachRequest>> heard_;
  std::size_t next_ = 0;
  int minted_ = 0;
  std::atomic<bool> silent_ = false;
  std::atomic<bool> ends_ = false;
};

class RunningAgent {
 public:
  explicit RunningAgent(const config::v1::OriginAgentConfig& config)
      : app_(config, "test"), thread_([this] { ended_well_ = static_cast<bool>(app_.run()); }) {}
  ~RunningAgent() {
    app_.stop();
    thread_.join();
    EXPECT_TRUE(ended_well_);
  }

 private:
  AgentApp app_;
  bool ended_well_ = false;
  std::thread thread_;
};

using Message = pb::OriginServiceAttachRequest;

bool is_report(const Message& m) {
  return m.has_report() && m.report().origins_size() > 0;
}
bool is_verdict(const Message& m) {
  return m.has_verdict();
}
bool is_hello(const Message& m) {
  return m.has_hello();
}

class AgentAttachTest : public ::testing::Test {
 protected:
  AgentAttachTest() {
    std::string name = (std::filesystem::temp_directory_path() / "weir-agent-XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
  }
  ~AgentAttachTest() override { std::filesystem::remove_all(directory_); }

  config::v1::OriginAgentConfig config_for(const OriginProcess& origin) const {
    return config_for(origin, {first_.address()});
  }
  config::v1::OriginAgentConfig config_for(const OriginProcess& origin,
                                           const std::vector<std::string>& replicas) const {
    config::v1::OriginAgentConfig config;
    config.mutable_common()->set_admin("127.0.0.1:0");
    config.mutable_common()->set_state_dir(directory_);
    for (const std::string& replica : replicas) config.add_controlplane(replica);
    config.set_id("agent-1");
    auto* added = config.add_origins();
    added->set_id("o1");
    added->set_type("process");
    added->set_rtmp(fmt::format("127.0.0.1:{}", origin.port()));
    return config;
  }

  /// The replica that is reported to, and the other one.
  std::pair<ScriptedControlplane*, ScriptedControlplane*> attached() {
    const auto deadline = Clock::now() + 10s;
    while (Clock::now() < deadline) {
      if (first_.count(is_report) > 0) return {&first_, &second_};
      if (second_.count(is_report) > 0) return {&second_, &first_};
      std::this_thread::sleep_for(5ms);
    }
    ADD_FAILURE() << "no report came";
    return {&first_, &second_};
  }

  std::string directory_;
  ScriptedControlplane first_, second_;
};

TEST_F(AgentAttachTest, AnOriginIsReportedAndItsEndAndReturnAreToldAtOnce) {
  auto origin = std::make_unique<OriginProcess>();
  const std::uint16_t port = origin->port();
  const RunningAgent agent(config_for(*origin));
  first_.wait([](const Message& m) {
    return is_report(m) && m.report().origins(0).incarnation() == "i1" &&
           m.report().origins(0).load().mem_utilization() > 0;
  });
  const auto killed = Clock::now();
  origin->kill();
  const auto told = first_.wait(is_verdict);
  EXPECT_LT(told - killed, 500ms);
  EXPECT_EQ(first_.count([](const Message& m) {
    return m.has_verdict() && m.verdict().reason() == pb::VERDICT_REASON_PROCESS_GONE &&
           m.verdict().incarnation() == "i1";
  }),
            1U);
  const auto started = Clock::now();
  origin = std::make_unique<OriginProcess>(port);
  const auto seen = first_.wait([](const Message& m) {
    return m.has_origin_seen() && m.origin_seen().probe_answered() &&
           m.origin_seen().incarnation().empty();
  });
  EXPECT_LT(seen - started, 1s);
  first_.wait(
      [](const Message& m) { return is_report(m) && m.report().origins(0).incarnation() == "i2"; });
}

TEST_F(AgentAttachTest, AFrozenOriginIsJudgedWithinFourSecondsAndTakenBackWhenItThaws) {
  const OriginProcess origin;
  const RunningAgent agent(config_for(origin));
  first_.wait(is_report);
  const auto stopped = Clock::now();
  origin.signal(SIGSTOP);
  const auto told = first_.wait([](const Message& m) {
    return m.has_verdict() && m.verdict().reason() == pb::VERDICT_REASON_PROBES_FAILED;
  });
  EXPECT_LT(told - stopped, 4200ms);
  origin.signal(SIGCONT);
  first_.wait([](const Message& m) {
    return m.has_origin_seen() && m.origin_seen().incarnation().empty();
  });
}

TEST_F(AgentAttachTest, ARestartedAgentReportsTheSameLife) {
  const OriginProcess origin;
  {
    const RunningAgent agent(config_for(origin));
    first_.wait(is_report);
  }
  const RunningAgent again(config_for(origin));
  first_.wait([](const Message& m) {
    return m.has_hello() && m.hello().origins(0).incarnation() == "i1" &&
           m.hello().generation_seen() == 7;
  });
  EXPECT_EQ(first_.count(is_verdict), 0U);
}

TEST_F(AgentAttachTest, AFrozenReplicaIsLeftForTheNextAndWhatItWasToldIsToldAgain) {
  OriginProcess origin;
  const RunningAgent agent(config_for(origin, {first_.address(), second_.address()}));
  const auto [frozen, other] = attached();
  const auto silent = Clock::now();
  frozen->set_silent(true);
  origin.kill();
  frozen->wait(is_verdict);
  const auto moved = other->wait(is_hello);
  EXPECT_GT(moved - silent, 400ms);
  EXPECT_LT(moved - silent, 1500ms);
  other->wait(
      [](const Message& m) { return m.has_verdict() && m.verdict().incarnation() == "i1"; });
  EXPECT_EQ(other->count([](const Message& m) { return m.has_hello() && m.hello().attach() == 2; }),
            1U);
}

TEST_F(AgentAttachTest, EndpointsThatAreDeadOrFrozenAreCrossedWithinTwoSeconds) {
  const OriginProcess origin;
  const weir::testing::SilentListener frozen;
  std::string dead;
  {
    const weir::testing::SilentListener gone;
    dead = gone.address();
  }
  const auto begun = Clock::now();
  const RunningAgent agent(config_for(origin, {dead, frozen.address(), first_.address()}));
  EXPECT_LT(first_.wait(is_report) - begun, 3s);
}

TEST_F(AgentAttachTest, AStaleReplicaIsLeftForOneThatIsNotAndNotForOneThatIs) {
  const OriginProcess origin;
  const RunningAgent agent(config_for(origin, {first_.address(), second_.address()}));
  const auto [stale, other] = attached();
  other->set_stale(true);
  stale->set_stale(true);
  std::this_thread::sleep_for(1s);
  EXPECT_EQ(other->count(is_hello), 0U);
  other->set_stale(false);
  other->wait(is_report);
  EXPECT_EQ(stale->count(is_hello), 1U);
}

TEST_F(AgentAttachTest, AReplicaThatShutsDownIsLeftAtOnce) {
  const OriginProcess origin;
  const RunningAgent agent(config_for(origin, {first_.address(), second_.address()}));
  const auto [leaving, other] = attached();
  leaving->end_streams();
  leaving->wait([](const Message& m) { return m.has_heartbeat() || m.has_report(); });
  other->wait(is_hello);
  other->wait(is_report);
}

}  // namespace
}  // namespace weir::agent
