#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/protocol/amf/reader.h"
#include "dataplane/protocol/amf/writer.h"
#include "tests/support/vectors.h"

namespace weir::amf {
namespace {

using test::ByteText;

std::vector<std::uint8_t> connect_object() {
  std::vector<std::uint8_t> out;
  Writer(out)
      .begin_object()
      .property("app", "live")
      .property("swfUrl", "http://a/b.swf")
      .property("fpad", false)
      .property("audioCodecs", 4071.0)
      .end_object();
  return out;
}

Error error_of(const std::vector<std::uint8_t>& bytes) {
  Reader reader(bytes);
  while (reader.next()) {
  }
  return reader.error();
}

TEST(AmfReader, ReadsEachScalarOfTheSpecification) {
  const std::vector<std::uint8_t> bytes = ByteText()
                                              .bytes({0x00, 0x3F, 0xF0, 0, 0, 0, 0, 0, 0})
                                              .bytes({0x01, 1})
                                              .bytes({0x02, 0, 2})
                                              .text("hi")
                                              .bytes({0x05, 0x06})
                                              .bytes({0x0B, 0x40, 0x59, 0, 0, 0, 0, 0, 0, 0, 0})
                                              .bytes({0x0C, 0, 0, 0, 1})
                                              .text("x");
  Reader reader(bytes);
  EXPECT_EQ(reader.next()->number, 1.0);
  EXPECT_TRUE(reader.next()->boolean);
  EXPECT_EQ(reader.next()->text, "hi");
  EXPECT_EQ(reader.next()->type, Type::kNull);
  EXPECT_EQ(reader.next()->type, Type::kUndefined);
  const auto date = reader.next();
  EXPECT_EQ(date->type, Type::kDate);
  EXPECT_EQ(date->number, 100.0);
  EXPECT_EQ(reader.next()->text, "x");
  EXPECT_TRUE(reader.at_end());
  EXPECT_EQ(reader.error(), Error::kNone);
}

TEST(AmfReader, EveryTruncationOfAnObjectIsTold) {
  const auto whole = connect_object();
  for (std::size_t size = 1; size < whole.size(); ++size) {
    const std::vector<std::uint8_t> cut(whole.begin(), whole.begin() + static_cast<int>(size));
    EXPECT_EQ(error_of(cut), Error::kTruncated) << size;
  }
  EXPECT_EQ(error_of(whole), Error::kNone);
}

TEST(AmfReader, FindsPropertiesByName) {
  const auto bytes = connect_object();
  const Value object = *Reader(bytes).next();
  EXPECT_EQ(string_property(object, "app"), "live");
  EXPECT_EQ(number_property(object, "audioCodecs"), 4071.0);
  EXPECT_EQ(string_property(object, "audioCodecs"), "");
  EXPECT_FALSE(find_property(object, "pageUrl"));
  EXPECT_EQ(object.raw.size(), bytes.size());
}

TEST(AmfReader, EcmaCountIsOnlyAHint) {
  const std::vector<std::uint8_t> bytes =
      ByteText().bytes({0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0, 1}).text("a").bytes({0x05, 0, 0, 9});
  const Value array = *Reader(bytes).next();
  EXPECT_EQ(array.type, Type::kEcmaArray);
  EXPECT_TRUE(find_property(array, "a"));
}

TEST(AmfReader, StrictArrayIsWalkedAndItsCountIsComparedWithTheBytes) {
  const std::vector<std::uint8_t> good = ByteText().bytes({0x0A, 0, 0, 0, 2, 0x05, 0x01, 1});
  const Value array = *Reader(good).next();
  ElementReader elements(array);
  EXPECT_EQ(elements.next()->type, Type::kNull);
  EXPECT_TRUE(elements.next()->boolean);
  EXPECT_FALSE(elements.next());
  EXPECT_EQ(error_of(ByteText().bytes({0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 5, 5})), Error::kTruncated);
}

TEST(AmfReader, RefusesReferencesAndReservedTypes) {
  EXPECT_EQ(error_of(ByteText().bytes({0x07, 0, 0})), Error::kRefused);
  EXPECT_EQ(error_of(ByteText().bytes({0x04})), Error::kRefused);
  EXPECT_EQ(error_of(ByteText().bytes({0x0E})), Error::kRefused);
  EXPECT_EQ(error_of(ByteText().bytes({0x42})), Error::kMalformed);
}

TEST(AmfReader, DepthIsBounded) {
  ByteText nested;
  for (std::size_t i = 1; i < kDepthMax; ++i) nested.bytes({0x0A, 0, 0, 0, 1});
  ByteText deeper = nested;
  EXPECT_EQ(error_of(nested.bytes({0x05})), Error::kNone);
  EXPECT_EQ(error_of(deeper.bytes({0x0A, 0, 0, 0, 1, 0x05})), Error::kLimit);
}

TEST(AmfReader, ElementsAreBoundedOverTheWholeInput) {
  EXPECT_EQ(error_of(ByteText().repeat(kElementsMax, 0x05)), Error::kNone);
  EXPECT_EQ(error_of(ByteText().repeat(kElementsMax + 1, 0x05)), Error::kLimit);
}

TEST(AmfReader, StringsAreBounded) {
  const std::string longest(kStringBytesMax, 'a');
  EXPECT_EQ(error_of(encode_string(longest)), Error::kNone);
  EXPECT_EQ(error_of(encode_string(longest + "a")), Error::kLimit);
  EXPECT_EQ(error_of(encode_string(std::string(kLongStringBytesMax + 1, 'a'))), Error::kLimit);
}

TEST(AmfReader, ReadsOneAmf3ValueBehindItsMarkerThenAmf0Again) {
  // Array with one dense string; integer -1; then an AMF0 null.
  const std::vector<std::uint8_t> bytes = ByteText()
                                              .bytes({0x11, 0x09, 0x03, 0x01, 0x06, 0x03, 'a'})
                                              .bytes({0x11, 0x04, 0xFF, 0xFF, 0xFF, 0xFF, 0x05});
  Reader reader(bytes);
  const auto array = reader.next();
  ASSERT_TRUE(array);
  EXPECT_EQ(array->type, Type::kOther);
  EXPECT_EQ(array->raw.size(), 7U);
  EXPECT_EQ(reader.next()->number, -1.0);
  EXPECT_EQ(reader.next()->type, Type::kNull);
  EXPECT_TRUE(reader.at_end());
}

TEST(AmfReader, WalksAmf3ObjectsWithTraitsAndDynamicMembers) {
  // {sealed: a; dynamic: b} with class name "T"; then by reference to the same traits, in an array.
  const std::vector<std::uint8_t> bytes =
      ByteText()
          .bytes({0x11, 0x09, 0x05, 0x01})
          .bytes({0x0A, 0x1B, 0x03, 'T', 0x03, 'a', 0x04, 0x05, 0x03, 'b', 0x03, 0x01})
          .bytes({0x0A, 0x01, 0x02, 0x01});
  EXPECT_EQ(error_of(bytes), Error::kNone);
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    const std::vector<std::uint8_t> cut(bytes.begin(), bytes.begin() + static_cast<int>(size));
    EXPECT_NE(error_of(cut), Error::kNone) << size;
  }
}

TEST(AmfReader, RefusesAmf3ReferencesToNothingAndExternalizableObjects) {
  EXPECT_EQ(error_of(ByteText().bytes({0x11, 0x06, 0x00})), Error::kRefused);
  EXPECT_EQ(error_of(ByteText().bytes({0x11, 0x0A, 0x00})), Error::kRefused);
  EXPECT_EQ(error_of(ByteText().bytes({0x11, 0x0A, 0x07, 0x03, 'X'})), Error::kRefused);
  EXPECT_EQ(error_of(ByteText().bytes({0x11, 0x0D})), Error::kRefused);
}

TEST(AmfReader, WalksTypedObjectsAndSkipsWhatHasNoMeaningHere) {
  const std::vector<std::uint8_t> bytes =
      ByteText()
          .bytes({0x10, 0, 1, 'T', 0, 1, 'a', 0x05, 0, 0, 9})  // typed object
          .bytes({0x0D})                                       // unsupported
          .bytes({0x0F, 0, 0, 0, 4})                           // XML document
          .text("<a/>")
          .bytes({0x05});
  Reader reader(bytes);
  const auto object = reader.next();
  ASSERT_TRUE(object);
  EXPECT_EQ(object->type, Type::kObject);
  EXPECT_TRUE(find_property(*object, "a"));
  EXPECT_EQ(reader.next()->type, Type::kOther);
  const auto document = reader.next();
  EXPECT_EQ(document->type, Type::kOther);
  EXPECT_EQ(document->text, "<a/>");
  EXPECT_EQ(reader.next()->type, Type::kNull);
  EXPECT_TRUE(reader.at_end());
  EXPECT_EQ(error_of(ByteText().bytes({0x10, 0xFF, 0xFF, 'T'})), Error::kLimit);
}

TEST(AmfReader, TwentyThousandLevelsAreRefusedAtTheSeventeenth) {
  // Objects, strict arrays, AMF3 arrays and AMF3 objects: none of them is walked to the end.
  ByteText objects, arrays, arrays3, objects3;
  arrays3.bytes({0x11});
  objects3.bytes({0x11, 0x0A, 0x0B, 0x01, 0x03, 'a'});
  for (int i = 0; i < 20'000; ++i) {
    objects.bytes({0x03, 0, 1, 'a'});
    arrays.bytes({0x0A, 0, 0, 0, 1});
    arrays3.bytes({0x09, 0x03, 0x01});
    objects3.bytes({0x0A, 0x01, 0x00});  // the first one's traits, its name by reference
  }
  for (const ByteText& deep : {objects, arrays, arrays3, objects3}) {
    Reader reader(deep.get());
    EXPECT_FALSE(reader.next());
    EXPECT_EQ(reader.error(), Error::kLimit);
  }
}

TEST(AmfReader, EveryErrorHasAText) {
  for (const Error error :
       {Error::kNone, Error::kTruncated, Error::kMalformed, Error::kRefused, Error::kLimit}) {
    EXPECT_STRNE(to_text(error), "unknown AMF error");
  }
  EXPECT_STREQ(to_text(static_cast<Error>(99)), "unknown AMF error");
}

TEST(Amf3, ReadsEachScalar) {
  const std::vector<std::uint8_t> bytes =
      ByteText()
          .bytes({0x11, 0x00})
          .bytes({0x11, 0x01})
          .bytes({0x11, 0x02})
          .bytes({0x11, 0x03})
          .bytes({0x11, 0x04, 0xBF, 0xFF, 0xFF, 0xFF})  // 2^28 - 1
          .bytes({0x11, 0x04, 0xC0, 0x80, 0x80, 0x00})  // -2^28
          .bytes({0x11, 0x05, 0x3F, 0xF8, 0, 0, 0, 0, 0, 0})
          .bytes({0x11, 0x08, 0x01, 0x40, 0x59, 0, 0, 0, 0, 0, 0});
  Reader reader(bytes);
  EXPECT_EQ(reader.next()->type, Type::kUndefined);
  EXPECT_EQ(reader.next()->type, Type::kNull);
  EXPECT_FALSE(reader.next()->boolean);
  EXPECT_TRUE(reader.next()->boolean);
  EXPECT_EQ(reader.next()->number, 268'435'455.0);
  EXPECT_EQ(reader.next()->number, -268'435'456.0);
  EXPECT_EQ(reader.next()->number, 1.5);
  const auto date = reader.next();
  ASSERT_TRUE(date);
  EXPECT_EQ(date->type, Type::kDate);
  EXPECT_EQ(date->number, 100.0);
  EXPECT_TRUE(reader.at_end());
}

TEST(Amf3, ResolvesStringReferencesWithinOneValue) {
  // An array of two dense strings, the second by reference; a named member before them.
  const std::vector<std::uint8_t> bytes =
      ByteText()
          .bytes({0x11, 0x09, 0x05, 0x03, 'n', 0x06, 0x05, 'h', 'i', 0x01})
          .bytes({0x06, 0x00, 0x06, 0x02});
  EXPECT_EQ(error_of(bytes), Error::kNone);
  // The table ends with the value: the same reference means nothing in the next one.
  EXPECT_EQ(error_of(ByteText().bytes({0x11, 0x06, 0x03, 'a', 0x11, 0x06, 0x00})), Error::kRefused);
}

TEST(Amf3, ReferencesBackAreSkippedAndNeverFollowed) {
  // An object whose member is itself; a date, bytes and an array by reference.
  EXPECT_EQ(error_of(ByteText().bytes({0x11, 0x0A, 0x0B, 0x01, 0x03, 'a', 0x0A, 0x00, 0x01})),
            Error::kNone);
  const std::vector<std::uint8_t> again = ByteText()
                                              .bytes({0x11, 0x09, 0x0D, 0x01})
                                              .bytes({0x08, 0x01, 0, 0, 0, 0, 0, 0, 0, 0})
                                              .bytes({0x0C, 0x05, 1, 2})
                                              .bytes({0x08, 0x02, 0x0C, 0x04, 0x09, 0x00})
                                              .bytes({0x0B, 0x03, 'x'});
  EXPECT_EQ(error_of(again), Error::kNone);
  EXPECT_EQ(error_of(ByteText().bytes({0x11, 0x0C, 0x06})), Error::kRefused);
  EXPECT_EQ(error_of(ByteText().bytes({0x11, 0x09, 0x02})), Error::kRefused);
}

TEST(Amf3, LengthsAndCountsAreBounded) {
  // 64 KiB and one of string and of bytes: U29 0x00020003.
  EXPECT_EQ(error_of(ByteText().bytes({0x11, 0x06, 0x88, 0x80, 0x03})), Error::kLimit);
  EXPECT_EQ(error_of(ByteText().bytes({0x11, 0x0C, 0x88, 0x80, 0x03})), Error::kLimit);
  // 2^28 - 1 dense elements in three bytes; as many sealed members.
  EXPECT_EQ(error_of(ByteText().bytes({0x11, 0x09, 0xFF, 0xFF, 0xFF, 0xFF, 0x01})),
            Error::kTruncated);
  EXPECT_EQ(error_of(ByteText().bytes({0x11, 0x0A, 0xFF, 0xFF, 0xFF, 0xF3, 0x01})), Error::kLimit);
  // One more trait than is kept.
  ByteText traits;
  traits.bytes({0x11, 0x09, static_cast<std::uint8_t>((kAmf3TraitsMax + 1) << 1 | 1), 0x01});
  for (std::size_t i = 0; i <= kAmf3TraitsMax; ++i) traits.bytes({0x0A, 0x0B, 0x01, 0x01});
  EXPECT_EQ(error_of(traits), Error::kLimit);
  // Flash 10's vectors and dictionaries, and nothing at all.
  for (const int marker : {0x0D, 0x10, 0x11, 0x7F}) {
    EXPECT_EQ(error_of(ByteText().bytes({0x11, marker, 0x01})), Error::kRefused);
  }
  EXPECT_EQ(error_of(ByteText().bytes({0x11})), Error::kTruncated);
}

TEST(AmfWriter, ReplacesOnePropertyAndLeavesEveryOtherByte) {
  const auto bytes = connect_object();
  const Value object = *Reader(bytes).next();
  const auto changed = with_property(object, "swfUrl", encode_string("weir:f/s/1.2"));
  std::vector<std::uint8_t> expected;
  Writer(expected)
      .begin_object()
      .property("app", "live")
      .property("swfUrl", "weir:f/s/1.2")
      .property("fpad", false)
      .property("audioCodecs", 4071.0)
      .end_object();
  EXPECT_EQ(changed, expected);
}

TEST(AmfWriter, AddsAMissingPropertyAsTheLastOne) {
  const auto bytes = connect_object();
  const auto changed = with_property(*Reader(bytes).next(), "pageUrl", encode_string("p"));
  const std::vector<std::uint8_t> kept(changed.begin(),
                                       changed.begin() + static_cast<int>(bytes.size() - 3));
  EXPECT_TRUE(std::equal(kept.begin(), kept.end(), bytes.begin()));
  EXPECT_EQ(string_property(*Reader(changed).next(), "pageUrl"), "p");
}

TEST(AmfWriter, WritesLongStringsBeyondSixteenBits) {
  const auto encoded = encode_string(std::string(70'000, 'x'));
  EXPECT_EQ(encoded[0], 0x0C);
  EXPECT_EQ(encoded.size(), 70'005U);
}

}  // namespace
}  // namespace weir::amf
