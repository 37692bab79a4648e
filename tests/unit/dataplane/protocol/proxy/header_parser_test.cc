#include "dataplane/protocol/proxy/header_parser.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace weir::proxy {
namespace {

struct Outcome {
  HeaderStep step = HeaderStep::kNeedMore;
  HeaderError error = HeaderError::kNone;
  bool recognised = false;
  std::string client = "-";
  std::string rest;
  bool operator==(const Outcome&) const = default;
};

/// `first` bytes in one piece, then the rest in pieces of `piece`.
Outcome parse(const std::string& text, std::size_t first, std::size_t piece) {
  HeaderParser parser;
  Outcome outcome;
  std::size_t at = 0;
  while (at < text.size() && outcome.step == HeaderStep::kNeedMore) {
    const std::string part = text.substr(at, at == 0 ? first : piece);
    Bytes input(reinterpret_cast<const std::uint8_t*>(part.data()), part.size());
    outcome.step = parser.feed(input);
    at += part.size() - input.size();
    EXPECT_TRUE(input.empty() || outcome.step != HeaderStep::kNeedMore);
  }
  outcome.error = parser.error();
  outcome.recognised = parser.recognised();
  if (parser.client()) outcome.client = *parser.client();
  if (outcome.step == HeaderStep::kDone) outcome.rest = text.substr(at);
  return outcome;
}

Outcome parse(const std::string& text) {
  const Outcome whole = parse(text, text.size(), text.size());
  for (std::size_t split = 1; split < text.size(); ++split)
    EXPECT_EQ(parse(text, split, text.size()), whole) << "split at " << split;
  EXPECT_EQ(parse(text, 1, 1), whole) << "byte by byte";
  return whole;
}

const std::string kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

std::string bytes(std::initializer_list<int> values) {
  std::string out;
  for (const int value : values) out.push_back(static_cast<char>(value));
  return out;
}

std::string binary(int command, int family, std::size_t length, const std::string& block) {
  return kSignature +
         bytes({command, family, static_cast<int>(length >> 8), static_cast<int>(length & 0xFF)}) +
         block;
}

std::string binary(int command, int family, const std::string& block) {
  return binary(command, family, block.size(), block);
}

const std::string kBlock4 = bytes({192, 0, 2, 9, 198, 51, 100, 1, 0xC3, 0x50, 0x07, 0x8F});
const std::string kBlock6 =
    bytes({0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x20, 0x01,
           0x0d, 0xb8, 0,    0,    0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0,    2});

TEST(ProxyHeader, VersionOneNamesTheClient) {
  const auto named = [](const std::string& line) {
    const Outcome outcome = parse(line + "\r\n\x03rest");
    EXPECT_EQ(outcome.step, HeaderStep::kDone) << line << ": " << to_text(outcome.error);
    EXPECT_EQ(outcome.rest, "\x03rest");
    EXPECT_TRUE(outcome.recognised);
    return outcome.client;
  };
  EXPECT_EQ(named("PROXY TCP4 192.0.2.9 198.51.100.1 50000 1935"), "192.0.2.9:50000");
  EXPECT_EQ(named("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535"),
            "255.255.255.255:65535");
  EXPECT_EQ(named("PROXY TCP4 0.0.0.0 0.0.0.0 0 0"), "0.0.0.0:0");
  EXPECT_EQ(named("PROXY TCP6 2001:db8::1 2001:DB8::2 1 2"), "[2001:db8::1]:1");
  EXPECT_EQ(named("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
                  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535"),
            "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
  EXPECT_EQ(named("PROXY TCP6 ::ffff:c000:209 2001:db8::2 1 2"), "192.0.2.9:1");
  EXPECT_EQ(named("PROXY UNKNOWN"), "-");
  EXPECT_EQ(named("PROXY UNKNOWN 2001:db8::1 whatever this is"), "-");
}

TEST(ProxyHeader, VersionOneHasExactlyOneForm) {
  const auto refused = [](const std::string& line) {
    const Outcome outcome = parse(line);
    EXPECT_EQ(outcome.step, HeaderStep::kFailed) << line;
    EXPECT_TRUE(outcome.recognised) << line;
    return outcome.error;
  };
  EXPECT_EQ(refused("PROXY  TCP4 192.0.2.9 198.51.100.1 1 2\r\n"), HeaderError::kLine);
  EXPECT_EQ(refused("PROXY tcp4 192.0.2.9 198.51.100.1 1 2\r\n"), HeaderError::kLine);
  EXPECT_EQ(refused("PROXY UDP4 192.0.2.9 198.51.100.1 1 2\r\n"), HeaderError::kLine);
  EXPECT_EQ(refused("PROXY \r\n"), HeaderError::kLine);
  EXPECT_EQ(refused("PROXY TCP4 192.0.2.9 198.51.100.1 1 2\n"), HeaderError::kLine);
  EXPECT_EQ(refused("PROXY TCP4 192.0.2.9\r198.51.100.1 1 2\r\n"), HeaderError::kLine);
  EXPECT_EQ(refused("PROXY TCP4 192.0.2.9 198.51.100.1 1 2\r\r\n"), HeaderError::kLine);
  for (const char* fields :
       {"", "192.0.2.9", "192.0.2.9 198.51.100.1 1", "192.0.2.9 198.51.100.1 1 2 3",
        "192.0.2.9 198.51.100.1 1 2 ", "192.0.2.9  198.51.100.1 1 2", "192.0.2 198.51.100.1 1 2",
        "192.0.2.09 198.51.100.1 1 2", "192.0.2.256 198.51.100.1 1 2",
        "2001:db8::1 2001:db8::2 1 2", "192.0.2.9 2001:db8::2 1 2", "192.0.2.9 198.51.100.1 01 2",
        "192.0.2.9 198.51.100.1 65536 2", "192.0.2.9 198.51.100.1 -1 2",
        "192.0.2.9 198.51.100.1 +1 2", "192.0.2.9 198.51.100.1 1 2x", "host 198.51.100.1 1 2"})
    EXPECT_EQ(refused(std::string("PROXY TCP4 ") + fields + "\r\n"), HeaderError::kAddress)
        << fields;
  EXPECT_EQ(refused("PROXY TCP6 2001:db8::1%eth0 2001:db8::2 1 2\r\n"), HeaderError::kAddress);
  EXPECT_EQ(refused("PROXY TCP6 [2001:db8::1] 2001:db8::2 1 2\r\n"), HeaderError::kAddress);
  EXPECT_EQ(refused(std::string("PROXY TCP4 192.0.2.9\0x 198.51.100.1 1 2\r\n", 42)),
            HeaderError::kAddress);
}

TEST(ProxyHeader, ALineEndsWithin107Bytes) {
  const std::string begin = "PROXY UNKNOWN ";
  const std::string longest = begin + std::string(kLineBytesMax - 2 - begin.size(), 'f') + "\r\n";
  EXPECT_EQ(parse(longest).step, HeaderStep::kDone);
  EXPECT_EQ(parse(begin + std::string(200, 'f')).error, HeaderError::kLineTooLong);
  const std::string one_more = begin + std::string(kLineBytesMax - 1 - begin.size(), 'f') + "\r\n";
  EXPECT_EQ(parse(one_more).error, HeaderError::kLineTooLong);
}

TEST(ProxyHeader, VersionTwoNamesTheClient) {
  const auto named = [](const std::string& header) {
    const Outcome outcome = parse(header + "\x03rest");
    EXPECT_EQ(outcome.step, HeaderStep::kDone) << to_text(outcome.error);
    EXPECT_EQ(outcome.rest, "\x03rest");
    EXPECT_TRUE(outcome.recognised);
    return outcome.client;
  };
  EXPECT_EQ(named(binary(0x21, 0x11, kBlock4)), "192.0.2.9:50000");
  EXPECT_EQ(named(binary(0x21, 0x21, kBlock6)), "[2001:db8::1]:1");
  // Extensions are skipped, well-formed or not.
  EXPECT_EQ(named(binary(0x21, 0x11, kBlock4 + bytes({4, 0, 2, 0, 0}))), "192.0.2.9:50000");
  EXPECT_EQ(named(binary(0x21, 0x21, kBlock6 + std::string(kBlockBytesMax - 36, '\xFF'))),
            "[2001:db8::1]:1");
}

TEST(ProxyHeader, VersionTwoMaySpeakForNobody) {
  const auto nobody = [](const std::string& header) {
    const Outcome outcome = parse(header + "\x03");
    return outcome.step == HeaderStep::kDone && outcome.client == "-" && outcome.rest == "\x03";
  };
  EXPECT_TRUE(nobody(binary(0x20, 0x00, "")));                      // LOCAL
  EXPECT_TRUE(nobody(binary(0x20, 0x11, kBlock4)));                 // its block means nothing
  EXPECT_TRUE(nobody(binary(0x20, 0xFF, "x")));                     // nor does its family
  EXPECT_TRUE(nobody(binary(0x21, 0x00, "")));                      // UNSPEC
  EXPECT_TRUE(nobody(binary(0x21, 0x10, kBlock4)));                 // unspecified transport
  EXPECT_TRUE(nobody(binary(0x21, 0x12, kBlock4)));                 // UDP
  EXPECT_TRUE(nobody(binary(0x21, 0x31, std::string(216, '\0'))));  // UNIX
}

TEST(ProxyHeader, VersionTwoThatDoesNotExistIsRefused) {
  const auto error = [](const std::string& header) {
    const Outcome outcome = parse(header);
    EXPECT_EQ(outcome.step, HeaderStep::kFailed);
    EXPECT_TRUE(outcome.recognised);
    return outcome.error;
  };
  EXPECT_EQ(error(binary(0x11, 0x11, kBlock4)), HeaderError::kVersion);
  EXPECT_EQ(error(binary(0x31, 0x11, kBlock4)), HeaderError::kVersion);
  EXPECT_EQ(error(binary(0x22, 0x11, kBlock4)), HeaderError::kCommand);
  EXPECT_EQ(error(binary(0x21, 0x41, kBlock4)), HeaderError::kFamily);
  EXPECT_EQ(error(binary(0x21, 0x13, kBlock4)), HeaderError::kFamily);
  EXPECT_EQ(error(binary(0x21, 0x11, kBlock4.substr(1))), HeaderError::kBlockLength);
  EXPECT_EQ(error(binary(0x21, 0x21, kBlock6.substr(1))), HeaderError::kBlockLength);
  EXPECT_EQ(error(binary(0x20, 0x00, kBlockBytesMax + 1, "")), HeaderError::kBlockLength);
  EXPECT_EQ(error(binary(0x21, 0x11, 0xFFFF, kBlock4)), HeaderError::kBlockLength);
}

TEST(ProxyHeader, AnythingElseIsNoHeader) {
  for (const std::string& text :
       {std::string("POST /open/1 HTTP/1.1\r\n\r\n"), std::string("PROXy TCP4"),
        std::string("PROXY\tTCP4"), std::string("\r\n\r\nGET /"), std::string("\x03")}) {
    const Outcome outcome = parse(text);
    EXPECT_EQ(outcome.error, HeaderError::kNoHeader);
    EXPECT_FALSE(outcome.recognised);
  }
  EXPECT_FALSE(HeaderParser::may_begin_with(3));
  EXPECT_FALSE(HeaderParser::may_begin_with('G'));
  EXPECT_TRUE(HeaderParser::may_begin_with('P'));
  EXPECT_TRUE(HeaderParser::may_begin_with(0x0D));
}

TEST(ProxyHeader, AnUnfinishedOneIsWaitedFor) {
  for (const std::string& whole :
       {std::string("PROXY TCP4 192.0.2.9 198.51.100.1 1 2\r\n"), binary(0x21, 0x11, kBlock4)}) {
    for (std::size_t size = 1; size < whole.size(); ++size) {
      const Outcome outcome = parse(whole.substr(0, size), size, size);
      EXPECT_EQ(outcome.step, HeaderStep::kNeedMore) << size;
      EXPECT_EQ(outcome.client, "-");
    }
  }
}

}  // namespace
}  // namespace weir::proxy
