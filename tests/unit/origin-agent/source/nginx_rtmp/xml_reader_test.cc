#include "origin-agent/source/nginx_rtmp/xml_reader.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "origin-agent/source/limits.h"

namespace weir::agent {
namespace {

using Token = XmlReader::Token;

/// All tokens as one line: `<a`, `a>`, `"text"`, and `.` or `!` at the end.
std::string read(std::string_view document) {
  XmlReader reader(document);
  std::string out;
  for (;;) {
    switch (reader.next()) {
      case Token::kStart:
        out += fmt::format("<{} ", reader.name());
        break;
      case Token::kEnd:
        out += fmt::format("{}> ", reader.name());
        break;
      case Token::kText:
        out += fmt::format("\"{}\" ", reader.text());
        break;
      case Token::kDone:
        return out + ".";
      case Token::kError:
        EXPECT_FALSE(reader.error().empty());
        EXPECT_EQ(reader.next(), Token::kError) << "errors are final";
        return out + "!";
    }
  }
}

TEST(XmlReaderTest, ElementsTextAndEmptyElementsAreTold) {
  EXPECT_EQ(read("<?xml version=\"1.0\"?>\n<a>\n <b>x y</b><c/><d />\n</a>\n"),
            "<a <b \"x y\" b> <c c> <d d> a> .");
}

TEST(XmlReaderTest, AttributesAndCommentsAreSkipped) {
  EXPECT_EQ(read("<a k='>' l=\"/\"><!-- <x> --><b m='1'/></a><!-- end -->"), "<a <b b> a> .");
}

TEST(XmlReaderTest, ReferencesAreDecodedOnceAndUnknownOnesKept) {
  EXPECT_EQ(read("<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x20ac;</a>"), "<a \"<>&\"'A\u20ac\" a> .");
  EXPECT_EQ(read("<a>&amp;lt; &x; & &; &#0; &#xD800; &#99999999;</a>"),
            "<a \"&lt; &x; & &; &#0; &#xD800; &#99999999;\" a> .");
}

TEST(XmlReaderTest, WhatIsNotWellFormedIsAnError) {
  for (const char* document :
       {"", " ", "x", "<", "<a", "<a>", "<a></b>", "</a>", "<a/><b/>", "<a/>x", "<a><b</a>",
        "<a></a", "<!DOCTYPE a><a/>", "<a><![CDATA[x]]></a>", "<1", "< a/>", "<?x", "<!--x",
        "<a b='></a>"}) {
    const std::string told = read(document);
    EXPECT_EQ(told.back(), '!') << document << " gave " << told;
  }
}

TEST(XmlReaderTest, DepthNamesAndTextsAreBounded) {
  std::string deep;
  for (std::size_t i = 0; i <= kXmlDepthMax; ++i) deep += "<a>";
  EXPECT_EQ(read(deep).back(), '!');
  EXPECT_EQ(read("<" + std::string(kXmlNameBytesMax + 1, 'n') + "/>").back(), '!');
  EXPECT_EQ(read("<a>" + std::string(kXmlTextBytesMax + 1, 't') + "</a>").back(), '!');
}

}  // namespace
}  // namespace weir::agent
