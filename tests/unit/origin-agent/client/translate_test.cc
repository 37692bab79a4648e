#include "origin-agent/client/translate.h"

#include <gtest/gtest.h>

namespace weir::agent {
namespace {

using namespace std::chrono_literals;
namespace pb = control::v1;

TEST(TranslateTest, AHelloCarriesEveryFactOfItsOrigins) {
  OriginSpec spec;
  spec.id = OriginId("o1");
  spec.kind = OriginKind::kNginxRtmp;
  spec.endpoints = {{EndpointProtocol::kRtmp, "10.0.0.1:1936", ClientAddressMode::kProxyV1},
                    {EndpointProtocol::kHttp, "10.0.0.1:8080"}};
  spec.zone = "z";
  spec.labels = {{"a", "b"}};
  spec.capacity = {500, 1'000'000, 1, 0};
  spec.claimed_id = OriginId("vid-1");
  spec.software = "SRS/7.0.18";
  OriginSeen seen{std::make_shared<const OriginSpec>(spec),   "1.2", IncarnationId("i1"), true,
                  {{"v/a/s", "weir:f/s/1.1", 8, 9, 3, true}}, true};
  const auto hello =
      to_proto(Hello{AgentId("a"), "run", "0.1", {"host", 4, 1 << 30}, {seen}, 77}).hello();
  EXPECT_EQ(hello.agent(), "a");
  EXPECT_EQ(hello.instance(), "run");
  EXPECT_EQ(hello.host().cores(), 4U);
  EXPECT_EQ(hello.generation_seen(), 77U);
  const pb::OriginSeen& out = hello.origins(0);
  EXPECT_EQ(out.kind(), pb::ORIGIN_KIND_NGINX_RTMP);
  EXPECT_EQ(out.endpoints(0).protocol(), pb::PROTOCOL_RTMP);
  EXPECT_EQ(out.endpoints(0).client_address(), pb::CLIENT_ADDRESS_MODE_PROXY_V1);
  EXPECT_EQ(out.endpoints(1).address(), "10.0.0.1:8080");
  EXPECT_EQ(out.endpoints(1).client_address(), pb::CLIENT_ADDRESS_MODE_UNSPECIFIED);
  EXPECT_EQ(out.labels().at("a"), "b");
  EXPECT_EQ(out.capacity().streams(), 500U);
  EXPECT_EQ(out.process(), "1.2");
  EXPECT_EQ(out.incarnation(), "i1");
  EXPECT_TRUE(out.probe_answered());
  EXPECT_TRUE(out.streams_known());
  EXPECT_EQ(out.streams(0).tag(), "weir:f/s/1.1");
  EXPECT_EQ(out.streams(0).players(), 3U);
  EXPECT_TRUE(out.streams(0).tag_unread());
  EXPECT_EQ(out.claimed_id(), "vid-1");
  EXPECT_EQ(out.software_version(), "SRS/7.0.18");
}

TEST(TranslateTest, EveryKindAndProtocolHasItsWord) {
  OriginSpec spec;
  spec.kind = OriginKind::kSrs;
  spec.endpoints = {{EndpointProtocol::kRtmp, "h:1"},
                    {EndpointProtocol::kHttp, "h:2"},
                    {EndpointProtocol::kSrt, "h:3"},
                    {EndpointProtocol::kWebrtc, "h:4"}};
  OriginSeen seen;
  seen.spec = std::make_shared<const OriginSpec>(spec);
  const pb::OriginSeen out = to_proto(seen).origin_seen();
  EXPECT_EQ(out.kind(), pb::ORIGIN_KIND_SRS);
  EXPECT_EQ(out.claimed_id(), "");
  EXPECT_EQ(out.endpoints(0).protocol(), pb::PROTOCOL_RTMP);
  EXPECT_EQ(out.endpoints(1).protocol(), pb::PROTOCOL_HTTP);
  EXPECT_EQ(out.endpoints(2).protocol(), pb::PROTOCOL_SRT);
  EXPECT_EQ(out.endpoints(3).protocol(), pb::PROTOCOL_WEBRTC);
}

TEST(TranslateTest, ATagThatIsNotUtf8DoesNotSpoilTheMessage) {
  OriginReport origin{
      OriginId("o1"), IncarnationId("i1"), {}, {{"v/a/s", "weir:\xff", 0, 0, 0}}, false, {}};
  pb::OriginServiceAttachRequest parsed;
  ASSERT_TRUE(parsed.ParseFromString(to_proto(Report{1, 1s, {origin}}).SerializeAsString()));
  EXPECT_EQ(parsed.report().origins(0).streams(0).tag(), "weir:\uFFFD");
}

TEST(TranslateTest, NoTextOfAnOriginSpoilsTheMessageOfAll) {
  const std::string odd = "a\xff";
  OriginSpec spec;
  spec.id = OriginId(odd);
  spec.claimed_id = OriginId(odd);
  spec.endpoints = {{EndpointProtocol::kRtmp, odd}};
  spec.zone = odd;
  spec.labels = {{odd, odd}};
  const OriginSeen seen{std::make_shared<const OriginSpec>(spec),
                        odd,
                        IncarnationId(odd),
                        true,
                        {{odd, odd, 0, 0, 0}},
                        true};
  const OriginReport origin{OriginId(odd), IncarnationId(odd), {}, {}, false, {odd}};
  for (const UpMessage& message :
       {UpMessage(Hello{AgentId(odd), odd, odd, {odd, 1, 1}, {seen}, 0}), UpMessage(seen),
        UpMessage(Report{1, 1s, {origin}}),
        UpMessage(Verdict{OriginId(odd), IncarnationId(odd), VerdictReason::kProbesFailed, 1ms})}) {
    pb::OriginServiceAttachRequest parsed;
    EXPECT_TRUE(parsed.ParseFromString(to_proto(message).SerializeAsString())) << message.index();
  }
  EXPECT_EQ(to_proto(seen).origin_seen().process(), "a\uFFFD");
}

TEST(TranslateTest, AReportCarriesLoadAndChanges) {
  Report report{9, 1500ms, {}};
  OriginReport origin{OriginId("o1"), IncarnationId("i1"), {}, {}, false, {"v/a/gone"}};
  origin.load.cpu_utilization = 0.25;
  origin.load.probe_time = 3ms;
  origin.stream_readings = 12;
  report.origins.push_back(origin);
  const auto out = to_proto(report).report();
  EXPECT_EQ(out.sequence(), 9U);
  EXPECT_EQ(out.window().seconds(), 1);
  EXPECT_EQ(out.window().nanos(), 500'000'000);
  EXPECT_EQ(out.origins(0).load().cpu_utilization(), 0.25);
  EXPECT_LT(out.origins(0).load().mem_utilization(), 0) << "unknown stays unknown";
  EXPECT_EQ(out.origins(0).load().probe_time().nanos(), 3'000'000);
  EXPECT_EQ(out.origins(0).ended_streams(0), "v/a/gone");
  EXPECT_EQ(out.origins(0).stream_readings(), 12U);
}

TEST(TranslateTest, AForgottenOriginIsNamedAsItWasReported) {
  EXPECT_EQ(to_proto(Forgotten{OriginId("o1")}).origin_forgotten().origin(), "o1");
}

TEST(TranslateTest, AVerdictNamesReasonAndAge) {
  const auto out =
      to_proto(Verdict{OriginId("o"), IncarnationId("i"), VerdictReason::kProbesFailed, 20ms})
          .verdict();
  EXPECT_EQ(out.reason(), pb::VERDICT_REASON_PROBES_FAILED);
  EXPECT_EQ(out.evidence_age().nanos(), 20'000'000);
}

TEST(TranslateTest, EveryAnswerIsUnderstoodAndALaterOneSkipped) {
  pb::OriginServiceAttachResponse response;
  EXPECT_FALSE(from_proto(response));
  response.mutable_welcome()->set_generation(5);
  response.mutable_welcome()->mutable_report_interval()->set_seconds(2);
  EXPECT_EQ(std::get<Welcome>(*from_proto(response)).report_interval, Duration(2s));
  response.mutable_origin_accepted()->set_incarnation("i");
  EXPECT_EQ(std::get<Accepted>(*from_proto(response)).incarnation, IncarnationId("i"));
  response.mutable_report_ack()->set_sequence(3);
  EXPECT_EQ(std::get<Ack>(*from_proto(response)).sequence, 3U);
  response.mutable_heartbeat()->set_generation(8);
  EXPECT_EQ(std::get<ReplicaHeartbeat>(*from_proto(response)).generation, 8U);
  response.mutable_stream_epoch()->mutable_epoch()->set_generation(4);
  response.mutable_stream_epoch()->mutable_holder()->mutable_client_session()->set_session("s1");
  EXPECT_EQ(std::get<StreamEpoch>(*from_proto(response)).epoch.generation, 4U);
  EXPECT_EQ(std::get<StreamEpoch>(*from_proto(response)).session, "s1");
}

}  // namespace
}  // namespace weir::agent
