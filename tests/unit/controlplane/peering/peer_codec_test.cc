// Bulletins, broadcasts and mail as bytes: what was written is read; what cannot be is refused.

#include "controlplane/peering/peer_codec.h"

#include <cmath>
#include <limits>
#include <string>

#include <gtest/gtest.h>

namespace weir::peering {
namespace {

using namespace std::chrono_literals;

StreamKey stream(std::string_view text) {
  return parse_stream_key(text).value();
}

core::Bulletin full_bulletin() {
  core::Bulletin bulletin;
  bulletin.instance = "run1";
  bulletin.version = "1.2";
  bulletin.sequence = 7;
  bulletin.generation = 1'700'000'000'000'000;
  bulletin.uptime = 90s;
  bulletin.store_age = 40ms;
  bulletin.store_trouble = "slow";
  core::PeerOrigin origin{OriginId("o1"), IncarnationId("o1#1"), true, true, model::Load{}, 250ms};
  origin.load->streams = 12;
  origin.load->egress_bits_per_second = 4e6;
  origin.load->probe_time = 3ms;
  bulletin.agents = {{AgentId("a1"), "arun", 3, 700ms, 4s, {origin}, 1, 2}};
  core::PeerForwarder forwarder;
  forwarder.forwarder = ForwarderId("f1");
  forwarder.instance = "frun";
  forwarder.attach = 2;
  forwarder.silence = 100ms;
  forwarder.zone = "z";
  forwarder.listeners = {{model::Protocol::kSrt, "10.0.0.1:10080"}};
  forwarder.first_attached = WallTime(1'700'000'000'000ms);
  forwarder.publishers = 4;
  forwarder.players = 40;
  forwarder.active_incarnations = {IncarnationId("o1#1")};
  bulletin.forwarders = {forwarder};
  bulletin.probes = {{OriginId("s1"), IncarnationId("s1#1"), 9, core::ContactOutcome::kTimedOut}};
  bulletin.players_wait = {stream("live/a")};
  return bulletin;
}

core::ClientSession session(const std::string& id) {
  core::ClientSession out;
  out.id = SessionId(id);
  out.forwarder = ForwarderId("f1");
  out.stream = stream("live/a");
  out.intent = core::Intent::kPublish;
  out.state = core::SessionState::kActive;
  out.origin = OriginId("o1");
  out.incarnation = IncarnationId("o1#1");
  out.epoch = {5, 6};
  out.media_bytes = 1'000;
  out.media_idle = 20ms;
  return out;
}

TEST(PeerCodec, ABulletinIsReadAsItWasWritten) {
  const ProtoPeerCodec codec;
  const auto read = codec.decode_bulletin(codec.encode(full_bulletin()));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->instance, "run1");
  EXPECT_EQ(read->sequence, 7U);
  EXPECT_EQ(read->generation, 1'700'000'000'000'000U);
  EXPECT_EQ(read->uptime, 90s);
  EXPECT_EQ(read->store_age, 40ms);
  EXPECT_EQ(read->store_trouble, "slow");
  ASSERT_EQ(read->agents.size(), 1U);
  EXPECT_EQ(read->agents[0].attach, 3U);
  EXPECT_EQ(read->agents[0].silence, 700ms);
  EXPECT_EQ(read->agents[0].attached_for, 4s);
  EXPECT_EQ(read->agents[0].waiting, 2U);
  ASSERT_EQ(read->agents[0].origins.size(), 1U);
  const auto& origin = read->agents[0].origins[0];
  EXPECT_EQ(origin.incarnation, IncarnationId("o1#1"));
  EXPECT_TRUE(origin.running && origin.probe_answered);
  ASSERT_TRUE(origin.load);
  EXPECT_EQ(origin.load->streams, 12U);
  EXPECT_EQ(origin.load->cpu_utilization, -1);
  EXPECT_EQ(origin.load->probe_time, Duration(3ms));
  EXPECT_EQ(origin.load_age, 250ms);
  ASSERT_EQ(read->forwarders.size(), 1U);
  EXPECT_EQ(read->forwarders[0].listeners[0].protocol, model::Protocol::kSrt);
  EXPECT_EQ(read->forwarders[0].first_attached, WallTime(1'700'000'000'000ms));
  EXPECT_EQ(read->forwarders[0].active_incarnations.size(), 1U);
  ASSERT_EQ(read->probes.size(), 1U);
  EXPECT_EQ(read->probes[0].outcome, core::ContactOutcome::kTimedOut);
  EXPECT_EQ(read->players_wait, full_bulletin().players_wait);
}

TEST(PeerCodec, ABroadcastIsReadAsItWasWritten) {
  const ProtoPeerCodec codec;
  core::Broadcast broadcast;
  broadcast.instance = "run1";
  broadcast.introduce = true;
  for (const auto outcome :
       {core::ContactOutcome::kAnswered, core::ContactOutcome::kRefused,
        core::ContactOutcome::kReset, core::ContactOutcome::kTimedOut,
        core::ContactOutcome::kUnreachable, core::ContactOutcome::kTurnedAway}) {
    broadcast.dials.push_back({ForwarderId("f1"), IncarnationId("o1#1"), outcome, 2});
  }
  broadcast.charges = {{IncarnationId("o1#1"), 3, 12e6}};
  broadcast.events.push_back({{},
                              WallTime(1'700'000'000'000ms),
                              "AGENT_ATTACHED",
                              core::Severity::kWarning,
                              "agents/a1",
                              "text",
                              {{"replica", "r1"}}});
  const auto read = codec.decode_broadcast(codec.encode(broadcast));
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->introduce);
  ASSERT_EQ(read->dials.size(), broadcast.dials.size());
  for (std::size_t at = 0; at < read->dials.size(); ++at) {
    EXPECT_EQ(read->dials[at].outcome, broadcast.dials[at].outcome);
    EXPECT_EQ(read->dials[at].count, 2U);
  }
  ASSERT_EQ(read->charges.size(), 1U);
  EXPECT_EQ(read->charges[0].streams, 3U);
  ASSERT_EQ(read->events.size(), 1U);
  EXPECT_EQ(read->events[0].time, broadcast.events[0].time);
  EXPECT_EQ(read->events[0].severity, core::Severity::kWarning);
  EXPECT_EQ(read->events[0].attributes, broadcast.events[0].attributes);
}

TEST(PeerCodec, EachKindOfMailIsReadAsItWasWritten) {
  const ProtoPeerCodec codec;
  const auto again = [&](decltype(core::Mail::body) body) {
    const auto read = codec.decode_mail(codec.encode(core::Mail{"run1", 9, std::move(body)}));
    EXPECT_TRUE(read && read->instance == "run1" && read->question == 9U);
    return read->body;
  };
  const auto ask = std::get<core::AskSessions>(
      again(core::AskSessions{ForwarderId("f1"), {SessionId("s1"), SessionId("s2")}}));
  EXPECT_EQ(ask.forwarder, ForwarderId("f1"));
  EXPECT_EQ(ask.sessions.size(), 2U);
  const auto known = std::get<core::SessionsKnown>(again(
      core::SessionsKnown{true, {{SessionId("s1"), 5s, false, 9s}, {SessionId("s2"), {}, true}}}));
  EXPECT_TRUE(known.answered);
  ASSERT_EQ(known.sessions.size(), 2U);
  EXPECT_EQ(known.sessions[0].media_idle, Duration(5s));
  EXPECT_EQ(known.sessions[0].active_for, Duration(9s));
  EXPECT_FALSE(known.sessions[1].media_idle || known.sessions[1].active_for);
  EXPECT_TRUE(known.sessions[1].waiting);
  for (const auto reason :
       {core::CloseReason::kTakenOver, core::CloseReason::kFenced, core::CloseReason::kKicked}) {
    EXPECT_EQ(std::get<core::CloseRemote>(
                  again(core::CloseRemote{ForwarderId("f1"), SessionId("s1"), reason}))
                  .reason,
              reason);
  }
  EXPECT_TRUE(std::holds_alternative<core::RemoteClosed>(again(core::RemoteClosed{})));
  const auto list = std::get<core::ListRemote>(
      again(core::ListRemote{SessionId("s1"), 50, "live/a", ForwarderId("f1")}));
  EXPECT_EQ(list.limit, 50U);
  EXPECT_EQ(list.stream, "live/a");
  const auto page = std::get<core::RemotePage>(
      again(core::RemotePage{{session("s1"), session("s2")}, true, {ForwarderId("f9")}}));
  ASSERT_EQ(page.sessions.size(), 2U);
  EXPECT_TRUE(page.more);
  EXPECT_EQ(page.unreachable.size(), 1U);
  EXPECT_EQ(page.sessions[0].state, core::SessionState::kActive);
  EXPECT_EQ(page.sessions[0].epoch, (Epoch{5, 6}));
  EXPECT_EQ(page.sessions[0].media_idle, Duration(20ms));
  EXPECT_EQ(std::get<core::KickRemote>(again(core::KickRemote{SessionId("s1")})).session,
            SessionId("s1"));
  const auto kicked = std::get<core::RemoteKicked>(again(core::RemoteKicked{session("s1"), true}));
  ASSERT_TRUE(kicked.session);
  EXPECT_EQ(kicked.session->id, SessionId("s1"));
  EXPECT_TRUE(kicked.kicked);
}

TEST(PeerCodec, EveryTruncationIsReadOrRefused) {
  const ProtoPeerCodec codec;
  const std::string bytes = codec.encode(full_bulletin());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto read = codec.decode_bulletin(std::string_view(bytes).substr(0, size));
    if (read) {
      EXPECT_EQ(read->instance, "run1") << size;
    }
  }
}

TEST(PeerCodec, RefusesWhatNamesNoRunAndLeavesOutWhatHasNoName) {
  const ProtoPeerCodec codec;
  EXPECT_FALSE(codec.decode_bulletin(""));
  EXPECT_FALSE(codec.decode_broadcast(""));
  EXPECT_FALSE(codec.decode_mail(""));
  EXPECT_FALSE(codec.decode_mail(codec.encode(core::Bulletin{.instance = "run1"})));
  core::Bulletin bulletin = full_bulletin();
  bulletin.agents[0].origins[0].origin = {};
  bulletin.forwarders[0].forwarder = {};
  bulletin.probes[0].origin = {};
  const auto read = codec.decode_bulletin(codec.encode(bulletin));
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->agents[0].origins.empty());
  EXPECT_TRUE(read->forwarders.empty());
  EXPECT_TRUE(read->probes.empty());
}

TEST(PeerCodec, NumbersThatCannotBeAreBroughtIntoTheirRange) {
  const ProtoPeerCodec codec;
  core::Bulletin bulletin = full_bulletin();
  auto& load = *bulletin.agents[0].origins[0].load;
  load.cpu_utilization = std::numeric_limits<double>::quiet_NaN();
  load.egress_bits_per_second = -std::numeric_limits<double>::infinity();
  bulletin.store_age = Duration::max();
  const auto read = codec.decode_bulletin(codec.encode(bulletin));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->agents[0].origins[0].load->cpu_utilization, 0);
  EXPECT_EQ(read->agents[0].origins[0].load->egress_bits_per_second, 0);
  EXPECT_GT(read->store_age, std::chrono::hours(1));
  core::Broadcast broadcast;
  broadcast.instance = "run1";
  broadcast.charges = {{IncarnationId("i"), 1, std::nan("")}, {IncarnationId("i"), 0, 5.0}};
  const auto charges = codec.decode_broadcast(codec.encode(broadcast));
  ASSERT_TRUE(charges);
  ASSERT_EQ(charges->charges.size(), 1U);
  EXPECT_EQ(charges->charges[0].bits_per_second, 0);
}

}  // namespace
}  // namespace weir::peering
