// What clients and origins said never makes a message that the control plane cannot parse.
#include "dataplane/routing/grpc/convert.h"

#include <string>
#include <variant>

#include <gtest/gtest.h>

#include "common/rpc/status.h"

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
  const auto parsed = over_the_wire(
      to_proto(ForwarderFacts{}, SessionChanges{.upserted = {hostile_session()}, .ended = {}}));
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
  const auto parsed = over_the_wire(to_proto(
      ForwarderFacts{}, SessionChanges{.upserted = {}, .ended = {{SessionId("s1"), reason}}}));
  ASSERT_EQ(parsed.sessions().ended_size(), 1);
  EXPECT_TRUE(parsed.sessions().ended(0).reason().starts_with("origin refused: \uFFFD(x"));
  EXPECT_LE(parsed.sessions().ended(0).reason().size(), kForeignTextBytesMax);
}

TEST(Convert, AcquiresOnTheStreamCarryTheirNumberAndTheHolder) {
  AcquireBatch batch;
  batch.entries.push_back({7, {SessionId("s1"), *parse_stream_key("live/x"), {}, "id"}});
  ForwarderFacts facts;
  facts.id = ForwarderId("f1");
  const auto parsed = over_the_wire(to_proto(facts, batch));
  ASSERT_EQ(parsed.acquires().acquires_size(), 1);
  const auto& acquire = parsed.acquires().acquires(0);
  EXPECT_EQ(acquire.number(), 7U);
  EXPECT_EQ(acquire.request().stream(), "__defaultVhost__/live/x");
  EXPECT_EQ(acquire.request().holder().client_session().forwarder(), "f1");
  EXPECT_EQ(acquire.request().request_id(), "id");
}

TEST(Convert, AnswersOnTheStreamReadAsThoseOfACall) {
  pb::ForwarderServiceAttachResponse message;
  auto& placed = *message.mutable_acquire_answers()->add_answers();
  placed.set_number(1);
  auto& endpoint = *placed.mutable_placed()->mutable_route()->add_endpoints();
  endpoint.set_protocol(pb::PROTOCOL_RTMP);
  endpoint.set_address("192.0.2.1:1935");
  placed.mutable_placed()->set_players_wait(true);
  auto& refused = *message.mutable_acquire_answers()->add_answers();
  refused.set_number(2);
  const auto held = rpc::make_status(rpc::reason::kStreamHeld, "held", {{"holder", "s9"}});
  ASSERT_TRUE(refused.mutable_refused()->ParseFromString(held.error_details()));
  const auto read = from_proto(message);
  ASSERT_TRUE(read);
  const auto& entries = std::get<AcquireReplies>(*read).entries;
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].number, 1U);
  EXPECT_TRUE(std::get<Acquired>(entries[0].reply).players_wait);
  EXPECT_EQ(entries[1].number, 2U);
  EXPECT_EQ(std::get<Held>(entries[1].reply).holder, "s9");
}

TEST(Convert, AReplicaThatSaysNothingOfAcquiresTakesNone) {
  pb::ForwarderServiceAttachResponse message;
  message.mutable_welcome()->set_replica("r1");
  EXPECT_FALSE(std::get<Welcome>(*from_proto(message)).takes_acquires);
  message.mutable_welcome()->set_takes_acquires(true);
  EXPECT_TRUE(std::get<Welcome>(*from_proto(message)).takes_acquires);
}

TEST(Convert, WhatAnOriginsListenerExpectsSurvivesTheTableAndComesWithRoutes) {
  const std::vector<RtmpEndpoint> endpoints{"10.0.0.1:1935",
                                            {"10.0.0.2:1935", ClientAddressMode::kProxyV1},
                                            {"10.0.0.3:1935", ClientAddressMode::kSrsPrefix}};
  OriginTableUpdate table;
  table.origins.push_back({.origin = OriginId("o1"), .rtmp_endpoints = endpoints});
  const pb::OriginTable message = to_proto(table);
  EXPECT_EQ(from_proto(message).origins.at(0).rtmp_endpoints, endpoints);
  pb::Route route;
  *route.mutable_endpoints() = message.origins(0).endpoints();
  EXPECT_EQ(from_proto(route)->rtmp_endpoints, endpoints);
}

}  // namespace
}  // namespace weir::routing
