#include "controlplane/store/redis/resp.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "controlplane/store/redis/limits.h"

namespace weir::store::redis {
namespace {

/// A reply as one line, so that two can be compared.
std::string shown(const Reply& reply) {
  switch (reply.kind) {
    case Reply::Kind::kNil:
      return "nil";
    case Reply::Kind::kInteger:
      return std::to_string(reply.integer);
    case Reply::Kind::kText:
      return "'" + reply.text + "'";
    case Reply::Kind::kError:
      return "!" + reply.text;
    case Reply::Kind::kArray:
      break;
  }
  std::string out = "[";
  for (const Reply& item : reply.items) out += shown(item) + " ";
  return out + "]";
}

std::string read_in_pieces(const std::string& bytes, std::size_t piece) {
  RespReader reader;
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    reader.feed(std::string_view(bytes).substr(at, piece));
    while (const auto reply = reader.next()) out += shown(*reply) + ";";
  }
  return out + reader.failure();
}

const std::string kReplies =
    "+OK\r\n:-42\r\n$5\r\nab\r\nc\r\n$-1\r\n*-1\r\n$0\r\n\r\n-ERR no\r\n"
    "*3\r\n:1\r\n*2\r\n$1\r\nx\r\n-READONLY y\r\n*0\r\n:9223372036854775807\r\n";

TEST(RespReader, ReadsEveryKindOfReplyInOrder) {
  EXPECT_EQ(read_in_pieces(kReplies, kReplies.size()),
            "'OK';-42;'ab\r\nc';nil;nil;'';!ERR no;[1 ['x' !READONLY y ] [] ];"
            "9223372036854775807;");
}

TEST(RespReader, ReadsTheSameHoweverTheBytesAreSplit) {
  const std::string whole = read_in_pieces(kReplies, kReplies.size());
  for (std::size_t piece = 1; piece < kReplies.size(); ++piece)
    EXPECT_EQ(read_in_pieces(kReplies, piece), whole) << piece;
}

TEST(RespReader, WaitsForTheRestOfEveryTruncation) {
  const std::string reply = "*2\r\n$3\r\nabc\r\n:7\r\n";
  for (std::size_t length = 0; length < reply.size(); ++length) {
    RespReader reader;
    reader.feed(std::string_view(reply).substr(0, length));
    EXPECT_FALSE(reader.next()) << length;
    EXPECT_EQ(reader.failure(), "") << length;
  }
}

TEST(RespReader, FailsAtWhatIsNotTheProtocol) {
  for (const char* const bytes :
       {"HTTP/1.1 400 Bad Request\r\n", "?\r\n", "$x\r\n", "*99999999999999\r\n", "$-2\r\n"}) {
    RespReader reader;
    reader.feed(bytes);
    EXPECT_FALSE(reader.next()) << bytes;
    EXPECT_NE(reader.failure().find("not the protocol of Redis"), std::string::npos) << bytes;
    // Nothing comes after that.
    reader.feed("+OK\r\n");
    EXPECT_FALSE(reader.next()) << bytes;
  }
}

TEST(RespReader, RefusesMoreElementsThanItAllowsBeforeItMakesRoomForThem) {
  RespReader reader;
  reader.feed("*" + std::to_string(kReplyElementsMax + 1) + "\r\n");
  EXPECT_FALSE(reader.next());
  EXPECT_NE(reader.failure().find("elements"), std::string::npos) << reader.failure();
}

TEST(RespReader, CountsTheElementsOfArraysWithinArraysTogether) {
  const std::string half = "*" + std::to_string(kReplyElementsMax / 2);
  RespReader reader;
  reader.feed("*2\r\n" + half + "\r\n");
  std::string integers;
  for (std::size_t i = 0; i < kReplyElementsMax / 2; ++i) integers += ":1\r\n";
  reader.feed(integers);
  EXPECT_FALSE(reader.next());
  EXPECT_EQ(reader.failure(), "");
  reader.feed(half + "\r\n");
  EXPECT_FALSE(reader.next());
  EXPECT_NE(reader.failure().find("elements"), std::string::npos) << reader.failure();
}

TEST(RespReader, RefusesAReplyOfTooManyBytesWithoutItsEnd) {
  RespReader reader;
  reader.feed("$2000000000\r\n");
  const std::string part(1024 * 1024, 'x');
  for (std::size_t fed = 0; fed < kReplyBytesMax - part.size(); fed += part.size()) {
    reader.feed(part);
    EXPECT_FALSE(reader.next());
    EXPECT_EQ(reader.failure(), "") << fed;
  }
  reader.feed(part);
  EXPECT_FALSE(reader.next());
  EXPECT_NE(reader.failure().find("bytes"), std::string::npos) << reader.failure();
}

TEST(RespReader, BoundsEachReplyAndNotTheirSum) {
  RespReader reader;
  const std::string reply = "$1048576\r\n" + std::string(1024 * 1024, 'x') + "\r\n";
  for (std::size_t read = 0; read < 2 * kReplyBytesMax; read += reply.size()) {
    reader.feed(reply);
    ASSERT_TRUE(reader.next()) << reader.failure();
  }
}

TEST(AppendCommand, WritesWordsOfAnyBytes) {
  std::string out = "x";
  const std::vector<std::string_view> words = {"SET", "k", std::string_view("a\r\n\0b", 5), ""};
  append_command(words, out);
  EXPECT_EQ(out, std::string("x*4\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\na\r\n\0b\r\n$0\r\n\r\n", 38));
}

}  // namespace
}  // namespace weir::store::redis
