#include "origin-agent/source/srs/server_process.h"

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "origin-agent/source/procfs.h"

namespace weir::agent::srs {
namespace {

using boost::asio::ip::tcp;

TEST(SrsServerProcess, MaxConnectionsAreReadFromTheConfiguration) {
  EXPECT_EQ(parse_max_connections("listen 1935;\nmax_connections     500;\n"), 500u);
  EXPECT_EQ(parse_max_connections("max_connections 7; max_connections 8;"), 7u);
  EXPECT_EQ(
      parse_max_connections("# max_connections 1;\nhttp_api { enabled on; }\nmax_connections 9;"),
      9u);
  EXPECT_EQ(parse_max_connections("max_connections \"12\";"), 12u);
  EXPECT_EQ(parse_max_connections("vhost a { max_connections 3; }"), std::nullopt);
  EXPECT_EQ(parse_max_connections("listen 1935;"), std::nullopt);
  EXPECT_EQ(parse_max_connections("max_connections many;"), std::nullopt);
  EXPECT_EQ(parse_max_connections("max_connections 0;"), std::nullopt);
  EXPECT_EQ(parse_max_connections("max_connections"), std::nullopt);
  EXPECT_EQ(parse_max_connections("}}} max_connections 4;"), std::nullopt);
  EXPECT_EQ(parse_max_connections(""), std::nullopt);
}

TEST(SrsServerProcess, TheEnvironmentSaysItToo) {
  using namespace std::string_literals;
  EXPECT_EQ(max_connections_of_environment("A=1\0SRS_MAX_CONNECTIONS=300\0B=2\0"s), 300u);
  EXPECT_EQ(max_connections_of_environment("XSRS_MAX_CONNECTIONS=300\0"s), std::nullopt);
  EXPECT_EQ(max_connections_of_environment(""), std::nullopt);
}

TEST(SrsServerProcess, TheConfigurationFileStandsInTheCommandLine) {
  using namespace std::string_literals;
  EXPECT_EQ(config_path_of("./objs/srs\0-c\0conf/srs.conf\0"s, "/usr/local/srs"),
            "/usr/local/srs/conf/srs.conf");
  EXPECT_EQ(config_path_of("srs\0-c\0/etc/srs.conf\0"s, "/"), "/etc/srs.conf");
  EXPECT_EQ(config_path_of("srs\0-e\0"s, "/"), "");
  EXPECT_EQ(config_path_of("srs\0-c"s, "/"), "");
}

TEST(SrsServerProcess, OnlyTheOneThatListensOnThePortIsLocal) {
  boost::asio::io_context io;
  const tcp::acceptor acceptor(io, {boost::asio::ip::address_v4::loopback(), 0});
  const std::uint16_t port = acceptor.local_endpoint().port();
  const auto self = local_process(::getpid(), port, std::nullopt);
  ASSERT_TRUE(self);
  EXPECT_EQ(self, process_identity(::getpid()));
  // Of a container: its pid 1 is somebody else here.
  EXPECT_FALSE(local_process(1, port, 5));
  EXPECT_FALSE(local_process(::getpid(), 1, std::nullopt));
  EXPECT_FALSE(local_process(-1, port, std::nullopt));
}

TEST(SrsServerProcess, AConfigurationThatSaysNothingIsNothing) {
  const auto self = process_identity(::getpid());
  ASSERT_TRUE(self);
  EXPECT_EQ(max_connections_of(*self), std::nullopt);
  EXPECT_EQ(max_connections_of(ProcessIdentity{0x7fffffff, 1, {}}), std::nullopt);
}

class SrsServerFile : public ::testing::Test {
 protected:
  SrsServerFile() {
    std::string name = (std::filesystem::temp_directory_path() / "weir-srs-XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
  }
  ~SrsServerFile() override { std::filesystem::remove_all(directory_); }
  std::string directory_;
};

/// A process with `-c path` in its command line that does nothing.
class ProcessWithConfig {
 public:
  explicit ProcessWithConfig(std::string path) : path_(std::move(path)) {
    std::array<int, 2> input{};
    EXPECT_EQ(::pipe2(input.data(), O_CLOEXEC), 0);
    kept_open_ = input[1];
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input[0], 0);
    std::string shell = "sh", stdin_word = "-s", words = "--", flag = "-c";
    std::array<char*, 6> arguments{shell.data(), stdin_word.data(), words.data(),
                                   flag.data(),  path_.data(),      nullptr};
    EXPECT_EQ(::posix_spawn(&pid_, "/bin/sh", &actions, nullptr, arguments.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    ::close(input[0]);
    // The kernel lets the parent go on before the new command line can be read.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!shows_path() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    EXPECT_TRUE(shows_path());
  }
  ~ProcessWithConfig() {
    ::close(kept_open_);
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  ProcessWithConfig(const ProcessWithConfig&) = delete;
  ProcessWithConfig& operator=(const ProcessWithConfig&) = delete;

  ProcessIdentity identity() const { return process_identity(pid_).value_or(ProcessIdentity()); }

 private:
  bool shows_path() const {
    std::ifstream file("/proc/" + std::to_string(pid_) + "/cmdline");
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    return text.find(path_) != std::string::npos;
  }

  std::string path_;
  int kept_open_ = -1;
  pid_t pid_ = 0;
};

TEST_F(SrsServerFile, OfARunningProcessIsRead) {
  const std::string path = directory_ + "/srs.conf";
  std::ofstream(path) << "max_connections 321;";
  const ProcessWithConfig process(path);
  EXPECT_EQ(max_connections_of(process.identity()), 321u);
}

TEST_F(SrsServerFile, ThatIsNoneHoldsNobody) {
  const std::string path = directory_ + "/fifo";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const ProcessWithConfig process(path);
  auto found =
      std::async(std::launch::async, [&] { return max_connections_of(process.identity()); });
  const bool ended = found.wait_for(std::chrono::seconds(5)) == std::future_status::ready;
  // Lets whoever waits for a writer go.
  if (!ended) ::close(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  EXPECT_TRUE(ended);
  EXPECT_EQ(found.get(), std::nullopt);
}

}  // namespace
}  // namespace weir::agent::srs
