#include "dataplane/app/end_label.h"

#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

namespace weir::forwarder {
namespace {

TEST(EndLabel, DetailBehindTheColonIsNotInIt) {
  EXPECT_EQ(end_label("stream held: by f1/abc"), "STREAM_HELD");
  EXPECT_EQ(end_label("origin refused: NetStream.Publish.Denied go away: now"), "ORIGIN_REFUSED");
  EXPECT_EQ(end_label("client closed"), "CLIENT_CLOSED");
  EXPECT_EQ(end_label("client address has too many"), "ADDRESS_LIMIT");
  EXPECT_EQ(end_label("the connection closed: fenced: x"), "CONNECTION_CLOSED");
}

TEST(EndLabel, AnythingElseIsOther) {
  EXPECT_EQ(end_label(""), "OTHER");
  EXPECT_EQ(end_label("stream is held by f1/abc"), "OTHER");
}

/// Whatever a session ends with in relay/ has a label: a new reason wants a line in the table.
TEST(EndLabel, EveryReasonOfTheRelayHasOne) {
  const std::regex ends(
      R"re(\b(?:end|leave|fail|finish|end_play|begin_ending)\((?:fmt::format\()?"([^"]+)")re");
  std::set<std::string> seen;
  for (const char* file :
       {"publish_session", "play_session", "rtmp_session", "server_conversation"}) {
    std::ifstream in(std::string(WEIR_SOURCE_DIR "/dataplane/relay/") + file + ".cc");
    std::stringstream text;
    text << in.rdbuf();
    const std::string source = text.str();
    for (std::sregex_iterator at(source.begin(), source.end(), ends), last; at != last; ++at)
      seen.insert((*at)[1]);
  }
  EXPECT_GT(seen.size(), 15U);
  for (const std::string& reason : seen) EXPECT_NE(end_label(reason), "OTHER") << reason;
}

}  // namespace
}  // namespace weir::forwarder
