// The small value types of common/base: random, secret, ids, callback.
#include <array>
#include <fstream>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "common/base/callback.h"
#include "common/base/ids.h"
#include "common/base/random.h"
#include "common/base/secret.h"
#include "common/base/secret_file.h"

namespace weir {
namespace {

TEST(SeededRandom, RepeatsItselfForOneSeed) {
  SeededRandom one(7);
  SeededRandom same(7);
  SeededRandom other(8);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t value = one.next();
    EXPECT_EQ(value, same.next());
    differs = differs || value != other.next();
  }
  EXPECT_TRUE(differs);
}

TEST(SeededRandom, BelowStaysBelowAndReachesEveryValue) {
  SeededRandom random(1);
  std::array<int, 7> counts{};
  for (int i = 0; i < 7000; ++i) ++counts.at(random.below(7));
  for (const int count : counts) EXPECT_NEAR(count, 1000, 200);
  EXPECT_EQ(random.below(1), 0U);
  EXPECT_LT(random.below(std::numeric_limits<std::uint64_t>::max()),
            std::numeric_limits<std::uint64_t>::max());
}

TEST(SeededRandom, FillsEveryLengthToItsEnd) {
  SeededRandom random(3);
  for (std::size_t length = 0; length < 20; ++length) {
    std::vector<std::uint8_t> total(length, 0);
    for (int i = 0; i < 64; ++i) {
      std::vector<std::uint8_t> bytes(length);
      random.fill(bytes);
      for (std::size_t k = 0; k < length; ++k) total[k] |= bytes[k];
    }
    for (const std::uint8_t byte : total) EXPECT_EQ(byte, 0xff);
  }
}

TEST(SystemRandom, TokensDifferAndUseTheAlphabet) {
  SystemRandom random;
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string token = random.token(16);
    EXPECT_EQ(token.size(), 16U);
    EXPECT_EQ(token.find_first_not_of("0123456789abcdefghjkmnpqrstvwxyz"), std::string::npos);
    EXPECT_TRUE(seen.insert(token).second);
  }
}

TEST(Secret, IsNeverPrinted) {
  EXPECT_EQ(fmt::format("{}", Secret("s3cret")), "<redacted>");
}

TEST(Secret, EqualsOnlyItself) {
  const Secret secret("s3cret");
  EXPECT_TRUE(secret.equals("s3cret"));
  for (const char* other : {"", "s3cre", "s3crett", "s3creu", "s3crets3cret"})
    EXPECT_FALSE(secret.equals(other)) << other;
  EXPECT_TRUE(Secret().equals(""));
  EXPECT_FALSE(Secret().equals("x"));
  EXPECT_FALSE(Secret().equals(std::string_view("\0", 1)));
}

class SecretFile : public ::testing::Test {
 protected:
  Result<Secret> read(const std::string& content) {
    std::ofstream(path_) << content;
    return read_secret_file(path_, "--token-file");
  }
  ~SecretFile() override { ::unlink(path_.c_str()); }
  std::string path_ = ::testing::TempDir() + "weir-secret-" + std::to_string(::getpid());
};

TEST_F(SecretFile, FirstLineIsTheSecret) {
  EXPECT_EQ(read("s3cret\nmore\n")->reveal(), "s3cret");
  EXPECT_EQ(read("s3cret \r\n")->reveal(), "s3cret");
  EXPECT_EQ(read("s3cret")->reveal(), "s3cret");
}

TEST_F(SecretFile, ErrorsNameTheFileAndNeverTheContent) {
  for (const char* content : {"", "\ns3cret\n", "s3 cret\n", "s3crét\n"}) {
    const auto refused = read(content);
    ASSERT_FALSE(refused.has_value()) << content;
    EXPECT_NE(refused.error().message.find(path_), std::string::npos);
    EXPECT_EQ(refused.error().message.find("s3"), std::string::npos);
    EXPECT_EQ(refused.error().code, boost::system::errc::operation_not_permitted);
  }
  EXPECT_FALSE(read_secret_file("/nonexistent", "--token-file").has_value());
}

TEST(Ids, OrderHashAndFormatAsTheirText) {
  const OriginId a("a");
  const OriginId b("b");
  EXPECT_LT(a, b);
  EXPECT_EQ(fmt::format("{}", a), "a");
  EXPECT_EQ(std::hash<OriginId>{}(a), std::hash<OriginId>{}(OriginId("a")));
  EXPECT_TRUE(OriginId().empty());
}

TEST(Epoch, GenerationCountsBeforeCounter) {
  EXPECT_LT((Epoch{1, 9}), (Epoch{2, 1}));
  EXPECT_LT((Epoch{2, 1}), (Epoch{2, 2}));
  EXPECT_FALSE(Epoch{}.is_set());
  EXPECT_TRUE((Epoch{1, 0}).is_set());
  EXPECT_EQ(fmt::format("{} {}", Epoch{5, 2}, Revision{5, 3}), "5.2 5.3");
}

TEST(Callback, OwnsMoveOnlyCallables) {
  auto owned = std::make_unique<int>(41);
  Callback<int(int)> callback = [owned = std::move(owned)](int add) { return *owned + add; };
  EXPECT_TRUE(static_cast<bool>(callback));
  EXPECT_EQ(callback(1), 42);
  Callback<int(int)> moved = std::move(callback);
  EXPECT_FALSE(static_cast<bool>(callback));
  EXPECT_EQ(moved(2), 43);
}

TEST(Callback, ForwardsMoveOnlyArgumentsAndKeepsState) {
  int calls = 0;
  Callback<void(std::unique_ptr<int>)> callback = [&calls](std::unique_ptr<int> value) {
    calls += *value;
  };
  callback(std::make_unique<int>(2));
  callback(std::make_unique<int>(3));
  EXPECT_EQ(calls, 5);
}

TEST(CallbackDeath, EmptyOneMustNotBeCalled) {
  Callback<void()> callback;
  EXPECT_DEATH(callback(), "contract violated");
}

TEST(Random, Uuid4HasItsVersionAndVariantAndDiffers) {
  SeededRandom random(5);
  const std::string one = random.uuid4();
  ASSERT_EQ(one.size(), 36U);
  for (const std::size_t dash : {8U, 13U, 18U, 23U}) EXPECT_EQ(one[dash], '-') << one;
  EXPECT_EQ(one[14], '4') << one;
  EXPECT_NE(std::string("89ab").find(one[19]), std::string::npos) << one;
  EXPECT_NE(one, random.uuid4());
}

}  // namespace
}  // namespace weir
