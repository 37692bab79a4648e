#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <gtest/gtest.h>

#include "common/rpc/channel.h"
#include "common/rpc/server.h"
#include "controlplane/service/service_factories.h"
#include "tests/unit/controlplane/core/core_harness.h"
#include "weir/control/v1/cluster_service.grpc.pb.h"

namespace weir::service {
namespace {

using namespace std::chrono_literals;

/// Hands what gRPC's threads post to the test's thread.
class HandedExecutor final : public Executor {
 public:
  void post(Callback<void()> work) override {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(work));
    changed_.notify_one();
  }
  TimerId run_after(Duration, Callback<void()>) override { return 0; }
  void cancel(TimerId) override {}

  bool run_one() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, 5s, [this] { return !posted_.empty(); })) return false;
    auto work = std::move(posted_.front());
    posted_.pop_front();
    lock.unlock();
    work();
    return true;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Callback<void()>> posted_;
};

TEST(ClusterService, SaysHowFreshTheReplicaIsThatAnswers) {
  core::testing::CoreHarness harness;
  harness.run();
  HandedExecutor executor;
  const auto service = make_cluster_service(executor, *harness.core);
  const auto server = *rpc::Server::start({.address = "127.0.0.1:0"}, {service.get()});
  auto asked = std::async(std::launch::async, [&] {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + 5s);
    control::v1::Replica replica;
    const auto stub =
        control::v1::ClusterService::NewStub(rpc::make_channel(server->address(), Secret()));
    EXPECT_TRUE(stub->GetReplica(&context, {}, &replica).ok());
    return replica;
  });
  EXPECT_TRUE(executor.run_one());
  const control::v1::Replica replica = asked.get();
  EXPECT_EQ(replica.id(), "r1");
  EXPECT_EQ(replica.generation(), harness.status().generation);
  EXPECT_GT(replica.generation(), 0U);
  EXPECT_FALSE(replica.stale());
  EXPECT_EQ(replica.settling(), harness.status().settling);
}

}  // namespace
}  // namespace weir::service
