#include "controlplane/store/redis/url.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace weir::store::redis {
namespace {

std::string addresses_of(const StoreUrl& url) {
  std::string out;
  for (const HostPort& at : url.addresses)
    out += (out.empty() ? "" : " ") + format_host_port(at.host, at.port);
  return out;
}

struct Good {
  const char* text;
  StoreUrl::Kind kind;
  bool tls;
  const char* addresses;
  const char* user;
  const char* password;
  const char* primary;
  std::uint32_t database;
  const char* name;
};

class GoodStoreUrl : public ::testing::TestWithParam<Good> {};

TEST_P(GoodStoreUrl, IsReadInAllItsParts) {
  const Good& good = GetParam();
  const auto url = parse_store_url(good.text);
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(url->kind, good.kind);
  EXPECT_EQ(url->tls, good.tls);
  EXPECT_EQ(addresses_of(*url), good.addresses);
  EXPECT_EQ(url->user, good.user);
  EXPECT_EQ(url->password.reveal(), good.password);
  EXPECT_EQ(url->primary, good.primary);
  EXPECT_EQ(url->database, good.database);
  EXPECT_EQ(url->name, good.name);
}

constexpr auto kMemory = StoreUrl::Kind::kMemory;
constexpr auto kRedis = StoreUrl::Kind::kRedis;
constexpr auto kSentinel = StoreUrl::Kind::kSentinel;

INSTANTIATE_TEST_SUITE_P(
    Urls, GoodStoreUrl,
    ::testing::Values(
        Good{"memory", kMemory, false, "", "", "", "", 0, "memory"},
        Good{"redis://127.0.0.1:6380", kRedis, false, "127.0.0.1:6380", "", "", "", 0,
             "redis://127.0.0.1:6380/0"},
        Good{"redis://cache", kRedis, false, "cache:6379", "", "", "", 0, "redis://cache:6379/0"},
        Good{"redis://cache/", kRedis, false, "cache:6379", "", "", "", 0, "redis://cache:6379/0"},
        Good{"redis://cache/7", kRedis, false, "cache:6379", "", "", "", 7, "redis://cache:6379/7"},
        Good{"redis://weir:s3cret@cache:1/2", kRedis, false, "cache:1", "weir", "s3cret", "", 2,
             "redis://cache:1/2"},
        Good{"redis://:s3cret@cache", kRedis, false, "cache:6379", "", "s3cret", "", 0,
             "redis://cache:6379/0"},
        Good{"redis://weir@cache", kRedis, false, "cache:6379", "weir", "", "", 0,
             "redis://cache:6379/0"},
        Good{"redis://w%40:p%3a%2F%40%25%20x@cache", kRedis, false, "cache:6379", "w@", "p:/@% x",
             "", 0, "redis://cache:6379/0"},
        Good{"redis://u:a:b@cache", kRedis, false, "cache:6379", "u", "a:b", "", 0,
             "redis://cache:6379/0"},
        Good{"redis://[::1]:6380/3", kRedis, false, "[::1]:6380", "", "", "", 3,
             "redis://[::1]:6380/3"},
        Good{"redis://[2001:db8::7]", kRedis, false, "[2001:db8::7]:6379", "", "", "", 0,
             "redis://[2001:db8::7]:6379/0"},
        Good{"rediss://cache:6390", kRedis, true, "cache:6390", "", "", "", 0,
             "rediss://cache:6390/0"},
        Good{"redis+sentinel://a:1,[::1]:2,c/weir", kSentinel, false, "a:1 [::1]:2 c:26379", "", "",
             "weir", 0, "redis+sentinel://a:1,[::1]:2,c:26379/weir"},
        Good{"rediss+sentinel://u:p@a:1/my.primary-1_x/4", kSentinel, true, "a:1", "u", "p",
             "my.primary-1_x", 4, "rediss+sentinel://a:1/my.primary-1_x/4"}));

struct Bad {
  const char* text;
  const char* complaint;  ///< part of it
};

class BadStoreUrl : public ::testing::TestWithParam<Bad> {};

TEST_P(BadStoreUrl, IsRefusedWithWhatIsWrongAndWithoutThePassword) {
  const auto url = parse_store_url(GetParam().text);
  ASSERT_FALSE(url);
  const std::string& message = url.error().message;
  EXPECT_EQ(message.rfind("--store ", 0), 0U) << message;
  EXPECT_NE(message.find(GetParam().complaint), std::string::npos) << message;
  EXPECT_EQ(message.find("cret"), std::string::npos) << message;
  EXPECT_EQ(url.error().code, boost::system::errc::invalid_argument);
}

INSTANTIATE_TEST_SUITE_P(
    Urls, BadStoreUrl,
    ::testing::Values(
        Bad{"", "write memory, redis://"}, Bad{"Memory", "is no store"},
        Bad{"redis", "is no store"}, Bad{"redis:/h:1", "is no store"},
        Bad{"http://h:1", "scheme is not known"}, Bad{"://h", "scheme is not known"},
        Bad{"redis+cluster://h:1,h:2", "not supported yet; use a single Redis"},
        Bad{"rediss+cluster://u:s3cret@h:1", "not supported yet"},
        Bad{"redis://", "address is missing"}, Bad{"redis://u:s3cret@", "address is missing"},
        Bad{"redis://a:1,b:2", "a single Redis has one"}, Bad{"redis://:6379", "cannot be dialled"},
        Bad{"redis://h:0", "cannot be dialled"}, Bad{"redis://h:70000", "port"},
        Bad{"redis://h:x", "port"}, Bad{"redis://::1", "["},
        Bad{"redis://h/x", "database 'x' is not a number"}, Bad{"redis://h/-1", "database '-1'"},
        Bad{"redis://h/1/2", "database '1/2'"}, Bad{"redis://h/99999999999", "database"},
        Bad{"redis://h/2147483648", "database"}, Bad{"redis://h/0?tls=1", "behind a '?'"},
        Bad{"redis://h/0#x", "behind a '?'"}, Bad{"redis://u:s3/cret@h", "%2F"},
        Bad{"redis://u:s3?cret@h", "%3F"}, Bad{"redis://u:s3#cret@h", "%23"},
        Bad{"redis://u:s3@cret@h", "%40"}, Bad{"redis://u:s3%cret@h", "%25"},
        Bad{"redis://u:s3cret%2@h", "%25"}, Bad{"redis://u:@h", "password is empty"},
        Bad{"redis//u:s3cret@h", "is no store"}, Bad{"u:s3cret@h://", "scheme is not known"},
        Bad{"redis+sentinel://a:1", "name of the primary is missing"},
        Bad{"redis+sentinel://a:1/", "name of the primary is missing"},
        Bad{"redis+sentinel://a:1/we ir", "other characters"},
        Bad{"redis+sentinel://a:1,/weir", "address is missing"},
        Bad{"redis+sentinel://a:1,,b:2/weir", "address is missing"},
        Bad{"redis+sentinel://a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q/weir", "more than 16"}));

TEST(RedactStoreUrl, KeepsEverythingButWhatStandsBeforeTheAt) {
  EXPECT_EQ(redact_store_url("redis://u:s3cret@h:1/2"), "redis://…@h:1/2");
  EXPECT_EQ(redact_store_url("redis://h:1/2"), "redis://h:1/2");
  EXPECT_EQ(redact_store_url("redis:u:s3cret@h"), "…@h");
}

}  // namespace
}  // namespace weir::store::redis
