// Orders, policies and tokens on the command line, against a fake API over loopback.

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "common/rpc/server.h"
#include "common/rpc/status.h"
#include "controlplane/cli/exit_code.h"
#include "controlplane/cli/policy_file.h"
#include "controlplane/cli/weirctl.h"
#include "weir/control/v1/cluster_service.grpc.pb.h"
#include "weir/control/v1/origin_service.grpc.pb.h"
#include "weir/control/v1/placement_service.grpc.pb.h"

namespace weir::cli {
namespace {

namespace api = control::v1;
using Reactor = grpc::ServerUnaryReactor;
using ServerContext = grpc::CallbackServerContext;

Reactor* ended(ServerContext* context, const grpc::Status& status = grpc::Status::OK) {
  auto* reactor = context->DefaultReactor();
  reactor->Finish(status);
  return reactor;
}

class FakeOrigins final : public api::OriginService::CallbackService {
 public:
  Reactor* DrainOrigin(ServerContext* context, const api::DrainOriginRequest* request,
                       api::Origin* response) override {
    drain = *request;
    response->set_id("o1");
    response->mutable_orders()->set_draining(true);
    response->mutable_orders()->set_drain_reason(request->reason());
    return ended(context);
  }
  Reactor* SetOriginWeight(ServerContext* context, const api::SetOriginWeightRequest* request,
                           api::Origin* response) override {
    response->set_id("o1");
    response->mutable_orders()->set_weight(request->weight());
    return ended(context);
  }
  api::DrainOriginRequest drain;
};

class FakePlacements final : public api::PlacementService::CallbackService {
 public:
  Reactor* PinStream(ServerContext* context, const api::PinStreamRequest* request,
                     api::PinStreamResponse* response) override {
    pin = *request;
    response->mutable_pin()->set_origin(request->origin());
    return ended(context);
  }
  Reactor* UnpinStream(ServerContext* context, const api::UnpinStreamRequest*,
                       api::UnpinStreamResponse*) override {
    return ended(context, rpc::make_status(rpc::reason::kRecordNotFound, "no pin"));
  }
  api::PinStreamRequest pin;
};

/// Keeps one policy.
class FakeCluster final : public api::ClusterService::CallbackService {
 public:
  Reactor* GetPolicy(ServerContext* context, const api::GetPolicyRequest*,
                     api::Policy* response) override {
    *response = stored;
    response->set_name("policies/default");
    response->set_records_known(true);
    return ended(context);
  }
  Reactor* PutPolicy(ServerContext* context, const api::PutPolicyRequest* request,
                     api::Policy* response) override {
    ++puts;
    etag = request->policy().etag();
    stored = request->policy();
    stored.set_etag("1." + std::to_string(puts));
    *response = stored;
    return ended(context);
  }
  Reactor* ValidatePolicy(ServerContext* context, const api::ValidatePolicyRequest* request,
                          api::ValidatePolicyResponse* response) override {
    *response->mutable_policy() = request->policy();
    response->set_changes(request->policy().rules().SerializeAsString() !=
                          stored.rules().SerializeAsString());
    return ended(context, validation);
  }
  Reactor* ListPolicies(ServerContext* context, const api::ListPoliciesRequest*,
                        api::ListPoliciesResponse* response) override {
    if (puts > 0) *response->add_policies() = stored;
    response->set_records_known(known);
    return ended(context);
  }
  Reactor* CreateToken(ServerContext* context, const api::CreateTokenRequest* request,
                       api::CreateTokenResponse* response) override {
    response->mutable_token()->set_name("tokens/t1");
    response->mutable_token()->set_role(request->role());
    response->set_bearer("s3cret");
    return ended(context);
  }
  api::Policy stored;
  std::string etag;
  grpc::Status validation;
  int puts = 0;
  bool known = true;
};

struct Said {
  int code = -1;
  std::string out;
  std::string err;
};

class WeirctlOrders : public ::testing::Test {
 protected:
  WeirctlOrders()
      : file_(std::filesystem::temp_directory_path() /
              ("weir-policy-" + std::to_string(::getpid()) + ".yaml")) {}
  ~WeirctlOrders() override { std::filesystem::remove(file_); }

  Said call(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "weirctl");
    arguments.insert(arguments.end(), {"--endpoint", server_->address()});
    std::vector<const char*> argv;
    for (const std::string& argument : arguments) argv.push_back(argument.c_str());
    std::ostringstream out;
    std::ostringstream err;
    Said said;
    said.code = run(static_cast<int>(argv.size()), argv.data(), "1.2.3", out, err);
    said.out = out.str();
    said.err = err.str();
    return said;
  }
  Said with_file(const std::string& verb, const std::string& text) {
    std::ofstream(file_, std::ios::trunc) << text;
    return call({"policy", verb, "-f", file_.string()});
  }

  std::filesystem::path file_;
  FakeOrigins origins_;
  FakePlacements placements_;
  FakeCluster cluster_;
  std::unique_ptr<rpc::Server> server_ =
      *rpc::Server::start({.address = "127.0.0.1:0"}, {&origins_, &placements_, &cluster_});
};

TEST_F(WeirctlOrders, PinNamesStreamAndOriginAndUnpinOfNothingIsNotFound) {
  EXPECT_EQ(call({"stream", "pin", "live/a", "o1"}).code, kExitDone);
  EXPECT_EQ(placements_.pin.name(), "streams/__defaultVhost__/live/a");
  EXPECT_EQ(placements_.pin.origin(), "o1");
  EXPECT_EQ(call({"stream", "unpin", "live/a"}).code, kExitNotFound);
  EXPECT_EQ(call({"stream", "pin", "live/a"}).code, kExitUsage);
}

TEST_F(WeirctlOrders, DrainTakesATimeAndAReason) {
  const Said said = call({"origin", "drain", "o1", "--within", "90s", "--reason", "disk"});
  EXPECT_EQ(said.code, kExitDone);
  EXPECT_EQ(origins_.drain.time_allowed().seconds(), 90);
  EXPECT_NE(said.out.find("draining"), std::string::npos);
  EXPECT_NE(said.out.find("disk"), std::string::npos);
  EXPECT_EQ(call({"origin", "drain", "o1"}).code, kExitDone);
  EXPECT_FALSE(origins_.drain.has_time_allowed());
  EXPECT_EQ(call({"origin", "drain", "o1", "--within", "soon"}).code, kExitUsage);
  EXPECT_NE(call({"origin", "weight", "o1", "2.5"}).out.find("2.5"), std::string::npos);
  EXPECT_EQ(call({"origin", "weight", "o1", "much"}).code, kExitUsage);
}

TEST_F(WeirctlOrders, WhatExportWroteChangesNothingWhenApplied) {
  EXPECT_EQ(call({"policy", "set", "adopt=none", "default_origin_streams=5"}).code, kExitDone);
  EXPECT_EQ(cluster_.etag, "0.0");
  const Said exported = call({"policy", "export"});
  EXPECT_EQ(exported.out,
            "policies:\n  - name: \"default\"\n    adopt: \"none\"\n"
            "    default_origin_streams: 5\n");
  const Said applied = with_file("apply", exported.out);
  EXPECT_EQ(applied.code, kExitDone);
  EXPECT_EQ(applied.out, "policies/default unchanged\n");
  EXPECT_EQ(cluster_.puts, 1);
  EXPECT_EQ(with_file("apply", "policies: [{adopt: srs}]").out, "policies/default changed\n");
  EXPECT_EQ(cluster_.stored.rules().adopt(), api::ADOPT_RULE_SRS);
  EXPECT_FALSE(cluster_.stored.rules().has_default_origin_streams());
}

TEST_F(WeirctlOrders, AnExportOfNothingIsNothingWhenApplied) {
  const Said exported = call({"policy", "export"});
  EXPECT_EQ(exported.code, kExitDone);
  EXPECT_EQ(with_file("apply", exported.out).code, kExitDone);
  EXPECT_EQ(cluster_.puts, 0);
}

TEST_F(WeirctlOrders, SetChangesOneRuleAndLeavesTheOthers) {
  ASSERT_EQ(call({"policy", "set", "adopt=none", "second_publisher=reject"}).code, kExitDone);
  ASSERT_EQ(call({"policy", "set", "adopt="}).code, kExitDone);
  EXPECT_EQ(cluster_.etag, "1.1");
  EXPECT_EQ(cluster_.stored.rules().adopt(), api::ADOPT_RULE_UNSPECIFIED);
  EXPECT_EQ(cluster_.stored.rules().second_publisher(), api::SECOND_PUBLISHER_RULE_REJECT);
  for (const char* wrong :
       {"adopt", "adopt=some", "name=other", "nothing=1", "default_origin_streams=0"}) {
    const Said said = call({"policy", "set", wrong});
    EXPECT_EQ(said.code, kExitUsage) << wrong;
    EXPECT_NE(said.err, "") << wrong;
  }
  EXPECT_EQ(cluster_.puts, 2);
}

TEST_F(WeirctlOrders, ValidateNamesFileLineAndKeyAndChangesNothing) {
  const std::string at = file_.string();
  const auto complains = [&](const std::string& text, const std::string& about) {
    const Said said = with_file("validate", text);
    EXPECT_EQ(said.code, kExitUsage) << text;
    EXPECT_EQ(said.err.substr(0, about.size()), about) << said.err;
  };
  complains("policies:\n  - name: default\n    adoptt: srs\n", at + ":3: policies[0].adoptt: ");
  complains("policies:\n  - adopt: some\n", at + ":2: policies[0].adopt: ");
  complains("policies:\n  - default_origin_streams: 0\n",
            at + ":2: policies[0].default_origin_streams: ");
  complains("policies:\n  - name: other\n", at + ":2: policies[0].name: ");
  complains("policies:\n  - adopt: srs\n  - adopt: all\n", at + ":3: policies[1].name: ");
  complains("policies: [", at + ":1: not YAML");
  cluster_.validation = rpc::make_status(rpc::reason::kInvalidField, "policy: no");
  complains("policies:\n  - adopt: srs\n", at + ":2: policies[0]: policy: no");
  cluster_.validation = grpc::Status::OK;
  const Said right = with_file("validate", "policies:\n  - adopt: srs\n");
  EXPECT_EQ(right.code, kExitDone);
  EXPECT_EQ(right.out, "policies/default is right and would change\n");
  EXPECT_EQ(cluster_.puts, 0);
}

TEST_F(WeirctlOrders, AWrongPolicyInAFileKeepsTheOthersFromBeingApplied) {
  const Said said = with_file("apply", "policies:\n  - adopt: srs\n    adoptt: x\n");
  EXPECT_EQ(said.code, kExitUsage);
  EXPECT_EQ(cluster_.puts, 0);
  EXPECT_EQ(call({"policy", "apply", "-f", "/nonexistent/policy"}).code, kExitUsage);
}

TEST_F(WeirctlOrders, AnExportThatMayLackPoliciesIsRefused) {
  cluster_.known = false;
  const Said said = call({"policy", "export"});
  EXPECT_EQ(said.code, kExitRefusedByState);
  EXPECT_EQ(said.out, "");
}

TEST_F(WeirctlOrders, ATokenIsShownWhenItIsMade) {
  const Said said = call({"token", "create", "operator", "--note", "me"});
  EXPECT_EQ(said.code, kExitDone);
  EXPECT_NE(said.out.find("s3cret"), std::string::npos);
  EXPECT_EQ(call({"token", "create", "king"}).code, kExitUsage);
}

}  // namespace
}  // namespace weir::cli
