#include <array>

#include <gtest/gtest.h>

#include "common/bytes/byte_reader.h"
#include "common/bytes/byte_writer.h"

namespace weir {
namespace {

TEST(ByteReader, ReadsBigEndianFields) {
  const std::array<std::uint8_t, 22> bytes{1,  2,  3,  4,  5,  6,  7,  8, 9, 10, 11,
                                           12, 13, 14, 15, 16, 17, 18, 1, 0, 0,  0};
  ByteReader reader(bytes);
  EXPECT_EQ(reader.u8(), 0x01);
  EXPECT_EQ(reader.u16(), 0x0203);
  EXPECT_EQ(reader.u24(), 0x040506U);
  EXPECT_EQ(reader.u32(), 0x0708090aU);
  EXPECT_EQ(reader.u64(), 0x0b0c0d0e0f101112U);
  EXPECT_EQ(reader.u32_le(), 1U);
  EXPECT_EQ(reader.remaining(), 0U);
  EXPECT_TRUE(reader.ok());
}

TEST(ByteReader, FailureSticksAndYieldsZero) {
  const std::array<std::uint8_t, 3> bytes{1, 2, 3};
  ByteReader reader(bytes);
  EXPECT_EQ(reader.u32(), 0U);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.u8(), 0);  // would fit, but the parse is lost
  EXPECT_TRUE(reader.bytes(1).empty());
  EXPECT_EQ(reader.position(), 0U);
}

TEST(ByteReader, TruncationIsSeenAtEveryLength) {
  const std::array<std::uint8_t, 11> bytes{};
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    ByteReader reader(std::span(bytes).first(length));
    reader.u8();
    reader.u16();
    reader.u64();
    EXPECT_FALSE(reader.ok()) << length;
  }
}

TEST(ByteReader, ViewsAreOfTheCallersBuffer) {
  const std::array<std::uint8_t, 5> bytes{'a', 'b', 'c', 'd', 'e'};
  ByteReader reader(bytes);
  EXPECT_EQ(reader.text(2), "ab");
  reader.skip(1);
  EXPECT_EQ(reader.bytes(1).data(), bytes.data() + 3);
  EXPECT_EQ(reader.rest().size(), 1U);
  EXPECT_TRUE(reader.text(0).empty());
  EXPECT_TRUE(reader.ok());
}

TEST(ByteReader, HugeCountDoesNotWrap) {
  const std::array<std::uint8_t, 2> bytes{};
  ByteReader reader(bytes);
  reader.u8();
  EXPECT_TRUE(reader.bytes(~std::size_t{0}).empty());
  EXPECT_FALSE(reader.ok());
}

TEST(ByteWriter, WritesWhatTheReaderReads) {
  std::array<std::uint8_t, 64> buffer{};
  ByteWriter writer(buffer);
  writer.u8(0x12);
  writer.u16(0x3456);
  writer.u24(0x789abc);
  writer.u32(0xdef01234);
  writer.u64(0x56789abcdef01234);
  writer.u32_le(7);
  writer.text("abc");
  ASSERT_TRUE(writer.ok());
  ByteReader reader(writer.written());
  EXPECT_EQ(reader.u8(), 0x12);
  EXPECT_EQ(reader.u16(), 0x3456);
  EXPECT_EQ(reader.u24(), 0x789abcU);
  EXPECT_EQ(reader.u32(), 0xdef01234U);
  EXPECT_EQ(reader.u64(), 0x56789abcdef01234U);
  EXPECT_EQ(reader.u32_le(), 7U);
  EXPECT_EQ(reader.text(3), "abc");
  EXPECT_EQ(reader.remaining(), 0U);
}

TEST(ByteWriter, NeverWritesPastTheEnd) {
  std::array<std::uint8_t, 4> buffer{};
  ByteWriter writer(std::span(buffer).first(3));
  writer.u16(0xffff);
  writer.u16(0xffff);
  EXPECT_FALSE(writer.ok());
  EXPECT_EQ(writer.size(), 2U);
  EXPECT_EQ(buffer[2], 0);
  writer.u8(0xff);  // would fit, but the message is lost
  EXPECT_EQ(writer.size(), 2U);
  EXPECT_EQ(buffer[3], 0);
}

}  // namespace
}  // namespace weir
