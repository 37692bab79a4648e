// StreamKey: every identity rule of docs/protocols/rtmp.md as a table.
#include "common/base/stream_key.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace weir {
namespace {

struct RtmpCase {
  const char* what;
  const char* tc_url;
  const char* app;
  const char* name;
  const char* key;
};

const VhostRules& vhosts() {
  static const VhostRules rules(
      {"Show.example.com", "a.example", "münchen.example", "2001:db8::1"});
  return rules;
}

class StreamKeyFromRtmp : public ::testing::TestWithParam<RtmpCase> {};

TEST_P(StreamKeyFromRtmp, NamesTheStreamAsTheOriginWould) {
  const RtmpCase& c = GetParam();
  const auto key = stream_key_from_rtmp(c.tc_url, c.app, c.name, vhosts());
  ASSERT_TRUE(key.has_value()) << c.what << ": " << key.error().message;
  EXPECT_EQ(key->str(), c.key) << c.what;
}

constexpr const char* kX = "__defaultVhost__/live/x";

INSTANTIATE_TEST_SUITE_P(
    Plain, StreamKeyFromRtmp,
    ::testing::Values(RtmpCase{"plain", "rtmp://192.0.2.1/live", "live", "x", kX},
                      RtmpCase{"port", "rtmp://192.0.2.1:1935/live", "live", "x", kX},
                      RtmpCase{"name host that is not kept apart", "rtmp://in.example.com/live",
                               "live", "x", kX},
                      RtmpCase{"trailing slash of tcUrl", "rtmp://h/live/", "live/", "x", kX},
                      RtmpCase{"several slashes", "rtmp://h//live//", "live", "/x", kX},
                      RtmpCase{"trailing slash of the name", "rtmp://h/live", "live", "x/", kX},
                      RtmpCase{"tcUrl wins over app", "rtmp://h/live", "other", "x", kX},
                      RtmpCase{"tcUrl without path", "rtmp://h", "live", "x", kX},
                      RtmpCase{"tcUrl is empty", "", "live", "x", kX},
                      RtmpCase{"RTMPS scheme", "rtmps://h:443/live", "live", "x", kX},
                      RtmpCase{"case of app and stream is kept", "rtmp://H/Live", "Live", "X",
                               "__defaultVhost__/Live/X"},
                      RtmpCase{"app of several elements", "rtmp://h/a/b/c", "a/b/c", "x",
                               "__defaultVhost__/a/b/c/x"},
                      RtmpCase{"name of several elements", "rtmp://h/live", "live", "room/x",
                               "__defaultVhost__/live/room/x"},
                      RtmpCase{"no app", "rtmp://h/", "", "x", "__defaultVhost__/__defaultApp__/x"},
                      RtmpCase{"stream guessed from the app", "rtmp://h/live/x", "live/x", "", kX},
                      RtmpCase{"stream guessed from the app with query", "rtmp://h/live/x?token=t",
                               "live/x", "", kX}));

INSTANTIATE_TEST_SUITE_P(
    Definst, StreamKeyFromRtmp,
    ::testing::Values(RtmpCase{"behind the app", "rtmp://h/live/_definst_", "live/_definst_", "x",
                               kX},
                      RtmpCase{"in the name", "rtmp://h/live", "live", "_definst_/x", kX},
                      RtmpCase{"before a query", "rtmp://h/live/_definst_?vhost=a.example", "live",
                               "x", "a.example/live/x"},
                      RtmpCase{"a longer word is an element", "rtmp://h/live/_definst_2", "live",
                               "x", "__defaultVhost__/live/_definst_2/x"}));

INSTANTIATE_TEST_SUITE_P(
    Vhost, StreamKeyFromRtmp,
    ::testing::Values(
        RtmpCase{"host that is kept apart", "rtmp://a.example/live", "live", "x",
                 "a.example/live/x"},
        RtmpCase{"host in another case than the listed one", "rtmp://A.EXAMPLE:1935/live", "live",
                 "x", kX},
        RtmpCase{"host listed with upper case", "rtmp://Show.example.com/live", "live", "x",
                 "show.example.com/live/x"},
        RtmpCase{"dot at the end of a host", "rtmp://a.example./live", "live", "x", kX},
        RtmpCase{"user information", "rtmp://user:pass@a.example/live", "live", "x",
                 "a.example/live/x"},
        RtmpCase{"query of tcUrl", "rtmp://h/live?vhost=a.example", "live", "x",
                 "a.example/live/x"},
        RtmpCase{"query of the name", "rtmp://h/live", "live", "x?vhost=a.example",
                 "a.example/live/x"},
        RtmpCase{"query wins over host", "rtmp://a.example/live?vhost=Show.example.com", "live",
                 "x", "show.example.com/live/x"},
        RtmpCase{"unlisted query does not fall back to the host",
                 "rtmp://a.example/live?vhost=other.example", "live", "x", kX},
        RtmpCase{"domain", "rtmp://h/live?domain=a.example", "live", "x", "a.example/live/x"},
        RtmpCase{"vhost wins over domain", "rtmp://h/live?domain=h&vhost=a.example", "live", "x",
                 "a.example/live/x"},
        RtmpCase{"separator &&", "rtmp://h/live?t=1&&vhost=a.example", "live", "x",
                 "a.example/live/x"},
        RtmpCase{"separator ;", "rtmp://h/live?t=1;vhost=a.example;u", "live", "x",
                 "a.example/live/x"},
        RtmpCase{"separator ,", "rtmp://h/live", "live", "x?t=1,vhost=a.example",
                 "a.example/live/x"},
        RtmpCase{"value in another case", "rtmp://h/live?vhost=A.Example", "live", "x", kX},
        RtmpCase{"escaped value", "rtmp://h/live?vhost=a%2Eexample", "live", "x", kX},
        RtmpCase{"the default vhost by name means the host",
                 "rtmp://a.example/live?vhost=__defaultVhost__", "live", "x", "a.example/live/x"},
        RtmpCase{"the default vhost by name hides the domain", "rtmp://h/live", "live",
                 "x?vhost=__defaultVhost__&domain=a.example", kX},
        RtmpCase{"the last vhost of a query counts", "rtmp://h/live", "live",
                 "x?vhost=h&vhost=a.example", "a.example/live/x"},
        RtmpCase{"the name's vhost counts more than the URL's", "rtmp://h/live?vhost=h", "live",
                 "x?vhost=a.example", "a.example/live/x"},
        RtmpCase{"a name without a value shifts the names behind it", "rtmp://h/live", "live",
                 "x?t&vhost=a.example", kX},
        RtmpCase{"one padding of base64 shifts, too", "rtmp://h/live", "live",
                 "x?token=abc=&vhost=a.example", kX},
        RtmpCase{"two paddings shift back", "rtmp://h/live", "live",
                 "x?token=abc==&vhost=a.example", "a.example/live/x"},
        RtmpCase{"nothing of the URL's query shifts the name's", "rtmp://h/live?t", "live",
                 "x?vhost=a.example", "a.example/live/x"},
        RtmpCase{"vhost dots", "rtmp://h/live...vhost...a.example", "live", "x",
                 "a.example/live/x"},
        RtmpCase{"vhost dots before a slash", "rtmp://h/live...vhost...a.example/", "live", "x",
                 "a.example/live/x"},
        RtmpCase{"vhost dots in the name are part of it", "rtmp://h/live", "live",
                 "x...vhost...a.example", "__defaultVhost__/live/x...vhost...a.example"},
        RtmpCase{"empty vhost means the host", "rtmp://a.example/live?vhost=", "live", "x",
                 "a.example/live/x"},
        RtmpCase{"a parameter that ends in vhost is another one", "rtmp://h/live?myvhost=a.example",
                 "live", "x", kX},
        RtmpCase{"IDN host", "rtmp://münchen.example/live", "live", "x", "münchen.example/live/x"},
        RtmpCase{"IPv6 literal", "rtmp://[2001:db8::2]/live", "live", "x", kX},
        RtmpCase{"IPv6 literal with port", "rtmp://[2001:db8::2]:1935/live", "live", "x", kX},
        RtmpCase{"IPv6 literal that is kept apart", "rtmp://[2001:db8::1]:1935/live", "live", "x",
                 "2001:db8::1/live/x"},
        RtmpCase{"vhost in app where tcUrl has no path", "rtmp://h", "live?vhost=a.example", "x",
                 "a.example/live/x"}));

INSTANTIATE_TEST_SUITE_P(
    Query, StreamKeyFromRtmp,
    ::testing::Values(
        RtmpCase{"token in the name", "rtmp://h/live", "live", "x?token=secret", kX},
        RtmpCase{"token with slashes in the name", "rtmp://h/live", "live", "x?token=a/b/c", kX},
        RtmpCase{"token with slashes and a vhost behind it", "rtmp://h/live", "live",
                 "x?token=a/b&vhost=a.example", "a.example/live/x"},
        RtmpCase{"FMLE form", "rtmp://h/live?token=secret", "live?token=secret", "x", kX},
        RtmpCase{"FMLE form in one URL", "rtmp://h/live?token=secret/x", "live", "", kX},
        RtmpCase{"FMLE form with slashes in the token", "rtmp://h/live?token=a/b", "live", "x", kX},
        RtmpCase{"path and token with slashes in one URL", "rtmp://h/live/x?token=a/b", "live", "",
                 kX},
        RtmpCase{"instance name behind the query", "rtmp://h/live?vhost=a.example/_definst_/x",
                 "live", "", "a.example/live/x"},
        RtmpCase{"FMLE form, both queries", "rtmp://h/live?vhost=a.example", "live", "x?token=t",
                 "a.example/live/x"},
        RtmpCase{"fragment", "rtmp://h/live#f", "live", "x#g", kX},
        RtmpCase{"fragment behind a query", "rtmp://h/live", "live", "x?vhost=a.example#g",
                 "a.example/live/x"},
        RtmpCase{"empty query", "rtmp://h/live?", "live", "x?", kX},
        RtmpCase{"query without path", "rtmp://h?vhost=a.example", "live", "x",
                 "a.example/live/x"}));

INSTANTIATE_TEST_SUITE_P(
    Percent, StreamKeyFromRtmp,
    ::testing::Values(
        RtmpCase{"decoded once", "rtmp://h/li%76e", "live", "x", kX},
        RtmpCase{"not decoded twice", "rtmp://h/live", "live", "x%2541",
                 "__defaultVhost__/live/x%41"},
        RtmpCase{"an escaped query mark belongs to the name", "rtmp://h/live", "live", "x%3Fy",
                 "__defaultVhost__/live/x?y"},
        RtmpCase{"malformed escapes stay", "rtmp://h/live", "live", "100%zz%4",
                 "__defaultVhost__/live/100%zz%4"},
        RtmpCase{"space", "rtmp://h/live", "live", "my%20show", "__defaultVhost__/live/my show"},
        RtmpCase{"UTF-8", "rtmp://h/live", "live", "%C3%BCbung", "__defaultVhost__/live/übung"},
        RtmpCase{"an element of blanks is none", "rtmp://h/live", "live", " /x", kX},
        RtmpCase{"blanks of a copied name", "rtmp://h/live", "live", " my x ",
                 "__defaultVhost__/live/myx"}));

/// What SRS's own listing (vhost, app and name of /api/v1/streams, tried with 7.0.18 and 5.0.216)
/// names for what a client says: an agent builds its key from the listing, and both must agree.
struct ListingCase {
  const char* tc_url;
  const char* name;
  const char* listed_vhost;
  const char* listed_app;
  const char* listed_name;
};

class StreamKeyOfListing : public ::testing::TestWithParam<ListingCase> {};

TEST_P(StreamKeyOfListing, IsTheOneOfTheClient) {
  const ListingCase& c = GetParam();
  const VhostRules listed({"a.example", "Up.example"});
  const auto client = stream_key_from_rtmp(c.tc_url, "", c.name, listed);
  const auto listing = stream_key_from_rtmp("rtmp://" + std::string(c.listed_vhost), c.listed_app,
                                            c.listed_name, VhostRules({c.listed_vhost}));
  ASSERT_TRUE(client && listing) << c.tc_url << " " << c.name;
  EXPECT_EQ(*client, *listing) << c.tc_url << " " << c.name;
}

constexpr const char* kDefault = "__defaultVhost__";

INSTANTIATE_TEST_SUITE_P(
    Srs, StreamKeyOfListing,
    ::testing::Values(
        ListingCase{"rtmp://h:1935/live/", "s", kDefault, "live", "s"},
        ListingCase{"rtmp://h/live?vhost=a.example", "s", "a.example", "live", "s"},
        ListingCase{"rtmp://h/live", "s?domain=a.example", "a.example", "live", "s"},
        ListingCase{"rtmp://a.example/live", "s?vhost=other", kDefault, "live", "s"},
        ListingCase{"rtmp://a.example/live", "s?vhost=__defaultVhost__", "a.example", "live", "s"},
        ListingCase{"rtmp://A.EXAMPLE/live", "s", kDefault, "live", "s"},
        ListingCase{"rtmp://up.example/live", "s", kDefault, "live", "s"},
        ListingCase{"rtmp://Up.example/live", "s", "Up.example", "live", "s"},
        ListingCase{"rtmp://a.example./live", "s", kDefault, "live", "s"},
        ListingCase{"rtmp://h/live...vhost...a.example", "s", "a.example", "live", "s"},
        ListingCase{"rtmp://h/live", "s...vhost...a.example", kDefault, "live",
                    "s...vhost...a.example"},
        ListingCase{"rtmp://h/live", "s?k=a,vhost=a.example", "a.example", "live", "s"},
        ListingCase{"rtmp://h/live", "s?k=a&&vhost=a.example", "a.example", "live", "s"},
        ListingCase{"rtmp://h/live", "s?vhost=&domain=a.example", "a.example", "live", "s"},
        ListingCase{"rtmp://h/live", "s?a=1&&&vhost=a.example", kDefault, "live", "s"},
        ListingCase{"rtmp://h/live", "s?a=b=c&vhost=a.example", kDefault, "live", "s"},
        ListingCase{"rtmp://h/live", "s?VHOST=a.example", kDefault, "live", "s"},
        ListingCase{"rtmp://h/live/_definst_", "s", kDefault, "live", "s"},
        ListingCase{"rtmp://h/_definst_", "s", kDefault, "__defaultApp__", "s"},
        ListingCase{"rtmp://h/live/_definst_/x", "s", kDefault, "live/x", "s"},
        ListingCase{"rtmp://h/a//b", "s", kDefault, "a//b", "s"},
        ListingCase{"rtmp://h/live", "b//s", kDefault, "live/b", "s"},
        ListingCase{"rtmp://h", "live/s", kDefault, "live", "s"},
        ListingCase{"rtmp://h/live/s", "?token=1", kDefault, "live", "s"},
        ListingCase{"rtmp://h/live?k=v/s", "", kDefault, "live", "s"},
        ListingCase{"rtmp://[2001:db8::1]:19350/live", "s", kDefault, "live", "s"},
        ListingCase{"rtmp://h/live", "s%20x", kDefault, "live", "s%20x"},
        ListingCase{"rtmp://h/li%76e", "s", kDefault, "li%76e", "s"},
        ListingCase{"rtmp://h/live", "s x ", kDefault, "live", "sx"},
        ListingCase{"rtmp://h/live", "s&k=v", kDefault, "live", "s&k=v"},
        ListingCase{"rtmp://h/live", "s;k=v", kDefault, "live", "s;k=v"},
        ListingCase{"rtmp://h/live", "mp4:s.flv", kDefault, "live", "mp4:s.flv"}));

struct BadCase {
  const char* what;
  std::string tc_url;
  std::string app;
  std::string name;
};

class StreamKeyRefused : public ::testing::TestWithParam<BadCase> {};

TEST_P(StreamKeyRefused, BlamesTheClient) {
  const BadCase& c = GetParam();
  const auto key = stream_key_from_rtmp(c.tc_url, c.app, c.name, vhosts());
  ASSERT_FALSE(key.has_value()) << c.what << ": " << key->str();
  EXPECT_EQ(key.error().side, Side::kClient);
  EXPECT_EQ(key.error().code, boost::system::errc::invalid_argument);
  EXPECT_FALSE(key.error().message.empty());
}

INSTANTIATE_TEST_SUITE_P(
    All, StreamKeyRefused,
    ::testing::Values(BadCase{"nothing at all", "rtmp://h", "", ""},
                      BadCase{"an app and no stream", "rtmp://h/live", "live", ""},
                      BadCase{"only a query", "rtmp://h", "", "?token=x"},
                      BadCase{"parent directory", "rtmp://h/live/../etc", "live", "x"},
                      BadCase{"parent directory as stream", "rtmp://h/live", "live", ".."},
                      BadCase{"this directory", "rtmp://h/./live", "live", "x"},
                      BadCase{"escaped parent directory", "rtmp://h/%2e%2e/live", "live", "x"},
                      BadCase{"slash hidden by an escape", "rtmp://h/live", "live", "a%2Fb"},
                      BadCase{"slash hidden in the app", "rtmp://h/a%2F..%2Fb", "live", "x"},
                      BadCase{"control character", "rtmp://h/live", "live", "x\ny"},
                      BadCase{"escaped control character", "rtmp://h/live", "live", "x%00y"},
                      BadCase{"escaped byte that is not UTF-8", "rtmp://h/live", "live", "x%FF"},
                      BadCase{"byte that is not UTF-8", "rtmp://h/live", "live", "x\xff"},
                      BadCase{"app that is not UTF-8", "rtmp://h/l%C3/x", "live", "x"},
                      BadCase{"escaped surrogate", "rtmp://h/live", "live", "x%ED%A0%80"},
                      BadCase{"overlong escape of a slash", "rtmp://h/live", "live", "x%C0%AFy"},
                      BadCase{"delete", "rtmp://h/live", "live", "x%7f"},
                      BadCase{"long tcUrl", "rtmp://h/" + std::string(2048, 'a'), "live", "x"},
                      BadCase{"long name", "rtmp://h/live", "live", std::string(2049, 'x')},
                      BadCase{"long key", "rtmp://h/live", "live", std::string(1024, 'x')}));

TEST(StreamKey, LongestKeyIsAccepted) {
  const std::string name(kStreamKeyBytesMax - std::string("__defaultVhost__/live/").size(), 'x');
  EXPECT_TRUE(stream_key_from_rtmp("rtmp://h/live", "live", name, {}).has_value());
  EXPECT_FALSE(stream_key_from_rtmp("rtmp://h/live", "live", name + "x", {}).has_value());
}

TEST(StreamKey, PartsAreKeptApart) {
  const auto key = parse_stream_key("a.example/one/two/x");
  ASSERT_TRUE(key.has_value());
  EXPECT_EQ(key->vhost(), "a.example");
  EXPECT_EQ(key->app(), "one/two");
  EXPECT_EQ(key->stream(), "x");
  EXPECT_EQ(key->str(), "a.example/one/two/x");
}

TEST(StreamKey, TwoElementsAreAppAndStreamOfTheDefaultVhost) {
  EXPECT_EQ(parse_stream_key("live/x")->str(), "__defaultVhost__/live/x");
}

TEST(StreamKey, TextRoundTrips) {
  for (const char* text : {"__defaultVhost__/live/x", "a.example/a/b/c"})
    EXPECT_EQ(parse_stream_key(text)->str(), text);
}

TEST(StreamKey, TextWithoutAppIsRefused) {
  for (const char* text : {"", "x", "/x", "live/", "a.example//x", "a/../x"})
    EXPECT_FALSE(parse_stream_key(text).has_value()) << text;
}

TEST(StreamKey, VhostIsLowerCaseSoThatTwoSpellingsAreOneKey) {
  EXPECT_EQ(make_stream_key("A.Example", "live", "x")->str(), "a.example/live/x");
  EXPECT_EQ(make_stream_key("__defaultVhost__", "live", "x")->str(), "__defaultVhost__/live/x");
}

TEST(StreamKey, EqualKeysHashAlike) {
  const auto one = *make_stream_key("", "live", "x");
  const auto other = *parse_stream_key("live/x");
  EXPECT_EQ(one, other);
  EXPECT_EQ(std::hash<StreamKey>{}(one), std::hash<StreamKey>{}(other));
  EXPECT_LT(one, *parse_stream_key("live/y"));
}

TEST(VhostRules, UnlistedHostsMeanTheDefaultOne) {
  EXPECT_EQ(vhosts().resolve("Show.example.com"), "Show.example.com");
  EXPECT_EQ(vhosts().resolve("SHOW.example.com"), kDefaultVhost);
  EXPECT_EQ(vhosts().resolve("other.example"), kDefaultVhost);
  EXPECT_EQ(VhostRules().resolve("anything"), kDefaultVhost);
}

TEST(PercentDecode, LeavesPlusAlone) {
  EXPECT_EQ(percent_decode("a+b%2B"), "a+b+");
}

}  // namespace
}  // namespace weir
