// The whole command line against a fake API over loopback.
#include "controlplane/cli/weirctl.h"

#include <algorithm>
#include <array>
#include <memory>
#include <sstream>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/listen_address.h"
#include "common/rpc/server.h"
#include "common/rpc/status.h"
#include "controlplane/cli/exit_code.h"
#include "controlplane/cli/limits.h"
#include "tests/support/silent_listener.h"
#include "weir/control/v1/cluster_service.grpc.pb.h"
#include "weir/control/v1/origin_service.grpc.pb.h"
#include "weir/control/v1/placement_service.grpc.pb.h"

namespace weir::cli {
namespace {

namespace api = control::v1;
using weir::testing::SilentListener;

template <class Reply>
grpc::ServerUnaryReactor* finish(grpc::CallbackServerContext* context, const Reply& status) {
  auto* reactor = context->DefaultReactor();
  reactor->Finish(status);
  return reactor;
}

class FakeOriginService final : public api::OriginService::CallbackService {
 public:
  /// Three pages of one origin each.
  grpc::ServerUnaryReactor* ListOrigins(grpc::CallbackServerContext* context,
                                        const api::ListOriginsRequest* request,
                                        api::ListOriginsResponse* response) override {
    const int page = request->page_token().empty() ? 0 : std::stoi(request->page_token());
    response->add_origins()->set_id("o" + std::to_string(page));
    if (page < 2) response->set_next_page_token(std::to_string(page + 1));
    return finish(context, answer);
  }
  grpc::ServerUnaryReactor* CordonOrigin(grpc::CallbackServerContext* context,
                                         const api::CordonOriginRequest* request,
                                         api::Origin* response) override {
    cordon = *request;
    response->set_id("o1");
    return finish(context, answer);
  }
  grpc::ServerUnaryReactor* RegisterOrigin(grpc::CallbackServerContext* context,
                                           const api::RegisterOriginRequest* request,
                                           api::Origin* response) override {
    registration = *request;
    response->set_id(request->origin_id());
    return finish(context, answer);
  }
  grpc::Status answer;
  api::CordonOriginRequest cordon;
  api::RegisterOriginRequest registration;
};

class FakePlacementService final : public api::PlacementService::CallbackService {
 public:
  grpc::ServerUnaryReactor* ExplainPlacement(grpc::CallbackServerContext* context,
                                             const api::ExplainPlacementRequest* request,
                                             api::ExplainPlacementResponse* response) override {
    explain = *request;
    response->add_records()->set_winner("o1");
    return finish(context, grpc::Status::OK);
  }
  api::ExplainPlacementRequest explain;
};

/// Sends one event and CURRENT, then ends.
class OneEvent final : public grpc::ServerWriteReactor<api::WatchEventsResponse> {
 public:
  OneEvent() {
    items_[0].mutable_event()->set_type("ORIGIN_ADMITTED");
    items_[0].set_resume_token("t1");
    items_[1].mutable_current();
    items_[1].set_resume_token("t2");
    StartWrite(&items_[0]);
  }
  void OnWriteDone(bool) override {
    if (next_ == 2) return Finish(grpc::Status::OK);
    StartWrite(&items_[static_cast<std::size_t>(next_++)]);
  }
  void OnDone() override { delete this; }

 private:
  std::array<api::WatchEventsResponse, 2> items_;
  int next_ = 1;
};

class FakeClusterService final : public api::ClusterService::CallbackService {
 public:
  grpc::ServerUnaryReactor* GetClusterStatus(grpc::CallbackServerContext* context,
                                             const api::GetClusterStatusRequest*,
                                             api::ClusterStatus* response) override {
    response->set_replica("r1");
    return finish(context, grpc::Status::OK);
  }
  grpc::ServerWriteReactor<api::WatchEventsResponse>* WatchEvents(
      grpc::CallbackServerContext*, const api::WatchEventsRequest* request) override {
    watch = *request;
    return new OneEvent;
  }
  api::WatchEventsRequest watch;
};

struct Outcome {
  int code = -1;
  std::string out;
  std::string err;
};

Outcome run_weirctl(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "weirctl");
  std::ostringstream out;
  std::ostringstream err;
  Outcome outcome;
  outcome.code = run(static_cast<int>(arguments.size()), arguments.data(), "1.2.3", out, err);
  outcome.out = out.str();
  outcome.err = err.str();
  return outcome;
}

class Weirctl : public ::testing::Test {
 protected:
  Outcome call(std::vector<const char*> arguments) {
    arguments.insert(arguments.end(), {"--endpoint", server_->address().c_str()});
    return run_weirctl(std::move(arguments));
  }

  FakeOriginService origins_;
  FakePlacementService placements_;
  FakeClusterService cluster_;
  std::unique_ptr<rpc::Server> server_ =
      *rpc::Server::start({.address = "127.0.0.1:0"}, {&origins_, &placements_, &cluster_});
};

TEST_F(Weirctl, ListReadsEveryPage) {
  const Outcome outcome = call({"origin", "list", "-o", "json"});
  EXPECT_EQ(outcome.code, kExitDone) << outcome.err;
  for (const char* id : {"o0", "o1", "o2"})
    EXPECT_NE(outcome.out.find(id), std::string::npos) << id;
  EXPECT_NE(outcome.out.find("\"nextPageToken\": \"\""), std::string::npos) << outcome.out;
}

TEST_F(Weirctl, GlobalOptionsMayStandBeforeOrBehindTheCommand) {
  const std::string address = server_->address();
  EXPECT_EQ(run_weirctl({"--endpoint", address.c_str(), "-o", "yaml", "cluster", "status"}).code,
            0);
  EXPECT_EQ(run_weirctl({"cluster", "status", "-o", "yaml", "--endpoint", address.c_str()}).code,
            0);
}

TEST_F(Weirctl, NextEndpointIsTakenWhenOneDoesNotAnswer) {
  const std::string list =
      check_listen_address("127.0.0.1:0", "--x")->str() + "," + server_->address();
  const Outcome outcome = run_weirctl({"cluster", "status", "--endpoint", list.c_str()});
  EXPECT_EQ(outcome.code, kExitDone) << outcome.err;
  EXPECT_NE(outcome.out.find("r1"), std::string::npos);
}

TEST_F(Weirctl, AnEndpointThatIsFrozenCostsHalfASecond) {
  const SilentListener frozen;
  const std::string list = frozen.address() + "," + server_->address();
  const auto before = std::chrono::steady_clock::now();
  const Outcome outcome = run_weirctl({"cluster", "status", "--endpoint", list.c_str()});
  EXPECT_EQ(outcome.code, kExitDone) << outcome.err;
  EXPECT_LT(std::chrono::steady_clock::now() - before, kConnectWithin * 3);
  const Outcome watch = run_weirctl({"event", "watch", "--once", "--endpoint", list.c_str()});
  EXPECT_EQ(watch.code, kExitDone) << watch.err;
}

TEST_F(Weirctl, OneWithoutItsStoreIsPassedOverAndIsTheAnswerWhenNobodyDoesBetter) {
  origins_.answer = rpc::make_status(rpc::reason::kStoreUnavailable, "the store does not answer");
  FakeOriginService healthy;
  const auto other = *rpc::Server::start({.address = "127.0.0.1:0"}, {&healthy});
  std::string list = server_->address() + "," + other->address();
  EXPECT_EQ(run_weirctl({"origin", "cordon", "o1", "--endpoint", list.c_str()}).code, kExitDone);
  EXPECT_EQ(healthy.cordon.name(), "origins/o1");

  const std::string nobody = check_listen_address("127.0.0.1:0", "--x")->str();
  list = server_->address() + "," + nobody;
  const Outcome outcome = run_weirctl({"origin", "cordon", "o1", "--endpoint", list.c_str()});
  EXPECT_EQ(outcome.code, kExitRefusedByState) << "somebody answered";
  EXPECT_NE(outcome.err.find(server_->address() + ": STORE_UNAVAILABLE"), std::string::npos)
      << outcome.err;
}

TEST_F(Weirctl, WhenNoneAnswersEachIsNamedWithWhatCameOfIt) {
  const SilentListener frozen;
  const std::string nobody = check_listen_address("127.0.0.1:0", "--x")->str();
  const std::string list = frozen.address() + "," + nobody;
  const Outcome outcome =
      run_weirctl({"cluster", "status", "--endpoint", list.c_str(), "--timeout", "2s"});
  EXPECT_EQ(outcome.code, kExitUnreachable) << outcome.err;
  EXPECT_NE(outcome.err.find("none answered"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find(frozen.address() + ": UNAVAILABLE: no answer within 500 ms"),
            std::string::npos)
      << outcome.err;
  EXPECT_NE(outcome.err.find("; " + nobody + ": UNAVAILABLE"), std::string::npos) << outcome.err;
}

TEST_F(Weirctl, NobodyAnsweringIsUnreachable) {
  const std::string nobody = check_listen_address("127.0.0.1:0", "--x")->str();
  const Outcome outcome = run_weirctl({"cluster", "status", "--endpoint", nobody.c_str()});
  EXPECT_EQ(outcome.code, kExitUnreachable);
  EXPECT_NE(outcome.err.find(nobody), std::string::npos);
  EXPECT_NE(outcome.err.find("--endpoint"), std::string::npos);
  EXPECT_EQ(outcome.out, "");
}

TEST_F(Weirctl, CordonNamesTheOriginAndTheReason) {
  EXPECT_EQ(call({"origin", "cordon", "o1", "--reason", "disk"}).code, 0);
  EXPECT_EQ(origins_.cordon.name(), "origins/o1");
  EXPECT_EQ(origins_.cordon.reason(), "disk");
}

TEST_F(Weirctl, RegisterSendsEndpointsKindAndLabels) {
  EXPECT_EQ(call({"origin", "register", "o9", "--rtmp", "10.0.0.9:1935", "--kind", "srs", "--label",
                  "rack=7", "--label", "disk=ssd", "--max-streams", "50"})
                .code,
            0);
  const auto& sent = origins_.registration;
  EXPECT_EQ(sent.origin_id(), "o9");
  ASSERT_EQ(sent.endpoints_size(), 1);
  EXPECT_EQ(sent.endpoints(0).address(), "10.0.0.9:1935");
  EXPECT_EQ(sent.kind(), api::ORIGIN_KIND_SRS);
  EXPECT_EQ(sent.labels().at("rack"), "7");
  EXPECT_EQ(sent.capacity().streams(), 50U);
  EXPECT_EQ(call({"origin", "register", "o9", "--rtmp", "h:1", "--label", "rack"}).code,
            kExitUsage);
}

TEST_F(Weirctl, ErrorsOfTheApiBecomeExitCodesWithTheReason) {
  origins_.answer = rpc::make_status(rpc::reason::kOriginNotFound, "no origin 'o1'");
  const Outcome outcome = call({"origin", "cordon", "o1"});
  EXPECT_EQ(outcome.code, kExitNotFound);
  EXPECT_NE(outcome.err.find("ORIGIN_NOT_FOUND: no origin 'o1'"), std::string::npos) << outcome.err;
}

TEST_F(Weirctl, DryRunIsAskedForByName) {
  EXPECT_EQ(call({"place", "live/x"}).code, kExitUsage);
  EXPECT_EQ(call({"place", "--dry-run", "live/x"}).code, 0);
  EXPECT_TRUE(placements_.explain.dry_run());
  EXPECT_EQ(placements_.explain.stream(), "__defaultVhost__/live/x");
  EXPECT_EQ(call({"stream", "explain", "live/x"}).code, 0);
  EXPECT_FALSE(placements_.explain.dry_run());
  EXPECT_EQ(call({"stream", "explain", "x"}).code, kExitUsage);
}

TEST_F(Weirctl, WatchOncePrintsOneJsonObjectPerLine) {
  const Outcome outcome = call({"event", "watch", "--once", "--since", "5m", "-o", "json"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(std::ranges::count(outcome.out, '\n'), 2);
  EXPECT_EQ(cluster_.watch.since().seconds(), 300);
  EXPECT_TRUE(cluster_.watch.once());
}

TEST_F(Weirctl, WatchSaysHowToGoOnAndTakesThatToken) {
  const Outcome outcome = call({"event", "watch", "--once"});
  EXPECT_NE(outcome.err.find("--since dDI="), std::string::npos) << outcome.err;
  EXPECT_EQ(call({"event", "watch", "--once", "--since", "dDI="}).code, 0);
  EXPECT_EQ(cluster_.watch.resume_token(), "t2");
}

TEST(WeirctlUsage, MistakesAreExitCodeTwo) {
  for (const std::vector<const char*>& arguments :
       std::vector<std::vector<const char*>>{{},
                                             {"origin"},
                                             {"origin", "get"},
                                             {"origin", "dance"},
                                             {"stream", "list", "-o", "xml"},
                                             {"cluster", "status", "--endpoint", "nowhere"},
                                             {"cluster", "status", "--timeout", "soon"},
                                             {"event", "watch", "--since", "!"}}) {
    const Outcome outcome = run_weirctl(arguments);
    EXPECT_EQ(outcome.code, kExitUsage) << outcome.err;
    EXPECT_NE(outcome.err, "");
  }
}

TEST(WeirctlUsage, AWordThatIsNoCommandIsNamedWithThoseThereAre) {
  const auto said = [](const std::vector<const char*>& arguments) {
    const Outcome outcome = run_weirctl(arguments);
    EXPECT_EQ(outcome.code, kExitUsage);
    return outcome.err;
  };
  EXPECT_EQ(said({"origin", "frobnicate"}),
            "weirctl: unknown command 'frobnicate' for 'origin'; there are: list get top register "
            "cordon uncordon drain undrain weight\n");
  EXPECT_EQ(said({"stream", "-o", "json", "frobnicate"}),
            "weirctl: unknown command 'frobnicate' for 'stream'; there are: list get explain pin "
            "unpin\n");
  EXPECT_EQ(said({"frobnicate"}),
            "weirctl: unknown command 'frobnicate'; there are: cluster origin stream forwarder "
            "session place policy token event\n");
  EXPECT_EQ(said({"session"}),
            "weirctl: a command of 'session' is missing; there are: list kick\n");
}

TEST(WeirctlUsage, HelpAndVersionSucceed) {
  EXPECT_EQ(run_weirctl({"--help"}).code, 0);
  EXPECT_NE(run_weirctl({"--version"}).out.find("1.2.3"), std::string::npos);
}

TEST(WeirctlUsage, MissingTokenFileIsNotAuthorised) {
  const Outcome outcome = run_weirctl({"cluster", "status", "--token-file", "/nonexistent/token"});
  EXPECT_EQ(outcome.code, kExitNotAuthorised);
  EXPECT_NE(outcome.err.find("/nonexistent/token"), std::string::npos);
}

TEST(WeirctlExitCodes, FollowTheTable) {
  const auto code = [](grpc::StatusCode status) { return exit_code_of(grpc::Status(status, "")); };
  EXPECT_EQ(code(grpc::OK), 0);
  EXPECT_EQ(code(grpc::INTERNAL), 1);
  EXPECT_EQ(code(grpc::INVALID_ARGUMENT), 2);
  EXPECT_EQ(code(grpc::NOT_FOUND), 3);
  EXPECT_EQ(code(grpc::ALREADY_EXISTS), 4);
  EXPECT_EQ(code(grpc::OUT_OF_RANGE), 4);
  EXPECT_EQ(code(grpc::UNAVAILABLE), 5);
  EXPECT_EQ(code(grpc::DEADLINE_EXCEEDED), 6);
  EXPECT_EQ(code(grpc::UNAUTHENTICATED), 7);
  EXPECT_EQ(code(grpc::PERMISSION_DENIED), 7);
  EXPECT_EQ(exit_code_of(rpc::make_status(rpc::reason::kSettling, "")), 4);
}

}  // namespace
}  // namespace weir::cli
