#include "origin-agent/source/srs/srs_source.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "origin-agent/source/limits.h"
#include "origin-agent/source/procfs.h"
#include "tests/support/manual_clock.h"
#include "tests/unit/origin-agent/source/srs/fake_srs_api.h"

namespace weir::agent::srs {
namespace {

using namespace std::chrono_literals;

/// The part of an SRS that an agent sees, over the fake HTTP server.
struct FakeSrs {
  struct Stream {
    std::string app = "live";
    std::string name;
    std::string client;  ///< publishing; empty = none
    std::string swf_url;
    int clients = 1;
  };

  explicit FakeSrs(boost::asio::io_context& io) : api(io) {
    api.answer = [this](const std::string& request) { return answer(request); };
  }

  std::string life() const {
    return fmt::format(R"("server":"{}","service":"{}","pid":"{}")", server, service, pid);
  }
  std::optional<std::string> answer(const std::string& request) {
    if (frozen) return std::nullopt;
    if (before_answer) before_answer(request);
    if (request == "GET /api/v1/summaries")
      return fmt::format(R"({{"code":0,{},"data":{{"self":{{"version":"7.0.18","cpu_percent":0.25,)"
                         R"("mem_kbyte":1000,"srs_uptime":5}},"system":{{"conn_srs":17}}}}}})",
                         life());
    if (request.starts_with("GET /api/v1/streams/?")) return page(request);
    static const std::string kClient = "/api/v1/clients/";
    const std::size_t at = request.find(kClient);
    if (at == std::string::npos) return R"({"code":404})";
    const std::string id = request.substr(at + kClient.size());
    const auto found =
        std::ranges::find_if(streams, [&](const auto& entry) { return entry.second.client == id; });
    if (id.empty() || found == streams.end()) return R"({"code":2049})";
    if (request.starts_with("DELETE")) {
      if (kicks_that_fail > 0 && kicks_that_fail-- > 0) return R"({"code":400})";
      kicked.push_back(id);
      streams.erase(found);
      return fmt::format(R"({{"code":0,{}}})", life());
    }
    return fmt::format(
        R"({{"code":0,{},"client":{{"id":"{}","name":"{}","swfUrl":"{}","publish":true}}}})",
        life(), id, found->second.name, found->second.swf_url);
  }
  std::string page(const std::string& request) const {
    int start = 0;
    int count = 0;
    std::sscanf(request.c_str(), "GET /api/v1/streams/?start=%d&count=%d", &start, &count);
    std::string list;
    int at = 0;
    for (const auto& [id, stream] : streams) {
      if (at >= start && at < start + count) {
        if (!list.empty()) list += ',';
        list += fmt::format(
            R"({{"id":"{}","name":"{}","app":"{}","url":"/{}/{}","clients":{},"recv_bytes":1000,)"
            R"("send_bytes":10,"publish":{{"active":{},"cid":"{}"}}}})",
            id, stream.name, stream.app, stream.app, stream.name, stream.clients,
            !stream.client.empty(), stream.client);
      }
      ++at;
    }
    return fmt::format(R"({{"code":0,{},"streams":[{}]}})", life(), list);
  }
  Stream& add(const std::string& name, const std::string& client, const std::string& swf_url = {}) {
    Stream& made = streams["vid-" + name];
    made.name = name;
    made.client = client;
    made.swf_url = swf_url;
    return made;
  }

  test::FakeSrsApi api;
  std::string server = "vid-a", service = "s1";
  std::int32_t pid = 1;
  std::map<std::string, Stream> streams;
  std::vector<std::string> kicked;
  int kicks_that_fail = 0;
  bool frozen = false;
  std::function<void(const std::string&)> before_answer;
};

class SrsSourceTest : public ::testing::Test {
 protected:
  SrsSourceTest() { make({}); }

  void make(SrsOptions options) {
    if (options.rtmp.empty()) options.rtmp = "127.0.0.1:1";
    options.api = srs_.api.url();
    source_ = std::make_unique<SrsSource>(io_, clock_, random_, epochs_, std::move(options),
                                          log::Logger("test"));
  }
  Observation look() {
    std::optional<Observation> seen;
    source_->observe(watched_, [&](Observation observation) {
      seen = std::move(observation);
      io_.stop();
    });
    EXPECT_FALSE(seen) << "it completed inside the call";
    io_.restart();
    io_.run_for(10s);
    EXPECT_TRUE(seen) << "the look never ended";
    if (!seen) return {};
    if (seen->process) watched_ = seen->process;
    return *seen;
  }
  Observation look_after(Duration pause) {
    clock_.advance(pause);
    return look();
  }
  /// Runs what is under way until `condition` holds.
  bool run_until(const std::function<bool()>& condition) {
    io_.restart();
    const auto end = std::chrono::steady_clock::now() + 10s;
    while (!condition() && std::chrono::steady_clock::now() < end) io_.run_one_for(100ms);
    return condition();
  }

  boost::asio::io_context io_;
  testing::ManualClock clock_;
  SystemRandom random_;
  EpochTable epochs_;
  FakeSrs srs_{io_};
  std::optional<ProcessIdentity> watched_;
  std::unique_ptr<SrsSource> source_;
};

TEST_F(SrsSourceTest, ALookTellsLifeStreamsTagsAndLoad) {
  srs_.add("a", "c1", "weir:f/s1/1.1").clients = 4;
  srs_.add("b", "c2");
  srs_.add("waiting", "").clients = 2;
  const Observation seen = look();
  ASSERT_TRUE(seen.process) << seen.trouble;
  EXPECT_EQ(to_text(*seen.process), "s1.1");
  EXPECT_FALSE(seen.process->is_visible());
  EXPECT_EQ(seen.software, "SRS/7.0.18");
  ASSERT_TRUE(seen.streams);
  ASSERT_EQ(seen.streams->size(), 2u);
  EXPECT_EQ((*seen.streams)[0].key, "__defaultVhost__/live/a");
  EXPECT_EQ((*seen.streams)[0].tag, "weir:f/s1/1.1");
  EXPECT_FALSE((*seen.streams)[0].tag_unread);
  EXPECT_EQ((*seen.streams)[0].players, 3u);
  EXPECT_EQ((*seen.streams)[1].tag, "");
  EXPECT_EQ(seen.players, 5u);
  EXPECT_EQ(seen.connections, 17u);
  EXPECT_EQ(seen.connections_max, kMaxConnectionsDefault);
  EXPECT_EQ(seen.ingress_bytes, 3000u);
  EXPECT_EQ(seen.used_cores, 0.25);  // not of this host: SRS's own figures
  EXPECT_EQ(seen.resident_bytes, 1'024'000u);
  EXPECT_EQ(srs_.api.connections, 1);
}

TEST_F(SrsSourceTest, ATagIsReadOnceForEachPublisher) {
  srs_.add("a", "c1", "weir:f/s1/1.1");
  look();
  for (int i = 0; i < 5; ++i) look_after(1s);
  EXPECT_EQ(srs_.api.asked("GET /api/v1/clients/"), 1u);
  srs_.streams["vid-a"].client = "c9";
  srs_.streams["vid-a"].swf_url.clear();
  const Observation seen = look_after(1s);
  EXPECT_EQ(srs_.api.asked("GET /api/v1/clients/"), 2u);
  EXPECT_EQ(seen.streams->at(0).tag, "");
}

TEST_F(SrsSourceTest, AQuietOriginIsAskedLittleAndABusyOneEachSecond) {
  look();
  const auto quiet = srs_.api.requests.size();
  EXPECT_FALSE(look_after(1s).streams);
  EXPECT_EQ(srs_.api.requests.size(), quiet);
  EXPECT_TRUE(look_after(1s).streams);
  srs_.add("a", "c1");
  look_after(2s);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(look_after(1s).streams) << i;
  // Whoever counts readings without a stream has them soon.
  srs_.streams.clear();
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(look_after(1s).streams) << i;
  EXPECT_FALSE(look_after(1s).streams);
}

TEST_F(SrsSourceTest, AnApiThatWantsAPasswordIsSaidSo) {
  srs_.api.raw = true;
  srs_.api.answer = [](const std::string&) {
    return "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
  };
  EXPECT_NE(look().trouble.find("user and password"), std::string::npos);
}

TEST_F(SrsSourceTest, ThousandsOfStreamsAreListedLessOften) {
  for (int i = 0; i < 1500; ++i) srs_.add(fmt::format("s{:04}", i), fmt::format("c{}", i));
  ASSERT_TRUE(look().streams);
  EXPECT_FALSE(look_after(1s).streams);
  EXPECT_FALSE(look_after(1s).streams);
  EXPECT_TRUE(look_after(1s).streams);
}

TEST_F(SrsSourceTest, AHintIsFollowedAtOnce) {
  look();
  srs_.add("a", "c1");
  EXPECT_FALSE(look_after(100ms).streams);
  source_->hinted();
  const Observation seen = look_after(10ms);
  ASSERT_TRUE(seen.streams);
  EXPECT_EQ(seen.streams->size(), 1u);
}

TEST_F(SrsSourceTest, AHintThatComesTooSoonIsFollowedLater) {
  look();
  srs_.add("a", "c1");
  source_->hinted();
  EXPECT_FALSE(look_after(kHintPause - 1ms).streams);
  EXPECT_TRUE(look_after(1ms).streams);
}

TEST_F(SrsSourceTest, HintsListThousandsOfStreamsNoMoreOftenThanIsFair) {
  for (int i = 0; i < 1500; ++i) srs_.add(fmt::format("s{:04}", i), fmt::format("c{}", i));
  ASSERT_TRUE(look().streams);
  for (int i = 0; i < 28; ++i) {
    source_->hinted();
    EXPECT_FALSE(look_after(100ms).streams) << i;
  }
  EXPECT_TRUE(look_after(200ms).streams);
}

TEST_F(SrsSourceTest, HeartbeatsOfLivesThatAreNoneListNothing) {
  for (int i = 0; i < 1500; ++i) srs_.add(fmt::format("s{:04}", i), fmt::format("c{}", i));
  ASSERT_TRUE(look().streams);
  const auto listed = srs_.api.asked("GET /api/v1/streams/");
  for (int i = 0; i < 5; ++i) {
    source_->announced({1, 0, fmt::format("made-up-{}", i)});
    const Observation seen = look_after(100ms);
    ASSERT_TRUE(seen.process);
    EXPECT_EQ(seen.process->service, "s1");
    EXPECT_FALSE(seen.streams);
  }
  EXPECT_EQ(srs_.api.asked("GET /api/v1/streams/"), listed);
  EXPECT_EQ(srs_.api.asked("GET /api/v1/summaries"), 6u);
}

TEST_F(SrsSourceTest, PublishersThatCannotBeReadKeepNobodyElseFromBeingRead) {
  srs_.add("zz", "tagged", "weir:f/s1/1.1");
  // They come first in the listing, and their answers are none.
  for (std::size_t i = 0; i < kTagReadsPerLookMax; ++i)
    srs_.add(fmt::format("a{:02}", i), fmt::format("broken{}", i), "\\q");
  look();
  const Observation seen = look_after(1s);
  ASSERT_TRUE(seen.streams);
  const auto tagged = std::ranges::find_if(
      *seen.streams, [](const auto& stream) { return stream.key.ends_with("/zz"); });
  ASSERT_NE(tagged, seen.streams->end());
  EXPECT_EQ(tagged->tag, "weir:f/s1/1.1");
}

TEST_F(SrsSourceTest, AnAnswerThatIsTooLargeKeepsNobodyElseFromBeingRead) {
  srs_.add("a", "huge");
  srs_.add("b", "c2", "weir:f/s1/1.1");
  srs_.api.raw = true;
  srs_.api.answer = [&](const std::string& request) -> std::string {
    if (request.ends_with("/huge")) return "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n";
    const std::string body = *srs_.answer(request);
    return fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.size(), body);
  };
  look();
  const Observation seen = look_after(1s);
  ASSERT_TRUE(seen.streams) << seen.trouble;
  EXPECT_TRUE(seen.streams->at(0).tag_unread);
  EXPECT_EQ(seen.streams->at(1).tag, "weir:f/s1/1.1");
}

TEST_F(SrsSourceTest, TroubleWhoseFiguresAStrangerVariesIsLoggedOnce) {
  int asked = 0;
  srs_.api.answer = [&](const std::string&) { return "{" + std::string(++asked, ' ') + "x"; };
  ::testing::internal::CaptureStderr();
  for (int i = 0; i < 50; ++i) look_after(1s);
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::ranges::count(text, '\n'), 1) << text;
  EXPECT_NE(text.find("no JSON object"), std::string::npos) << text;
}

TEST_F(SrsSourceTest, TroubleThatIsNewEachTimeIsLoggedNowAndThen) {
  make({.server = "vid-a"});
  ::testing::internal::CaptureStderr();
  for (char c = 'b'; c <= 'u'; ++c) {
    srs_.server = std::string("vid-") + c;
    look_after(1s);
  }
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::ranges::count(text, '\n'), 2) << text;
}

TEST_F(SrsSourceTest, SummariesAreReadRarely) {
  srs_.add("a", "c1");
  for (int i = 0; i < 12; ++i) look_after(1s);
  EXPECT_LE(srs_.api.asked("GET /api/v1/summaries"), 5u);
  EXPECT_EQ(srs_.api.asked("GET /api/v1/streams/"), 12u);
}

TEST_F(SrsSourceTest, ALongListIsReadInPagesAndWhole) {
  for (int i = 0; i < 250; ++i) srs_.add(fmt::format("s{:03}", i), fmt::format("c{}", i));
  const Observation seen = look();
  ASSERT_TRUE(seen.streams) << seen.trouble;
  EXPECT_EQ(seen.streams->size(), 250u);
  EXPECT_EQ(srs_.api.asked("GET /api/v1/streams/"), 3u);
  EXPECT_EQ(srs_.api.asked("GET /api/v1/clients/"), kTagReadsPerLookMax);
  const auto unread = [](const Observation& o) {
    return std::ranges::count_if(*o.streams, [](const auto& s) { return s.tag_unread; });
  };
  EXPECT_EQ(unread(seen), 250 - static_cast<long>(kTagReadsPerLookMax));
  Observation last;
  for (int i = 0; i < 8; ++i) last = look_after(5s);
  EXPECT_EQ(unread(last), 0);
}

TEST_F(SrsSourceTest, AStreamIsNotLostWhenOthersLeaveWhileItIsListed) {
  for (int i = 0; i < 150; ++i) srs_.add(fmt::format("s{:03}", i), fmt::format("c{}", i));
  srs_.before_answer = [&](const std::string& request) {
    if (!request.ends_with("start=99&count=100")) return;
    for (int i = 0; i < 60; ++i) srs_.streams.erase(fmt::format("vid-s{:03}", i));
  };
  const Observation seen = look();
  ASSERT_TRUE(seen.streams) << seen.trouble;
  for (int i = 60; i < 150; ++i) {
    const std::string key = fmt::format("__defaultVhost__/live/s{:03}", i);
    EXPECT_TRUE(std::ranges::any_of(*seen.streams, [&](const auto& s) { return s.key == key; }))
        << key;
  }
}

TEST_F(SrsSourceTest, AnotherServiceIsAnotherProcess) {
  srs_.add("a", "c1", "weir:f/s1/1.1");
  look();
  srs_.service = "s2";
  srs_.pid = 2;
  srs_.add("a", "c1", "");
  const Observation seen = look_after(1s);
  ASSERT_TRUE(seen.process) << seen.trouble;
  EXPECT_EQ(to_text(*seen.process), "s2.2");
  EXPECT_EQ(seen.streams->at(0).tag, "");  // client ids of the life before say nothing
}

TEST_F(SrsSourceTest, OneThatRestartsWithinALookIsReadAnewOnce) {
  for (int i = 0; i < 150; ++i) srs_.add(fmt::format("s{:03}", i), "");
  int lives = 1;
  srs_.before_answer = [&](const std::string& request) {
    if (request.ends_with("start=99&count=100") && lives == 1) {
      srs_.service = fmt::format("s{}", ++lives);
      srs_.streams.clear();
    }
  };
  const Observation seen = look();
  ASSERT_TRUE(seen.streams) << seen.trouble;
  EXPECT_TRUE(seen.streams->empty());
  EXPECT_EQ(seen.process->service, "s2");
  srs_.before_answer = [&](const std::string& request) {
    if (request.starts_with("GET /api/v1/streams")) srs_.service = fmt::format("s{}", ++lives);
  };
  const Observation restless = look_after(5s);
  EXPECT_FALSE(restless.streams);
  EXPECT_NE(restless.trouble.find("restarts again and again"), std::string::npos);
}

TEST_F(SrsSourceTest, AnotherServerOnThePortIsToldAndIsNotThisOrigin) {
  make({.server = "vid-a"});
  const Observation before = look();
  ASSERT_TRUE(before.process);
  EXPECT_TRUE(before.answered_at);
  EXPECT_FALSE(before.taken_over);
  srs_.server = "vid-b";
  srs_.service = "s7";
  const Observation seen = look_after(2s);
  EXPECT_FALSE(seen.process);
  EXPECT_FALSE(seen.answered_at);
  EXPECT_TRUE(seen.taken_over);
  EXPECT_FALSE(seen.streams);
  EXPECT_NE(seen.trouble.find("server 'vid-b' answers there, not 'vid-a'"), std::string::npos)
      << seen.trouble;
}

TEST_F(SrsSourceTest, WhatIsNoSrsIsSaidSo) {
  srs_.api.answer = [](const std::string&) { return R"({"status":"ok"})"; };
  const Observation seen = look();
  EXPECT_FALSE(seen.process);
  EXPECT_NE(seen.trouble.find("what answers there is no SRS"), std::string::npos) << seen.trouble;
  srs_.api.answer = [](const std::string&) { return "<html>"; };
  EXPECT_FALSE(look_after(1s).process);
  srs_.api.raw = true;
  srs_.api.answer = [](const std::string&) { return "SSH-2.0-OpenSSH\r\n"; };
  EXPECT_FALSE(look_after(1s).process);
}

TEST_F(SrsSourceTest, AFrozenApiEndsTheLookInTimeAndEndsNoStream) {
  srs_.add("a", "c1");
  look();
  srs_.frozen = true;
  const auto begun = std::chrono::steady_clock::now();
  const Observation seen = look_after(1s);
  const auto took = std::chrono::steady_clock::now() - begun;
  EXPECT_FALSE(seen.streams);
  EXPECT_NE(seen.trouble.find("in time"), std::string::npos) << seen.trouble;
  EXPECT_GE(took, kHttpTimeout - 50ms);
  EXPECT_LT(took, kHttpTimeout + 3s);
  srs_.frozen = false;
  EXPECT_TRUE(look_after(1s).streams);
}

TEST_F(SrsSourceTest, AConnectionThatWasClosedBetweenTwoLooksIsOpenedAgain) {
  look();
  srs_.api.close_all();
  EXPECT_TRUE(look_after(3s).streams);
  EXPECT_EQ(srs_.api.connections, 2);
}

TEST_F(SrsSourceTest, GiantPagesAreAskedForInSmallerPieces) {
  for (int i = 0; i < 30; ++i) srs_.add(fmt::format("s{:03}", i), "");
  srs_.api.raw = true;
  srs_.api.answer = [&](const std::string& request) -> std::string {
    if (request.ends_with("count=100") || request.ends_with("count=50"))
      return "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n";
    const std::string body = *srs_.answer(request);
    return fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.size(), body);
  };
  srs_.add("live", "c1");
  const Observation seen = look();
  ASSERT_TRUE(seen.streams) << seen.trouble;
  EXPECT_EQ(seen.streams->size(), 1u);
  EXPECT_EQ(srs_.api.asked("GET /api/v1/streams/?start=0&count=25"), 1u);
  srs_.api.answer = [&](const std::string& request) -> std::string {
    if (request.find("streams") != std::string::npos)
      return "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n";
    const std::string body = *srs_.answer(request);
    return fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.size(), body);
  };
  EXPECT_FALSE(look_after(5s).streams);
}

TEST_F(SrsSourceTest, APublisherWithAnOutdatedTagIsKickedAtTheLookThatFindsIt) {
  epochs_.learn({"__defaultVhost__/live/a", {1, 5}, "s9"});
  srs_.add("a", "c1", "weir:f/s1/1.4");
  srs_.add("b", "c2", "weir:f/s2/1.4");  // nothing newer is known
  srs_.add("c", "c3");                   // untagged
  epochs_.learn({"__defaultVhost__/live/c", {1, 5}, "s9"});
  srs_.add("d", "c4", "weir:f/s4/");  // provisional: no epoch
  epochs_.learn({"__defaultVhost__/live/d", {1, 5}, "s9"});
  look();
  ASSERT_TRUE(run_until([&] { return !srs_.kicked.empty(); }));
  look_after(1s);
  EXPECT_EQ(srs_.kicked, (std::vector<std::string>{"c1"}));
}

TEST_F(SrsSourceTest, AHigherEpochKicksAtOnceWithoutWaitingForALook) {
  srs_.add("a", "c1", "weir:f/s1/1.4");
  look();
  epochs_.learn({"__defaultVhost__/live/a", {1, 5}, "s9"});
  EXPECT_TRUE(run_until([&] { return srs_.kicked == std::vector<std::string>{"c1"}; }));
}

TEST_F(SrsSourceTest, TheClientIsReadAgainBeforeItIsKicked) {
  srs_.add("a", "c1", "weir:f/s1/1.4");
  look();
  // SRS gave the stream to the new holder meanwhile, under the same id.
  srs_.streams["vid-a"].swf_url = "weir:f/s9/1.5";
  const auto before = srs_.api.asked("GET /api/v1/clients/c1");
  epochs_.learn({"__defaultVhost__/live/a", {1, 5}, "s9"});
  ASSERT_TRUE(run_until([&] { return srs_.api.asked("GET /api/v1/clients/c1") > before; }));
  look_after(1s);
  EXPECT_TRUE(srs_.kicked.empty());
  EXPECT_EQ(srs_.api.asked("DELETE"), 0u);
}

TEST_F(SrsSourceTest, AKickThatFailsIsTriedAgain) {
  srs_.add("a", "c1", "weir:f/s1/1.4");
  look();
  srs_.kicks_that_fail = 2;
  epochs_.learn({"__defaultVhost__/live/a", {1, 5}, "s9"});
  EXPECT_TRUE(run_until([&] { return !srs_.kicked.empty(); }));
  EXPECT_EQ(srs_.api.asked("DELETE"), 3u);
}

TEST_F(SrsSourceTest, AProcessOfThisHostIsKnownByItsPortAndMeasuredHere) {
  const boost::asio::ip::tcp::acceptor rtmp(io_, {boost::asio::ip::address_v4::loopback(), 0});
  srs_.pid = ::getpid();
  make({.rtmp = fmt::format("127.0.0.1:{}", rtmp.local_endpoint().port())});
  const Observation seen = look();
  ASSERT_TRUE(seen.process);
  EXPECT_TRUE(seen.process->is_visible());
  EXPECT_EQ(seen.process->pid, ::getpid());
  EXPECT_EQ(seen.process->service, "s1");
  EXPECT_FALSE(seen.used_cores);
}

TEST_F(SrsSourceTest, AnApiThatClosesWhileTheProcessLivesTakesNothingDown) {
  const boost::asio::ip::tcp::acceptor rtmp(io_, {boost::asio::ip::address_v4::loopback(), 0});
  srs_.pid = ::getpid();
  make({.rtmp = fmt::format("127.0.0.1:{}", rtmp.local_endpoint().port())});
  const Observation before = look();
  srs_.api.stop();
  const Observation seen = look_after(2s);
  EXPECT_EQ(seen.process, before.process);
  EXPECT_FALSE(seen.streams);
  EXPECT_NE(seen.trouble.find("cannot connect"), std::string::npos) << seen.trouble;
}

TEST_F(SrsSourceTest, AHeartbeatNamesALocalProcessWhoseApiDoesNotAnswer) {
  const boost::asio::ip::tcp::acceptor rtmp(io_, {boost::asio::ip::address_v4::loopback(), 0});
  make({.rtmp = fmt::format("127.0.0.1:{}", rtmp.local_endpoint().port())});
  srs_.api.stop();
  EXPECT_FALSE(look().process);
  source_->announced({::getpid(), 0, "s1"});
  const Observation seen = look_after(1s);
  ASSERT_TRUE(seen.process);
  EXPECT_EQ(seen.process->service, "s1");
  EXPECT_TRUE(seen.process->is_visible());
}

TEST_F(SrsSourceTest, AHeartbeatOfAnotherLifeIsFollowedAtOnce) {
  look();
  source_->announced({1, 0, "s1"});
  EXPECT_FALSE(look_after(100ms).streams);
  srs_.service = "s2";
  source_->announced({1, 0, "s2"});
  EXPECT_EQ(look_after(100ms).process->service, "s2");
}

TEST_F(SrsSourceTest, WithoutAnApiTheHeartbeatSaysWhoServes) {
  source_ = std::make_unique<SrsSource>(io_, clock_, random_, epochs_,
                                        SrsOptions{.rtmp = "127.0.0.1:1"}, log::Logger("test"));
  EXPECT_FALSE(look().process);
  source_->announced({1, 0, "s1"});  // of a container: its pid is somebody else here
  const Observation seen = look_after(1s);
  EXPECT_EQ(seen.process, (ProcessIdentity{1, 0, "s1"}));
  EXPECT_FALSE(seen.streams);
}

TEST_F(SrsSourceTest, ConfiguredConnectionsWin) {
  make({.max_connections = 77});
  EXPECT_EQ(look().connections_max, 77u);
}

TEST_F(SrsSourceTest, ASourceThatIsDestroyedDuringALookNeverCompletes) {
  bool completed = false;
  source_->observe({}, [&](const Observation&) { completed = true; });
  source_.reset();
  io_.restart();
  io_.run_for(50ms);
  EXPECT_FALSE(completed);
}

}  // namespace
}  // namespace weir::agent::srs
