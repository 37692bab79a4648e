// Tables and facts, as operators and scripts see them.
#include "controlplane/cli/printers.h"

#include <array>

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "controlplane/cli/output.h"

namespace weir::cli {
namespace {

template <class Message>
Message parse(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message));
  return message;
}

const WallTime kNow = WallTime(std::chrono::seconds(1'800'000'000));

api::ListOriginsResponse origins() {
  return parse<api::ListOriginsResponse>(R"pb(
    origins {
      name: "origins/o1"
      id: "o1"
      incarnation: "i1"
      state: ORIGIN_STATE_ALIVE
      kind: ORIGIN_KIND_NGINX_RTMP
      endpoints { protocol: PROTOCOL_RTMP address: "127.0.0.1:1936" }
      zone: "z1"
      agent: "a1"
      placed_streams: 3
      labels { key: "rack" value: "7" }
      labels { key: "disk" value: "ssd" }
      load {
        cpu_utilization: 0.25
        players: 9
        ingress_bits_per_second: 4000000
        egress_bits_per_second: 640000
      }
      load_age { nanos: 350000000 }
      create_time { seconds: 1799999700 }
    }
    origins {
      name: "origins/static"
      id: "static"
      state: ORIGIN_STATE_SUSPECT
      cordoned: true
      kind: ORIGIN_KIND_GENERIC
    })pb");
}

TEST(OriginTable, AlignsColumnsAndMarksWhatIsMissing) {
  EXPECT_EQ(
      origin_table(origins(), false, kNow),
      "ID      STATE             KIND        RTMP            ZONE  STREAMS  CPU  EGRESS  AGE\n"
      "o1      alive             nginx-rtmp  127.0.0.1:1936  z1    3        25%  640k    5m0s\n"
      "static  suspect,cordoned  generic     -               -     0        -    -       -\n");
}

TEST(OriginTable, WideAddsColumnsAtTheEnd) {
  const std::string narrow = origin_table(origins(), false, kNow);
  const std::string wide = origin_table(origins(), true, kNow);
  const auto header = [](const std::string& table) { return table.substr(0, table.find('\n')); };
  EXPECT_TRUE(header(wide).starts_with(header(narrow)));
  EXPECT_NE(wide.find("disk=ssd,rack=7"), std::string::npos);
  EXPECT_NE(wide.find("350ms"), std::string::npos);
}

TEST(OriginTable, WideShowsConnectionsOfThoseThereMayBeAndTheVersion) {
  auto list = origins();
  list.mutable_origins(0)->mutable_load()->set_connections(250);
  list.mutable_origins(0)->mutable_capacity()->set_connections(1000);
  list.mutable_origins(0)->set_software_version("7.0.18");
  const std::string wide = origin_table(list, true, kNow);
  EXPECT_NE(wide.find("250/1000"), std::string::npos);
  EXPECT_NE(wide.find("7.0.18"), std::string::npos);
  const std::string facts = origin_facts(list.origins(0), kNow);
  EXPECT_NE(facts.find("7.0.18"), std::string::npos);
  EXPECT_NE(facts.find("1000"), std::string::npos);
}

TEST(OriginTop, SortsByWhatIsAskedForAndPutsTheUnknownLast) {
  auto list = origins();
  auto* busy = list.add_origins();
  busy->set_id("busy");
  busy->mutable_load()->set_cpu_utilization(0.9);
  busy->mutable_load()->set_players(1);
  const auto order = [&](TopBy by) {
    const std::string table = origin_top(top_origins(list, by, 10));
    return std::array{table.find("\nbusy"), table.find("\no1"), table.find("\nstatic")};
  };
  const auto by_cpu = order(TopBy::kCpu);
  EXPECT_LT(by_cpu[0], by_cpu[1]);
  EXPECT_LT(by_cpu[1], by_cpu[2]);
  const auto by_players = order(TopBy::kPlayers);
  EXPECT_LT(by_players[1], by_players[0]);
  EXPECT_EQ(origin_top(top_origins(list, TopBy::kCpu, 1)).find("o1"), std::string::npos);
}

TEST(OriginTop, PlacedStreamsAreKnownWithoutAnAgent) {
  api::ListOriginsResponse list;
  list.add_origins()->set_id("a");
  list.mutable_origins(0)->mutable_load()->set_players(1);
  list.mutable_origins(0)->set_placed_streams(2);
  list.add_origins()->set_id("static");
  list.mutable_origins(1)->set_placed_streams(9);
  const auto top = top_origins(list, TopBy::kStreams, 1);
  ASSERT_EQ(top.origins_size(), 1);
  EXPECT_EQ(top.origins(0).id(), "static");
}

TEST(StreamTable, ShowsASplit) {
  const auto list = parse<api::ListStreamsResponse>(R"pb(
    streams {
      key: "__defaultVhost__/live/a"
      placement { origin: "o1" state: PLACEMENT_STATE_PUBLISHING }
      split: true
      split_origins: "o2"
    })pb");
  EXPECT_NE(stream_table(list, false, kNow).find("publishing,SPLIT"), std::string::npos);
  EXPECT_NE(stream_facts(list.streams(0), kNow).find("o2"), std::string::npos);
}

TEST(OriginFacts, SayWhyAnOriginIsNotAlive) {
  const auto origin = parse<api::Origin>(R"pb(
    id: "o1"
    state: ORIGIN_STATE_DEAD
    state_reason: "its process is gone"
    endpoints {
      protocol: PROTOCOL_RTMP
      address: "127.0.0.1:1936"
      client_address: CLIENT_ADDRESS_MODE_PROXY_V1
    }
    endpoints { protocol: PROTOCOL_HTTP address: "127.0.0.1:8080" }
    agent: "a1"
    penalized_forwarders: "f1"
    penalized_forwarders: "f2")pb");
  EXPECT_EQ(origin_facts(origin, kNow),
            "id:                    o1\n"
            "state:                 dead\n"
            "state reason:          its process is gone\n"
            "rtmp:                  127.0.0.1:1936, told the client address (proxy-v1)\n"
            "http:                  127.0.0.1:8080\n"
            "agent:                 a1\n"
            "placed streams:        0\n"
            "cannot be dialled by:  f1,f2\n");
}

TEST(StreamTable, ShortensTheDefaultVhostOnly) {
  const auto list = parse<api::ListStreamsResponse>(R"pb(
    streams {
      key: "__defaultVhost__/live/x"
      placement {
        origin: "o1"
        state: PLACEMENT_STATE_PUBLISHING
        epoch { generation: 5 counter: 2 }
        holder { client_session { forwarder: "f1" session: "s1" } }
        bind_time { seconds: 1799990000 }
      }
      player_count: 4
      load { ingress_bits_per_second: 2500000 }
    }
    streams {
      key: "a.example/live/y"
      placement { holder { direct {} } }
    })pb");
  EXPECT_EQ(stream_table(list, false, kNow),
            "STREAM            ORIGIN  STATE       EPOCH  HOLDER  PLAYERS  BITRATE  AGE\n"
            "live/x            o1      publishing  5.2    f1/s1   4        2.5M     2h46m\n"
            "a.example/live/y  -       -           -      direct  0        -        -\n");
}

TEST(Explanation, ShowsCandidatesReasonsScoresReservationAndDataAge) {
  const auto answer = parse<api::ExplainPlacementResponse>(R"pb(
    records {
      stream: "__defaultVhost__/live/x"
      decide_time { seconds: 1799999990 }
      policy: "spread"
      winner: "o2"
      epoch { generation: 5 counter: 2 }
      reservation { streams: 1 bits_per_second: 4000000 }
      verdict: "o2 0.100 over o1 0.200"
      candidates {
        origin: "o2"
        score: 0.1
        predicted_utilization: 0.1
        bottleneck: "streams"
        pending_streams: 2
        data_age { nanos: 900000000 }
      }
      candidates { origin: "o1" score: 0.2 predicted_utilization: 0.2 bottleneck: "cpu" }
      candidates { origin: "o3" rejected_by: "CORDONED" }
    })pb");
  const std::string text = explanation(answer, kNow);
  for (const char* expected :
       {"winner:       o2", "epoch:        5.2", "policy:       spread",
        "reservation:  1 stream(s), 4.0Mbit/s", "verdict:      o2 0.100 over o1 0.200",
        "o2      chosen    0.100  10%          streams     2        900ms",
        "o1      eligible  0.200  20%          cpu         0        no report",
        "o3      CORDONED  -      -            -           0        no report", "10.0s ago",
        "placed now: no"})
    EXPECT_NE(text.find(expected), std::string::npos) << expected << "\nin\n" << text;
}

TEST(Explanation, DryRunWithoutWinnerSaysSo) {
  const auto answer =
      parse<api::ExplainPlacementResponse>(R"pb(records { stream: "__defaultVhost__/live/x" })pb");
  const std::string text = explanation(answer, kNow);
  EXPECT_NE(text.find("none was eligible"), std::string::npos);
  EXPECT_NE(text.find("none (nothing was bound)"), std::string::npos);
}

TEST(ForwarderTable, TellsWhoIsAttached) {
  const auto list = parse<api::ListForwardersResponse>(R"pb(
    forwarders {
      id: "f1"
      attached: true
      publishers: 2
      players: 7
      listeners { protocol: PROTOCOL_RTMP address: "10.0.0.1:1935" }
      last_seen_age { nanos: 120000000 }
    })pb");
  EXPECT_EQ(forwarder_table(list, false, kNow),
            "ID  ATTACHED  ZONE  LISTENERS           PUBLISHERS  PLAYERS  SEEN   AGE\n"
            "f1  yes       -     rtmp=10.0.0.1:1935  2           7        120ms  -\n");
}

TEST(SessionTable, ShowsWhereASessionGoes) {
  const auto list = parse<api::ListSessionsResponse>(R"pb(
    sessions {
      id: "s1"
      forwarder: "f1"
      stream: "__defaultVhost__/live/x"
      intent: INTENT_PLAY
      state: SESSION_STATE_WAITING
      client_address: "[::1]:50000"
      create_time { seconds: 1799999998 }
    })pb");
  EXPECT_EQ(session_table(list, false, kNow),
            "ID  FORWARDER  STREAM  INTENT  STATE    ORIGIN  CLIENT       AGE   IDLE\n"
            "s1  f1         live/x  play    waiting  -       [::1]:50000  2.0s  -\n");
}

TEST(ClusterFacts, WarningsComeLast) {
  const auto status = parse<api::ClusterStatus>(R"pb(
    replica: "r1"
    version: "0.1.0"
    store: "memory"
    generation: 7
    settling: true
    origins_alive: 2
    streams_publishing: 3
    forwarders_attached: 1
    agents_attached: 1
    warnings: "origin o3 is cordoned")pb");
  const std::string text = cluster_facts(status);
  EXPECT_NE(text.find("2 alive, 0 suspect, 0 dead, 0 cordoned"), std::string::npos);
  EXPECT_NE(text.find("settling:    yes"), std::string::npos);
  EXPECT_TRUE(text.ends_with("warning:     origin o3 is cordoned\n")) << text;
}

TEST(EventLine, CannotMoveTheTerminalsCursor) {
  const auto event = parse<api::Event>(R"pb(
    time { seconds: 1800000000 }
    type: "ORIGIN_DEAD"
    severity: EVENT_SEVERITY_WARNING
    subject: "origins/o1"
    message: "gone\x1b[2J"
    attributes { key: "reason" value: "PROCESS_GONE" })pb");
  EXPECT_EQ(event_line(event, false),
            "2027-01-15 08:00:00Z  warning  ORIGIN_DEAD               origins/o1  gone?[2J\n");
  EXPECT_NE(event_line(event, true).find("reason=PROCESS_GONE"), std::string::npos);
}

TEST(JsonOutput, ListsAreNamedInThePluralAndAlwaysThere) {
  EXPECT_EQ(to_json(api::ListOriginsResponse(), true), "{\"origins\":[],\"nextPageToken\":\"\"}\n");
  const std::string json = to_json(origins(), true);
  EXPECT_NE(json.find(R"("placedStreams":3)"), std::string::npos);
  EXPECT_NE(json.find(R"("state":"ORIGIN_STATE_ALIVE")"), std::string::npos);
}

TEST(YamlOutput, KeepsTextsApartFromNumbers) {
  const auto origin = parse<api::Origin>(R"pb(id: "007" zone: "true" placed_streams: 7)pb");
  const std::string yaml = to_yaml(origin);
  EXPECT_NE(yaml.find("id: \"007\"\n"), std::string::npos) << yaml;
  EXPECT_NE(yaml.find("zone: \"true\"\n"), std::string::npos) << yaml;
  EXPECT_NE(yaml.find("placedStreams: 7\n"), std::string::npos) << yaml;
  EXPECT_NE(yaml.find("endpoints: []\n"), std::string::npos) << yaml;
  EXPECT_NE(yaml.find("labels: {}\n"), std::string::npos) << yaml;
}

}  // namespace
}  // namespace weir::cli
