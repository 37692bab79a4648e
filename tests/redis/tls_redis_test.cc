// The client against a redis-server that speaks TLS, with certificates made for the test.

#include <filesystem>
#include <string>

#include "tests/support/redis/client_harness.h"
#include "tests/support/redis/redis_server.h"

namespace weir::store::redis {
namespace {

using testing::RedisServer;
using testing::ScratchFolder;

class TlsRedis : public ClientHarness {
 protected:
  static void SetUpTestSuite() {
    folder_ = new ScratchFolder;
    other_folder_ = new ScratchFolder;
    testing::make_certificates(folder_->path());
    testing::make_certificates(other_folder_->path());
  }
  static void TearDownTestSuite() {
    delete folder_;
    delete other_folder_;
  }

  TlsRedis() {
    options_.tls = TlsOptions{
        .ca_file = file("ca.crt"), .cert_file = file("client.crt"), .key_file = file("client.key")};
  }

  static std::string file(const char* name) { return (folder_->path() / name).string(); }
  static RedisServer::Config with_tls() { return {.certificates = folder_->path()}; }
  void start_at(const RedisServer& server, const std::string& host = "127.0.0.1") {
    start({{host, server.port()}});
  }
  void expect_trouble(const std::string& text) {
    EXPECT_TRUE(until([&] { return client_->trouble().find(text) != std::string::npos; }))
        << client_->trouble();
    EXPECT_TRUE(connected_.empty());
  }

  static ScratchFolder* folder_;
  static ScratchFolder* other_folder_;
};

ScratchFolder* TlsRedis::folder_ = nullptr;
ScratchFolder* TlsRedis::other_folder_ = nullptr;

TEST_F(TlsRedis, ConnectsByAddressAndByName) {
  const RedisServer server(with_tls());
  start_at(server);
  command({"SET", "k", std::string(1'000'000, 'x')});
  command({"STRLEN", "k"});
  command({"GET", "k"});
  ASSERT_TRUE(until_answered(3));
  EXPECT_EQ(answers_[1], "1000000");
  EXPECT_EQ(answers_[2], "'" + std::string(1'000'000, 'x') + "'");
  start_at(server, "localhost");
  ASSERT_TRUE(until_connected(2)) << client_->trouble();
}

TEST_F(TlsRedis, AnswersPipelinedCommandsInOrder) {
  const RedisServer server(with_tls());
  start_at(server);
  ASSERT_TRUE(until_connected());
  std::vector<std::string> expected;
  for (int i = 0; i < 2000; ++i) {
    command({"ECHO", std::to_string(i)});
    expected.push_back("'" + std::to_string(i) + "'");
  }
  ASSERT_TRUE(until_answered(2000));
  EXPECT_EQ(answers_, expected);
}

TEST_F(TlsRedis, RefusesACertificateOfAnotherCa) {
  const RedisServer server(with_tls());
  options_.tls->ca_file = (other_folder_->path() / "ca.crt").string();
  start_at(server);
  expect_trouble("the certificate is not trusted");
  EXPECT_NE(client_->trouble().find("redis.ca_file"), std::string::npos);
}

TEST_F(TlsRedis, RefusesACertificateOfAnotherName) {
  const RedisServer server(with_tls());
  options_.tls->server_name = "elsewhere.example";
  start_at(server);
  expect_trouble("the certificate is not for this address");
  options_.tls->server_name = "localhost";
  start_at(server);
  EXPECT_TRUE(until_connected()) << client_->trouble();
}

TEST_F(TlsRedis, SaysThatAClientCertificateIsWanted) {
  const RedisServer server(with_tls());
  options_.tls->cert_file.clear();
  options_.tls->key_file.clear();
  start_at(server);
  expect_trouble("redis.client_cert_file");
}

TEST_F(TlsRedis, SaysWhenOneSideSpeaksTlsAndTheOtherDoesNot) {
  options_.connect_deadline = std::chrono::milliseconds(200);
  const RedisServer plain;
  start_at(plain);
  expect_trouble("does this port speak TLS?");
  const RedisServer server(with_tls());
  options_.tls.reset();
  start_at(server);
  expect_trouble("does this port want TLS?");
}

TEST_F(TlsRedis, RefusesToStartWithFilesThatCannotBeUsed) {
  for (const std::string bad : {"/no/such/file", "names.ext"}) {
    options_.tls->ca_file = bad.front() == '/' ? bad : file(bad.c_str());
    options_.addresses = {{"127.0.0.1", 1}};
    Client client(io_, clock_, random_, options_, log::Logger("test"), registry_);
    const auto started = client.start();
    ASSERT_FALSE(started) << bad;
    EXPECT_EQ(started.error().message.find("redis.ca_file " + options_.tls->ca_file), 0U)
        << started.error().message;
  }
}

}  // namespace
}  // namespace weir::store::redis
