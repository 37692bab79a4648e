// Replicas that stand still, that are lost, that probe at once, and bulletins that grow.

#include <gtest/gtest.h>

#include "tests/unit/controlplane/core/cluster_harness.h"

namespace weir::core::testing {
namespace {

TEST(ReplicaFaults, OneThatStoodStillHoldsNobodyForLost) {
  ClusterHarness h(3);
  h["r1"].process.freeze();
  h.advance(5s);
  EXPECT_EQ(h.count_events("r2", "REPLICA_LOST", "replicas/r1"), 1U);
  h["r1"].process.thaw();
  h.advance(3s);
  EXPECT_EQ(h.count_events("r1", "REPLICA_LOST"), 0U);
  EXPECT_EQ(h.status("r1").replicas.size(), 3U);
  // It is no excuse for who is gone.
  h.kill("r3");
  h.advance(3s);
  EXPECT_EQ(h.count_events("r1", "REPLICA_LOST", "replicas/r3"), 1U);
}

class DirectoryOfReplicas : public ::testing::Test {
 protected:
  Bulletin bulletin(const std::string& instance) {
    Bulletin out;
    out.instance = instance;
    out.sequence = ++sequence_;
    return out;
  }

  ManualClock clock;
  ManualExecutor executor{clock};
  store::MemoryStateStore store{executor, clock};
  SeededRandom random{1};
  metrics::Registry metrics;
  FakeStateKeeper keeper;
  FakeProber prober{executor};
  Context context{executor, clock,   random,
                  store,    metrics, log::Logger("core"),
                  keeper,   prober,  CoreHarness::default_options()};
  EventRing events{executor, clock, metrics, log::Logger("events")};
  Replicas replicas{context, events, "own"};

 private:
  std::uint64_t sequence_ = 0;
};

TEST_F(DirectoryOfReplicas, GivesThePeersOfALostOneTimeToMove) {
  std::vector<ForwarderId> gone;
  replicas.on_forwarder_gone = [&](const ForwarderId& id) { gone.push_back(id); };
  const ForwarderId f1("f1");
  auto told = bulletin("two");
  told.forwarders.emplace_back().forwarder = f1;
  replicas.take(ReplicaId("r2"), told);
  EXPECT_FALSE(replicas.may_be_moving(f1));
  replicas.gone(ReplicaId("r2"));
  const auto tick_for = [&](Duration by) {
    for (; by > Duration::zero(); by -= kPeerTick) {
      clock.advance(kPeerTick);
      replicas.tick();
    }
  };
  replicas.tick();
  tick_for(kMoveGrace - kPeerTick);
  EXPECT_TRUE(gone.empty());
  tick_for(kPeerTick);
  EXPECT_EQ(gone, std::vector<ForwarderId>{f1});
  EXPECT_TRUE(replicas.may_be_moving(f1));
  EXPECT_EQ(replicas.missing().at(f1), ReplicaId("r2"));
  tick_for(store::kRenewalExpiry);
  EXPECT_FALSE(replicas.may_be_moving(f1));
  EXPECT_TRUE(replicas.missing().empty());
}

TEST_F(DirectoryOfReplicas, RemembersThatOneWasStale) {
  const ForwarderId f1("f1");
  const auto tell = [&](Duration store_age) {
    auto told = bulletin("two");
    told.store_age = store_age;
    told.forwarders.emplace_back().forwarder = f1;
    replicas.take(ReplicaId("r2"), std::move(told));
  };
  tell(Duration::zero());
  clock.advance(kStaleAfter + 100ms);
  EXPECT_TRUE(replicas.may_be_moving(f1)) << "silent for too long";
  tell(Duration::zero());
  EXPECT_TRUE(replicas.may_be_moving(f1));
  for (Duration passed{}; passed < kReattachWithin; passed += kBulletinInterval) {
    clock.advance(kBulletinInterval);
    tell(Duration::zero());
  }
  EXPECT_FALSE(replicas.may_be_moving(f1));
  tell(kStaleAfter + 100ms);
  EXPECT_TRUE(replicas.may_be_moving(f1)) << "it could not read the store";
}

void register_static(ClusterHarness& h, int origins) {
  for (int n = 0; n < origins; ++n) {
    model::OriginDescription description;
    description.id = OriginId("s" + std::to_string(n));
    description.endpoints = {{model::Protocol::kRtmp, "127.0.0.1:" + std::to_string(2000 + n)}};
    h.core("r1").origins().register_origin(description, false,
                                           [](const Answer<store::OriginRecord>&) {});
  }
  h.run();
}

TEST(ReplicaFaults, AProbeCountsOnceThoughTwoOfThemTellOfTheirs) {
  ClusterHarness h(1);
  register_static(h, 8);
  h.advance(2s);
  ASSERT_EQ(h.status("r1").origins_alive, 8U);
  // Both believe that the origins are theirs, and repeat what they found once.
  for (std::uint64_t round = 1; round <= 8; ++round) {
    for (const char* id : {"x1", "x2"}) {
      Bulletin told;
      told.instance = std::string(id) + "-run";
      told.sequence = round;
      told.generation = h.status("r1").generation;
      for (int n = 0; n < 8; ++n) {
        const auto name = "s" + std::to_string(n);
        told.probes.push_back(
            {OriginId(name), h.origin("r1", name).record.incarnation, 1, ContactOutcome::kRefused});
      }
      h.store->put_bulletin(ReplicaId(id), h.codec.encode(told), [](store::Reply<bool>) {});
    }
    h.advance(250ms);
  }
  EXPECT_EQ(h.status("r1").replicas.size(), 3U);
  EXPECT_EQ(h.status("r1").origins_dead, 0U);
}

TEST(ReplicaFaults, OneThatHasNotHeardTheOthersProbesNothing) {
  ClusterHarness h(1);
  register_static(h, 8);
  h.advance(2s);
  // The one that cares for all of them cannot tell so yet.
  h["r1"].process.freeze();
  auto& r2 = h.start("r2");
  h.executor.advance(kJoinWithin - 50ms);
  EXPECT_EQ(r2.prober.probes, 0);
  h.advance(5s);
  EXPECT_GT(r2.prober.probes, 0);
}

TEST(ReplicaFaults, OneThatMissedALossAndItsSettlingClaimsAndDeniesNothing) {
  ClusterHarness h(2);
  const auto agent = h.agent("r1", "a1", {ClusterHarness::seen("o1", 1936)});
  const auto f2 = h.forwarder("r2", "f2");
  h.advance(1s);
  const auto held = h.publish("r2", f2, "live/b", "f2", "t1");
  h.tell("r2", f2, RouteInterest{{key("live/b")}, {}});
  h.advance(5s);
  h["r2"].store.cut();
  h.clock.advance(1s);
  h.lose_history();
  h.advance(8s);
  ASSERT_FALSE(h.status("r1").settling);
  ASSERT_FALSE(h.placement("r1", "live/b"));
  f2->sent.clear();
  h["r2"].store.join();
  h.advance(2s);
  ASSERT_EQ(h.status("r2").generation, h.status("r1").generation);
  for (const auto& update : f2->all<RouteUpdate>()) EXPECT_TRUE(update.route);
  for (const char* id : {"r1", "r2"}) {
    ASSERT_TRUE(h.placement(id, "live/b")) << id;
    EXPECT_EQ(h.placement(id, "live/b")->holder, held.holder) << id;
  }
}

/// The last bulletin that came from a replica.
struct BulletinReader {
  BulletinReader(ClusterHarness& h, std::string from) {
    h.store->subscribe([](const store::Reply<store::Snapshot>&) {},
                       [this, &h, from = ReplicaId(std::move(from))](const store::Change& change) {
                         const auto* told =
                             std::get_if<store::Change::BulletinChanged>(&change.what);
                         if (told == nullptr || told->from != from || !told->bytes) return;
                         bytes = told->bytes->size();
                         last = h.codec.decode_bulletin(*told->bytes);
                       });
    h.run();
  }
  std::size_t active() const {
    std::size_t count = 0;
    for (const auto& forwarder : last->forwarders) count += forwarder.active_incarnations.size();
    return count;
  }
  std::optional<Bulletin> last;
  std::size_t bytes = 0;
};

std::vector<IncarnationId> incarnations(int first, int count) {
  std::vector<IncarnationId> out;
  for (int n = 0; n < count; ++n) out.emplace_back("incarnation-" + std::to_string(first + n));
  return out;
}

TEST(ReplicaFaults, ABulletinNamesAnActiveIncarnationOnceAndNotTooMany) {
  ClusterHarness h(1);
  BulletinReader reader(h, "r1");
  std::vector<std::shared_ptr<FakeForwarderLink>> links;
  for (int n = 0; n < 3; ++n) {
    links.push_back(h.forwarder("r1", "f" + std::to_string(n)));
    h.heartbeats[links.back().get()] = {incarnations(0, 100), 0};
  }
  h.advance(1s);
  ASSERT_TRUE(reader.last);
  EXPECT_EQ(reader.last->forwarders.size(), 3U);
  EXPECT_EQ(reader.active(), 100U);
  for (int n = 0; n < 3; ++n) {
    h.heartbeats[links[static_cast<std::size_t>(n)].get()] = {incarnations(n * 15'000, 15'000), 0};
  }
  h.advance(1s);
  EXPECT_EQ(reader.active(), kActiveIncarnationsTold);
}

TEST(ReplicaFaults, ABulletinThatWouldNotFitTellsLessButWhoIsAttached) {
  ClusterHarness h(1);
  BulletinReader reader(h, "r1");
  const auto link = h.forwarder("r1", "f1");
  std::vector<IncarnationId> long_ones;
  for (int n = 0; n < 20'000; ++n) {
    long_ones.emplace_back(std::to_string(100'000 + n) + std::string(500, 'x'));
  }
  h.heartbeats[link.get()] = {std::move(long_ones), 0};
  h.advance(1s);
  ASSERT_TRUE(reader.last);
  EXPECT_LE(reader.bytes, store::kBulletinBytesMax);
  EXPECT_EQ(reader.last->forwarders.size(), 1U);
  EXPECT_EQ(reader.active(), 0U);
  EXPECT_EQ(h.count_events("r1", "BULLETIN_REFUSED"), 0U);
}

TEST(ReplicaFaults, ABulletinThatIsRefusedIsAnEvent) {
  ClusterHarness h(1);
  h["r1"].store.refuse_bulletins = true;
  h.advance(3s);
  EXPECT_EQ(h.count_events("r1", "BULLETIN_REFUSED", "replicas/r1"), 1U);
  h["r1"].store.refuse_bulletins = false;
  h.advance(1s);
  h["r1"].store.refuse_bulletins = true;
  h.advance(1s);
  EXPECT_EQ(h.count_events("r1", "BULLETIN_REFUSED"), 2U);
}

}  // namespace
}  // namespace weir::core::testing
