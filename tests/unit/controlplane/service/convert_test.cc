#include "controlplane/service/convert.h"

#include <gtest/gtest.h>

#include "common/rpc/status.h"
#include "controlplane/service/limits.h"
#include "controlplane/service/status.h"

namespace weir::service {
namespace {

using namespace std::chrono_literals;

TEST(Convert, AcquireNamesTheFieldThatIsWrong) {
  pb::AcquirePlacementRequest request;
  auto query = read(request);
  ASSERT_FALSE(query);
  EXPECT_EQ(query.error().message.rfind("stream", 0), 0U) << query.error().message;
  request.set_stream("live/a");
  query = read(request);
  ASSERT_FALSE(query);
  EXPECT_EQ(query.error().message.rfind("holder", 0), 0U) << query.error().message;
  request.mutable_holder()->mutable_direct();
  EXPECT_FALSE(read(request));
  request.mutable_holder()->mutable_client_session()->set_forwarder("f1");
  EXPECT_FALSE(read(request));
  request.mutable_holder()->mutable_client_session()->set_session("s1");
  query = read(request);
  ASSERT_TRUE(query);
  EXPECT_EQ(query->stream.str(), "__defaultVhost__/live/a");
  EXPECT_EQ(query->protocol, model::Protocol::kRtmp);
  EXPECT_FALSE(query->failed);
}

TEST(Convert, SessionsSurviveTheWayDownAndUp) {
  pb::ForwarderServiceAttachRequest request;
  auto* hello = request.mutable_hello();
  hello->set_forwarder("f1");
  hello->set_instance("run1");
  hello->set_attach(4);
  auto* session = hello->add_sessions();
  session->set_id("s1");
  session->set_stream("__defaultVhost__/live/a");
  session->set_intent(pb::INTENT_PUBLISH);
  session->set_state(pb::SESSION_STATE_ACTIVE);
  session->set_origin("o1");
  session->set_incarnation("o1.x.1");
  session->mutable_epoch()->set_generation(17);
  session->mutable_epoch()->set_counter(3);
  session->mutable_media_idle()->set_nanos(250'000'000);
  const auto up = read(request);
  ASSERT_TRUE(up);
  const auto& read_hello = std::get<core::ForwarderHello>(*up);
  EXPECT_EQ(read_hello.attach, 4U);
  ASSERT_EQ(read_hello.sessions.size(), 1U);
  const auto& read_session = read_hello.sessions[0];
  EXPECT_EQ(read_session.forwarder, ForwarderId("f1"));
  EXPECT_EQ(read_session.intent, core::Intent::kPublish);
  EXPECT_EQ(read_session.epoch, (Epoch{17, 3}));
  EXPECT_EQ(read_session.media_idle, Duration(250ms));
  pb::Session out;
  write(read_session, &out);
  EXPECT_EQ(out.name(), "sessions/s1");
  EXPECT_EQ(out.state(), pb::SESSION_STATE_ACTIVE);
  EXPECT_EQ(out.epoch().counter(), 3U);
}

TEST(Convert, NamesThatAreTooLongAreRefusedWithoutRepeatingThem) {
  const std::string longest(kNameBytesMax, 'x');
  pb::AcquirePlacementRequest acquire;
  acquire.set_stream("live/a");
  auto* holder = acquire.mutable_holder()->mutable_client_session();
  holder->set_forwarder(longest);
  holder->set_session(longest);
  EXPECT_TRUE(read(acquire));
  holder->set_session(longest + "x");
  const auto query = read(acquire);
  ASSERT_FALSE(query);
  EXPECT_EQ(query.error().message, "holder.client_session.session: is longer than 256 bytes");
  pb::ForwarderServiceAttachRequest attach;
  auto* session = attach.mutable_sessions()->add_upserted();
  session->set_stream("live/a");
  session->set_id(longest + "x");
  const auto up = read(attach);
  ASSERT_FALSE(up);
  EXPECT_EQ(up.error().message, "session.id: is longer than 256 bytes");
}

TEST(Convert, TimesFromPeersAreBounded) {
  google::protobuf::Timestamp time;
  time.set_seconds(INT64_MIN);
  EXPECT_EQ(read(time), WallTime{});
  time.set_seconds(INT64_MAX);
  time.set_nanos(INT32_MAX);
  EXPECT_GT(read(time), WallTime(std::chrono::hours(24 * 365 * 200)));
  time.set_seconds(5);
  time.set_nanos(1'000);
  EXPECT_EQ(read(time), WallTime(5s + 1us));
}

TEST(Convert, TheClientAgentIsCutBetweenCharacters) {
  pb::ForwarderServiceAttachRequest request;
  auto* session = request.mutable_sessions()->add_upserted();
  session->set_id("s1");
  session->set_stream("live/a");
  std::string agent(kClientAgentBytesMax - 1, 'a');
  session->set_client_agent(agent + "\u00e9");
  const auto up = read(request);
  ASSERT_TRUE(up);
  EXPECT_EQ(std::get<core::SessionChanges>(*up).upserted[0].client_agent, agent);
}

TEST(Convert, AMalformedStreamInAHelloIsAnErrorNotASession) {
  pb::ForwarderServiceAttachRequest request;
  auto* session = request.mutable_hello()->add_sessions();
  session->set_id("s1");
  session->set_stream("");
  EXPECT_FALSE(read(request));
}

TEST(Convert, WhatAnOriginsListenerExpectsGoesFromItsRegistrationIntoItsRoutes) {
  for (const auto mode : {pb::CLIENT_ADDRESS_MODE_UNSPECIFIED, pb::CLIENT_ADDRESS_MODE_PROXY_V1,
                          pb::CLIENT_ADDRESS_MODE_SRS_PREFIX}) {
    pb::RegisterOriginRequest request;
    request.set_origin_id("o1");
    auto* endpoint = request.add_endpoints();
    endpoint->set_protocol(pb::PROTOCOL_RTMP);
    endpoint->set_address("10.0.0.1:1935");
    endpoint->set_client_address(mode);
    core::Route route;
    route.placement.holder = model::ExternalHolder{"x"};
    route.endpoints = read(request).endpoints;
    pb::Route out;
    write(route, &out);
    EXPECT_EQ(out.endpoints(0).client_address(), mode);
  }
}

TEST(Convert, UnplacedRouteHasARevisionAndNoRoute) {
  const auto message =
      write(core::ForwarderDown(core::RouteUpdate{*parse_stream_key("live/a"), {}, {5, 9}}));
  ASSERT_TRUE(message.has_route_update());
  EXPECT_FALSE(message.route_update().has_route());
  EXPECT_EQ(message.route_update().revision().number(), 9U);
}

TEST(Convert, DurationsFromPeersAreBoundedAndNeverNegative) {
  google::protobuf::Duration duration;
  duration.set_seconds(-5);
  EXPECT_EQ(read(duration), Duration::zero());
  duration.set_seconds(INT64_MAX);
  EXPECT_EQ(read(duration), Duration(std::chrono::hours(24 * 365)));
  duration.set_seconds(2);
  duration.set_nanos(500'000'000);
  EXPECT_EQ(read(duration), Duration(2500ms));
}

TEST(Convert, UnknownMessageOfANewerAgentIsASignOfLife) {
  const auto up = read(pb::OriginServiceAttachRequest());
  ASSERT_TRUE(up);
  EXPECT_TRUE(std::holds_alternative<core::AgentHeartbeat>(*up));
}

TEST(Convert, AForgottenOriginIsTheOneThatItsAgentNames) {
  pb::OriginServiceAttachRequest request;
  request.mutable_origin_forgotten()->set_origin("vid-x1:19352");
  const auto up = read(request);
  ASSERT_TRUE(up);
  EXPECT_EQ(std::get<core::OriginForgotten>(*up).origin, OriginId("vid-x1:19352"));
}

TEST(Status, CarriesReasonMetadataAndRetry) {
  const auto status =
      to_status({core::Reason::kStreamHeld, "held", "live/a", {{"holder", "f1/s1"}}, std::nullopt});
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  const auto details = rpc::details_of(status);
  ASSERT_TRUE(details);
  EXPECT_EQ(details->reason, "STREAM_HELD");
  EXPECT_EQ(details->metadata.at("holder"), "f1/s1");
  const auto settling = to_status({core::Reason::kSettling, "wait", "", {}, 200ms});
  EXPECT_EQ(settling.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(rpc::details_of(settling)->retry_delay, Duration(200ms));
}

TEST(Convert, AnOriginIsNamedByItsAgentAndAsksForAnIdOfItsOwn) {
  pb::OriginServiceAttachRequest request;
  auto* seen = request.mutable_origin_seen();
  seen->set_origin("vid-x1:19352");
  seen->set_claimed_id("vid-x1");
  seen->set_software_version("7.0.18");
  auto* stream = seen->add_streams();
  stream->set_stream("__defaultVhost__/live/a");
  stream->set_tag_unread(true);
  const auto both = std::get<core::OriginSeen>(read(request).value());
  EXPECT_EQ(both.own, OriginId("vid-x1:19352"));
  EXPECT_EQ(both.description.id, OriginId("vid-x1"));
  EXPECT_EQ(both.description.software_version, "7.0.18");
  ASSERT_EQ(both.streams.size(), 1U);
  EXPECT_TRUE(both.streams[0].tag_unread);
  seen->clear_claimed_id();
  const auto one = std::get<core::OriginSeen>(read(request).value());
  EXPECT_EQ(one.description.id, OriginId("vid-x1:19352"));
}

}  // namespace
}  // namespace weir::service
