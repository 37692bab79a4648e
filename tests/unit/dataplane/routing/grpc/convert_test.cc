// What clients and origins said never makes a message that the control plane cannot parse.
#include "dataplane/routing/grpc/convert.h"

#include <string>

#include <gtest/gtest.h>

namespace weir::routing {
namespace {

namespace pb = control::v1;

SessionRecord hostile_session() {
  SessionRecord record;
  record.info.id = SessionId("s1");
  record.info.stream = *parse_stream_key("live/x");
  record.info.client_address = "192.0.2.1:5000\xff";
  record.info.client_agent = "FMLE\xff\xfe";
  return record;
}

/// As the control plane does it: parsing fails for a string that is not UTF-8.
pb::ForwarderServiceAttachRequest over_the_wire(const pb::ForwarderServiceAttachRequest& message) {
  pb::ForwarderServiceAttachRequest parsed;
  EXPECT_TRUE(parsed.ParseFromString(message.SerializeAsString()));
  return parsed;
}

TEST(Convert, SessionTextThatIsNotUtf8IsReplaced) {
  const auto parsed =
      over_the_wire(to_proto(SessionChanges{.upserted = {hostile_session()}, .ended = {}}));
  ASSERT_EQ(parsed.sessions().upserted_size(), 1);
  EXPECT_EQ(parsed.sessions().upserted(0).client_agent(), "FMLE\uFFFD\uFFFD");
  EXPECT_EQ(parsed.sessions().upserted(0).client_address(), "192.0.2.1:5000\uFFFD");
}

TEST(Convert, HelloCarriesCleanSessionsToo) {
  Hello hello;
  hello.sessions.push_back(hostile_session());
  const auto parsed = over_the_wire(to_proto(ForwarderFacts{}, hello));
  ASSERT_EQ(parsed.hello().sessions_size(), 1);
  EXPECT_EQ(parsed.hello().sessions(0).client_agent(), "FMLE\uFFFD\uFFFD");
}

TEST(Convert, ReasonThatQuotesAnOriginIsCleanAndBounded) {
  const std::string reason = "origin refused: \xC3\x28" + std::string(100'000, 'x');
  const auto parsed =
      over_the_wire(to_proto(SessionChanges{.upserted = {}, .ended = {{SessionId("s1"), reason}}}));
  ASSERT_EQ(parsed.sessions().ended_size(), 1);
  EXPECT_TRUE(parsed.sessions().ended(0).reason().starts_with("origin refused: \uFFFD(x"));
  EXPECT_LE(parsed.sessions().ended(0).reason().size(), kForeignTextBytesMax);
}

}  // namespace
}  // namespace weir::routing
