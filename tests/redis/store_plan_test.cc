// What `store` and the keys below `redis` amount to, and which combinations are refused.

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "common/config/field.h"
#include "controlplane/app/store_factory.h"
#include "weir/config/v1/config.pb.h"

namespace weir::app {
namespace {

using namespace std::chrono_literals;

class StorePlanTest : public ::testing::Test {
 protected:
  StorePlanTest() {
    config::apply_defaults(config_);
    std::string pattern = (std::filesystem::temp_directory_path() / "weir-plan-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~StorePlanTest() override { std::filesystem::remove_all(folder_); }

  std::string file(const std::string& name, const std::string& content) const {
    std::ofstream(folder_ / name) << content;
    return (folder_ / name).string();
  }
  StorePlan planned() {
    auto plan = plan_store(config_);
    EXPECT_TRUE(plan) << plan.error().message;
    return plan ? std::move(*plan) : StorePlan{};
  }
  void expect_refused(const std::string& complaint,
                      boost::system::errc::errc_t code = boost::system::errc::invalid_argument) {
    const auto plan = plan_store(config_);
    ASSERT_FALSE(plan);
    EXPECT_NE(plan.error().message.find(complaint), std::string::npos) << plan.error().message;
    EXPECT_EQ(plan.error().message.find("s3cret"), std::string::npos) << plan.error().message;
    EXPECT_EQ(plan.error().code, code);
  }
  config::v1::RedisConfig& redis() { return *config_.mutable_redis(); }

  config::v1::ControlplaneConfig config_;
  std::filesystem::path folder_;
};

TEST_F(StorePlanTest, IsTheEmbeddedStoreByDefault) {
  EXPECT_TRUE(planned().memory);
  EXPECT_EQ(planned().name, "memory");
}

TEST_F(StorePlanTest, TakesTheUrlAndTheDefaults) {
  config_.set_store("redis://weir:s3cret@cache:6380/2");
  const StorePlan plan = planned();
  EXPECT_FALSE(plan.memory);
  EXPECT_EQ(plan.name, "redis://cache:6380/2");
  EXPECT_EQ(plan.redis.name, plan.name);
  ASSERT_EQ(plan.redis.addresses.size(), 1U);
  EXPECT_EQ(plan.redis.addresses[0].host, "cache");
  EXPECT_EQ(plan.redis.database, 2U);
  EXPECT_EQ(plan.redis.credentials.user, "weir");
  EXPECT_EQ(plan.redis.credentials.password.reveal(), "s3cret");
  EXPECT_FALSE(plan.redis.tls);
  EXPECT_EQ(plan.redis.key_prefix, "weir:");
  EXPECT_EQ(plan.redis.command_deadline, 500ms);
  EXPECT_EQ(plan.redis.connect_deadline, 1s);
  EXPECT_EQ(plan.redis.silence_max, 1500ms);
}

TEST_F(StorePlanTest, TakesPasswordsOfFiles) {
  config_.set_store("redis+sentinel://a:1,b:2/weir");
  redis().set_user("weir");
  redis().set_password_file(file("redis", "s3cret\n"));
  redis().set_sentinel_password_file(file("sentinel", "s3cret2\n"));
  const StorePlan plan = planned();
  EXPECT_EQ(plan.redis.primary_name, "weir");
  EXPECT_EQ(plan.redis.credentials.user, "weir");
  EXPECT_EQ(plan.redis.credentials.password.reveal(), "s3cret");
  EXPECT_EQ(plan.redis.sentinel_credentials.password.reveal(), "s3cret2");
}

TEST_F(StorePlanTest, TakesTheFilesOfTls) {
  config_.set_store("rediss://cache");
  redis().set_ca_file("/ca.pem");
  redis().set_client_cert_file("/c.pem");
  redis().set_client_key_file("/k.pem");
  redis().set_server_name("redis.example");
  const StorePlan plan = planned();
  ASSERT_TRUE(plan.redis.tls);
  EXPECT_EQ(plan.redis.tls->ca_file, "/ca.pem");
  EXPECT_EQ(plan.redis.tls->cert_file, "/c.pem");
  EXPECT_EQ(plan.redis.tls->key_file, "/k.pem");
  EXPECT_EQ(plan.redis.tls->server_name, "redis.example");
}

TEST_F(StorePlanTest, RefusesWhatIsSaidTwice) {
  config_.set_store("redis://:s3cret@cache");
  redis().set_password_file(file("redis", "s3cret\n"));
  expect_refused("redis.password_file: --store holds a password, too");
  config_.set_store("redis://weir@cache");
  redis().set_user("other");
  expect_refused("redis.user: --store names a user, too");
}

TEST_F(StorePlanTest, RefusesAUserWithoutPassword) {
  config_.set_store("redis://weir@cache");
  expect_refused("user 'weir' has no password");
  config_.set_store("redis+sentinel://a:1/weir");
  redis().set_sentinel_user("watcher");
  expect_refused("redis.sentinel_password_file");
}

TEST_F(StorePlanTest, RefusesAPasswordFileThatCannotBeReadAsMissingCredentials) {
  config_.set_store("redis://cache");
  redis().set_password_file("/no/such/file");
  expect_refused("redis.password_file /no/such/file: cannot be read",
                 boost::system::errc::operation_not_permitted);
}

TEST_F(StorePlanTest, RefusesKeysThatTheUrlHasNoUseFor) {
  config_.set_store("redis://cache");
  redis().set_ca_file("/ca.pem");
  expect_refused("--store has no TLS; write rediss://");
  redis().clear_ca_file();
  redis().set_sentinel_password_file("/f");
  expect_refused("--store names no sentinels");
}

TEST_F(StorePlanTest, RefusesHalfAClientCertificate) {
  config_.set_store("rediss://cache");
  redis().set_client_key_file("/k.pem");
  expect_refused("belong together");
}

TEST_F(StorePlanTest, RefusesAPrefixThatWouldScatterTheKeys) {
  config_.set_store("redis://cache");
  for (const std::string& prefix :
       {std::string("a{b}"), std::string("a b"), std::string("a\n"), std::string(65, 'x')}) {
    redis().set_key_prefix(prefix);
    expect_refused("redis.key_prefix");
  }
}

TEST_F(StorePlanTest, RefusesAMalformedUrlWithoutItsPassword) {
  config_.set_store("redis://weir:s3cret@cache:x");
  expect_refused("--store redis://…@cache:x");
}

}  // namespace
}  // namespace weir::app
