// Operators' orders: what they do to placements, and that they outlive store and process.

#include <limits>
#include <map>
#include <memory>

#include <gtest/gtest.h>

#include "controlplane/core/sha256.h"
#include "tests/unit/controlplane/core/core_harness.h"

namespace weir::core::testing {
namespace {

using Kind = store::RecordKind;

class OrdersOfOperators : public ::testing::Test {
 protected:
  OrdersOfOperators() {
    attach();
    h.settle_with({f1}, {agent});
  }
  void attach() {
    agent = h.attach_agent("a1", {CoreHarness::seen("o1", "127.0.0.1:1936", "pid1", known["o1"]),
                                  CoreHarness::seen("o2", "127.0.0.1:1937", "pid2", known["o2"])});
    known = {{"o1", h.incarnation("o1")}, {"o2", h.incarnation("o2")}};
    f1 = h.attach_forwarder("f1");
  }
  /// kill -9 and a start with the same state-dir, over a store that has nothing.
  void restart() {
    h.advance_with({f1}, {agent}, 1s);
    h.restart();
    attach();
    h.settle_with({f1}, {agent});
  }
  Orders& orders() { return h.core->orders(); }

  Got<OrderDone> pin(const std::string& stream, const std::string& origin, OrderTerms terms = {}) {
    return h.order([&](auto respond) {
      orders().pin(key(stream), OriginId(origin), std::move(terms), std::move(respond));
    });
  }
  Got<OrderDone> unpin(const std::string& stream) {
    return h.order([&](auto respond) { orders().unpin(key(stream), {}, std::move(respond)); });
  }
  Got<OrderDone> drain(const std::string& origin, std::optional<Duration> allowed = {},
                       OrderTerms terms = {}) {
    return h.order([&](auto respond) {
      orders().drain(OriginId(origin), allowed, "disk", std::move(terms), std::move(respond));
    });
  }
  Got<OrderDone> undrain(const std::string& origin) {
    return h.order(
        [&](auto respond) { orders().undrain(OriginId(origin), {}, std::move(respond)); });
  }
  Got<OrderDone> weigh(const std::string& origin, double weight) {
    return h.order([&](auto respond) {
      orders().set_weight(OriginId(origin), weight, {}, std::move(respond));
    });
  }
  Got<OrderDone> put_policy(const PolicyRules& rules, OrderTerms terms = {},
                            const std::string& name = "default") {
    return h.order([&](auto respond) {
      orders().put_policy(name, rules, std::move(terms), std::move(respond));
    });
  }
  Got<SecretMade> create_token(OrderTerms terms = {}) {
    Got<SecretMade> got;
    orders().create_token(Role::kOperator, "ops", std::move(terms),
                          [&](Answer<SecretMade> answer) { got.answer = std::move(answer); });
    h.run();
    return got;
  }
  std::string origin_of(const std::string& stream) { return h.placement(stream)->origin.str(); }

  CoreHarness h;
  std::map<std::string, IncarnationId> known;
  std::shared_ptr<FakeAgentLink> agent;
  std::shared_ptr<FakeForwarderLink> f1;
};

TEST_F(OrdersOfOperators, APinnedStreamGoesToItsOriginAndTheRecordSaysWhy) {
  for (int i = 0; i < 8; ++i) {
    const std::string stream = "live/p" + std::to_string(i);
    ASSERT_TRUE(pin(stream, "o2").ok());
    h.publish(f1, stream, "f1", "s" + std::to_string(i));
    EXPECT_EQ(origin_of(stream), "o2");
  }
  AcquireQuery query;
  query.stream = key("live/p0");
  const auto explained = std::get<Explanation>(h.core->placements().explain(query, true));
  ASSERT_EQ(explained.records.size(), 1U);
  EXPECT_EQ(explained.records[0].policy, "pinned");
  EXPECT_EQ(explained.records[0].winner, OriginId("o2"));
  EXPECT_EQ(explained.records[0]
                .rejected[static_cast<std::size_t>(placement::Rejection::kPinnedElsewhere)],
            1U);
  EXPECT_EQ(std::get<StreamInfo>(h.core->listing().stream(key("live/p0"))).pin, OriginId("o2"));
  EXPECT_TRUE(h.has_event("STREAM_PINNED"));
}

TEST_F(OrdersOfOperators, APinToAnOriginThatIsAwayLeavesTheStreamWithoutOne) {
  ASSERT_TRUE(pin("live/a", "o2").ok());
  ASSERT_TRUE(h.cordon("o2", "x").ok());
  const auto& got = h.acquire("live/a", "f1", "s1");
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().reason, Reason::kNoEligibleOrigin);
  EXPECT_EQ(got.error().metadata.at("PINNED_ELSEWHERE"), "1");
  EXPECT_EQ(got.error().metadata.at("CORDONED"), "1");
}

TEST_F(OrdersOfOperators, AnUnplacedPinnedStreamCanBeReadAndUnpinned) {
  ASSERT_TRUE(pin("live/later", "o1").ok());
  const auto info = h.core->listing().stream(key("live/later"));
  ASSERT_TRUE(std::holds_alternative<StreamInfo>(info));
  EXPECT_FALSE(std::get<StreamInfo>(info).placement.epoch.is_set());
  EXPECT_EQ(h.status().pins, 1U);
  ASSERT_TRUE(unpin("live/later").ok());
  EXPECT_FALSE(std::holds_alternative<StreamInfo>(h.core->listing().stream(key("live/later"))));
  const auto again = unpin("live/later");
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().reason, Reason::kRecordNotFound);
  const auto nowhere = pin("live/later", "nowhere");
  ASSERT_FALSE(nowhere.ok());
  EXPECT_EQ(nowhere.error().reason, Reason::kOriginNotFound);
}

TEST_F(OrdersOfOperators, ADrainingOriginTakesNothingNewUntilTheMarkIsTakenBack) {
  ASSERT_TRUE(drain("o1", 5min).ok());
  EXPECT_EQ(h.marks("o1").drain->reason, "disk");
  EXPECT_EQ(h.marks("o1").drain->deadline, h.clock.wall_now() + 5min);
  EXPECT_EQ(h.status().origins_draining, 1U);
  for (int i = 0; i < 6; ++i) {
    const std::string n = std::to_string(i);
    h.publish(f1, "live/d" + n, "f1", "s" + n);
    EXPECT_EQ(origin_of("live/d" + n), "o2");
  }
  h.advance_with({f1}, {agent}, 500ms);
  const auto table = f1->last<OriginTable>();
  ASSERT_TRUE(table);
  ASSERT_TRUE(undrain("o1").ok());
  ASSERT_TRUE(undrain("o1").ok());
  EXPECT_FALSE(h.marks("o1").drain);
  h.publish(f1, "live/after", "f1", "sx");
  EXPECT_EQ(origin_of("live/after"), "o1");
  EXPECT_TRUE(h.has_event("ORIGIN_DRAINING"));
  EXPECT_TRUE(h.has_event("ORIGIN_UNDRAINED"));
  EXPECT_EQ(drain("o1", 24h * 31).error().reason, Reason::kInvalidField);
  EXPECT_EQ(drain("nobody").error().reason, Reason::kOriginNotFound);
}

TEST_F(OrdersOfOperators, AnOriginWithDoubleWeightTakesTwiceAsMuch) {
  ASSERT_TRUE(weigh("o1", 2).ok());
  std::map<std::string, int> placed;
  for (int i = 0; i < 30; ++i) {
    const std::string n = std::to_string(i);
    h.publish(f1, "live/w" + n, "f1", "s" + n);
    ++placed[origin_of("live/w" + n)];
  }
  EXPECT_EQ(placed["o1"], 20);
  EXPECT_EQ(placed["o2"], 10);
  EXPECT_EQ(h.marks("o1").weight, 2);
  ASSERT_TRUE(weigh("o1", 1).ok());
  EXPECT_EQ(h.marks("o1").weight_revision, Revision{});
  for (const double wrong : {0.0, -1.0, 1000.0, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_EQ(weigh("o1", wrong).error().reason, Reason::kInvalidField);
  }
}

TEST_F(OrdersOfOperators, APolicyOverridesTheConfigurationUntilItIsDeleted) {
  h.publish(f1, "live/a", "f1", "s1");
  ASSERT_TRUE(put_policy({SecondPublisher::kTakeover, Adopt::kNone, 8'000'000, 10}).ok());
  EXPECT_EQ(h.status().options.adopt, Adopt::kNone);
  EXPECT_EQ(h.status().options.second_publisher, SecondPublisher::kTakeover);
  // The assumed bit rate is that of the next decision.
  AcquireQuery query;
  query.stream = key("live/b");
  const auto dry = std::get<Explanation>(h.core->placements().explain(query, true));
  EXPECT_EQ(dry.records[0].reservation.bits_per_second, 8'000'000);
  ASSERT_TRUE(put_policy({SecondPublisher::kReject, {}, {}, {}}).ok());
  EXPECT_EQ(h.status().options.adopt, Adopt::kSrs);
  EXPECT_EQ(h.status().options.second_publisher, SecondPublisher::kReject);
  const auto deleted =
      h.order([&](auto respond) { orders().delete_policy("default", {}, std::move(respond)); });
  ASSERT_TRUE(deleted.ok());
  EXPECT_EQ(h.status().options.second_publisher, SecondPublisher::kTakeoverIfIdle);
  EXPECT_EQ(h.status().options.default_stream_bits_per_second, 4'000'000U);
  EXPECT_TRUE(h.has_event("POLICY_CHANGED"));
}

TEST_F(OrdersOfOperators, APolicyOutOfRangeIsRefused) {
  EXPECT_EQ(put_policy({{}, {}, 999, {}}).error().reason, Reason::kInvalidField);
  EXPECT_EQ(put_policy({{}, {}, {}, 0}).error().reason, Reason::kInvalidField);
  EXPECT_EQ(put_policy({}, {}, "other").error().reason, Reason::kInvalidField);
  EXPECT_EQ(orders().find(Kind::kPolicy, "default"), nullptr);
}

TEST_F(OrdersOfOperators, AnEtagThatHasMovedIsRefusedWithTheOneThatHolds) {
  const auto first = put_policy({SecondPublisher::kReject, {}, {}, {}}, {Revision{}, false, ""});
  ASSERT_TRUE(first.ok());
  const Revision etag = first.value().record->revision;
  const auto again = put_policy({SecondPublisher::kTakeover, {}, {}, {}}, {Revision{}, false, ""});
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().reason, Reason::kStaleEtag);
  EXPECT_EQ(again.error().metadata.at("etag"), format_as(etag));
  EXPECT_TRUE(put_policy({SecondPublisher::kTakeover, {}, {}, {}}, {etag, false, ""}).ok());
}

TEST_F(OrdersOfOperators, ValidateOnlyAnswersAsTheOrderWouldAndChangesNothing) {
  const auto dry = pin("live/a", "o1", {std::nullopt, true, ""});
  ASSERT_TRUE(dry.ok());
  EXPECT_TRUE(dry.value().changed);
  EXPECT_EQ(dry.value().record->value, "o1");
  EXPECT_EQ(orders().find(Kind::kPin, key("live/a").str()), nullptr);
  const Revision other{1, 1};
  EXPECT_EQ(pin("live/a", "o1", {other, true, ""}).error().reason, Reason::kStaleEtag);
  ASSERT_TRUE(pin("live/a", "o1").ok());
  EXPECT_FALSE(pin("live/a", "o1", {std::nullopt, true, ""}).value().changed);
  EXPECT_FALSE(create_token({std::nullopt, true, ""}).value().record.value);
  EXPECT_TRUE(orders().page(Kind::kToken, "", 10).records.empty());
}

TEST_F(OrdersOfOperators, ARepeatOfARequestGetsTheFirstAnswer) {
  const OrderTerms terms{std::nullopt, false, "req-1"};
  const auto first = create_token(terms);
  const auto again = create_token(terms);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(again.value().secret, first.value().secret);
  EXPECT_EQ(orders().page(Kind::kToken, "", 10).records.size(), 1U);
  // The deadline of a drain is counted from the first.
  const auto drained = drain("o1", 5min, {std::nullopt, false, "req-2"});
  h.advance_with({f1}, {agent}, 2s);
  const auto repeated = drain("o1", 5min, {std::nullopt, false, "req-2"});
  EXPECT_EQ(repeated.value().record, drained.value().record);
}

TEST_F(OrdersOfOperators, ATokenIsShownOnceAndKeptAsItsDigest) {
  const auto made = create_token();
  ASSERT_TRUE(made.ok());
  EXPECT_GE(made.value().secret.size(), 52U);
  const auto listed = orders().page(Kind::kToken, "", 10);
  ASSERT_EQ(listed.records.size(), 1U);
  EXPECT_EQ(listed.records[0].value->find(made.value().secret), std::string::npos);
  const auto facts = decode_token_facts(*listed.records[0].value);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->digest, sha256_hex(made.value().secret));
  EXPECT_EQ(facts->role, Role::kOperator);
  EXPECT_NE(create_token().value().secret, made.value().secret);
}

TEST_F(OrdersOfOperators, ListsHavePages) {
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(pin("live/p" + std::to_string(i), "o1").ok());
  ASSERT_TRUE(unpin("live/p3").ok());
  std::vector<std::string> names;
  std::string after;
  do {
    const auto page = orders().page(Kind::kPin, after, 2);
    EXPECT_LE(page.records.size(), 2U);
    for (const auto& record : page.records) names.push_back(record.name);
    after = page.next;
  } while (!after.empty());
  EXPECT_EQ(names, (std::vector<std::string>{key("live/p0").str(), key("live/p1").str(),
                                             key("live/p2").str(), key("live/p4").str()}));
}

TEST_F(OrdersOfOperators, EverythingOutlivesTheProcessAndItsStore) {
  ASSERT_TRUE(h.cordon("o1", "disk").ok());
  ASSERT_TRUE(drain("o2", 5min).ok());
  ASSERT_TRUE(weigh("o1", 2).ok());
  ASSERT_TRUE(pin("live/a", "o2").ok());
  ASSERT_TRUE(put_policy({SecondPublisher::kReject, {}, {}, {}}).ok());
  const auto kept = create_token();
  const auto revoked = create_token();
  ASSERT_TRUE(h.order([&](auto respond) {
                 orders().revoke_token(revoked.value().id, {}, std::move(respond));
               }).ok());
  Got<SecretMade> signing;
  orders().create_signing_key({}, [&](Answer<SecretMade> a) { signing.answer = std::move(a); });
  h.run();
  ASSERT_TRUE(signing.ok());
  EXPECT_TRUE(signing.value().secret.empty());
  const auto key_before = *orders().find(Kind::kSigningKey, signing.value().id);

  for (int round = 0; round < 2; ++round) {
    restart();
    EXPECT_TRUE(h.status().records_known);
    EXPECT_EQ(h.marks("o1").cordon, "disk");
    EXPECT_EQ(h.marks("o2").drain->reason, "disk");
    EXPECT_EQ(h.marks("o1").weight, 2);
    EXPECT_EQ(h.status().pins, 1U);
    EXPECT_EQ(h.status().options.second_publisher, SecondPublisher::kReject);
    EXPECT_EQ(orders().page(Kind::kToken, "", 10).records.size(), 1U);
    EXPECT_EQ(orders().find(Kind::kToken, kept.value().id)->value, kept.value().record.value);
    EXPECT_EQ(*orders().find(Kind::kSigningKey, signing.value().id), key_before);
    // They are in the store again, which is who decides.
    const auto& got = h.acquire("live/a", "f1", "s" + std::to_string(round));
    ASSERT_FALSE(got.ok());
    EXPECT_EQ(got.error().metadata.at("DRAINING"), "1");
    EXPECT_FALSE(h.has_event("STREAM_PINNED")) << "a restart is no new order";
  }
}

TEST_F(OrdersOfOperators, WhatWasTakenBackJustBeforeALossDoesNotComeBack) {
  ASSERT_TRUE(h.cordon("o1", "disk").ok());
  const auto token = create_token();
  h.advance_with({f1}, {agent}, 2s);
  ASSERT_TRUE(h.cordon("o1", std::nullopt).ok());
  ASSERT_TRUE(h.order([&](auto respond) {
                 orders().revoke_token(token.value().id, {}, std::move(respond));
               }).ok());
  restart();
  EXPECT_FALSE(h.marks("o1").cordon);
  EXPECT_EQ(orders().find(Kind::kToken, token.value().id), nullptr);
}

TEST_F(OrdersOfOperators, AChangeIsDurableWithinASecondAndAtTheEnd) {
  ASSERT_TRUE(h.cordon("o1", "one").ok());
  h.advance(1s);
  const auto saved = h.keeper.saved_records;
  EXPECT_EQ(saved.records.size(), 1U);
  ASSERT_TRUE(h.cordon("o2", "two").ok());
  h.core->stop("test");
  EXPECT_EQ(h.keeper.saved_records.records.size(), 2U);
}

TEST_F(OrdersOfOperators, AStateDirectoryThatCannotBeWrittenIsToldAndTriedAgain) {
  h.keeper.works = false;
  ASSERT_TRUE(h.cordon("o1", "disk").ok());
  h.advance(2s);
  bool told = false;
  for (const auto& warning : h.status().warnings) {
    told = told || warning.find("state directory") != std::string::npos;
  }
  EXPECT_TRUE(told);
  h.keeper.works = true;
  h.advance(2s);
  EXPECT_EQ(h.keeper.saved_records.records.size(), 1U);
}

TEST_F(OrdersOfOperators, WithoutItsRecordsAReplicaSaysThatSomeMayBeMissing) {
  ASSERT_TRUE(h.cordon("o1", "disk").ok());
  h.advance_with({f1}, {agent}, 1s);
  h.keeper.saved_records = {};
  restart();
  EXPECT_FALSE(h.status().records_known);
  EXPECT_FALSE(orders().records_known());
  EXPECT_FALSE(h.marks("o1").cordon);
}

// --- several replicas over one store

struct StateDirReplica {
  StateDirReplica(ManualClock& clock, ManualExecutor& executor, store::StateStore& store,
                  const std::string& id, KeptRecords kept, std::uint64_t generation)
      : prober(executor) {
    Options options;
    options.replica = ReplicaId(id);
    KeptState state;
    state.generation = generation;
    core = std::make_unique<ClusterCore>(Context{executor, clock, random, store, metrics,
                                                 log::Logger("core"), keeper, prober, options},
                                         state, std::move(kept));
    core->start();
  }
  std::optional<std::string> cordon(const std::string& origin) {
    return core->listing().marked_origin(OriginId(origin)).marks.cordon;
  }
  FakeStateKeeper keeper;
  metrics::Registry metrics;
  SeededRandom random{11};
  FakeProber prober;
  std::unique_ptr<ClusterCore> core;
};

store::Record kept_record(Kind kind, std::string name, std::optional<std::string> value,
                          std::uint64_t number) {
  return {kind, std::move(name), std::move(value), {100, number}, WallTime{}};
}

class TwoStateDirReplicas : public ::testing::Test {
 protected:
  TwoStateDirReplicas() { clock.advance(1h); }
  ~TwoStateDirReplicas() override {
    a.reset();
    b.reset();
  }
  ManualClock clock;
  ManualExecutor executor{clock};
  store::MemoryStateStore store{executor, clock};
  std::unique_ptr<StateDirReplica> a, b;
};

class TwoStateDirectories : public TwoStateDirReplicas,
                            public ::testing::WithParamInterface<bool> {};

TEST_P(TwoStateDirectories, WhoeverComesFirstTheHighestRevisionWins) {
  // A was away when the cordon of o1 was lifted and o3's reason changed; B never had o2's.
  KeptRecords of_a{
      100,
      {kept_record(Kind::kCordon, "o1", "old", 1), kept_record(Kind::kCordon, "o2", "two", 2),
       kept_record(Kind::kCordon, "o3", "old", 3), kept_record(Kind::kToken, "t", "live", 4)}};
  KeptRecords of_b{100,
                   {kept_record(Kind::kCordon, "o1", std::nullopt, 5),
                    kept_record(Kind::kCordon, "o3", "new", 6),
                    kept_record(Kind::kToken, "t", std::nullopt, 7)}};
  const auto now = clock.wall_now();
  for (auto* records : {&of_a, &of_b}) {
    for (auto& record : records->records) record.update_time = now;
  }
  const bool a_first = GetParam();
  if (a_first) a = std::make_unique<StateDirReplica>(clock, executor, store, "a", of_a, 100);
  if (a_first) executor.advance(5s);
  b = std::make_unique<StateDirReplica>(clock, executor, store, "b", of_b, 100);
  executor.advance(5s);
  if (!a_first) a = std::make_unique<StateDirReplica>(clock, executor, store, "a", of_a, 100);
  executor.advance(2s);
  for (StateDirReplica* replica : {a.get(), b.get()}) {
    EXPECT_FALSE(replica->cordon("o1"));
    EXPECT_EQ(replica->cordon("o2"), "two");
    EXPECT_EQ(replica->cordon("o3"), "new");
    EXPECT_EQ(replica->core->orders().find(Kind::kToken, "t"), nullptr);
    EXPECT_TRUE(replica->core->listing().status().records_known);
    EXPECT_EQ(replica->keeper.saved_records.records.size(), 4U);
  }
}

INSTANTIATE_TEST_SUITE_P(Order, TwoStateDirectories, ::testing::Bool());

TEST_F(TwoStateDirReplicas, ARecordThatTheStoreNeverHadRaisesItOnceAndIsWrittenBack) {
  a = std::make_unique<StateDirReplica>(clock, executor, store, "a", KeptRecords{}, 0);
  executor.advance(5s);
  const auto generation = [&] { return a->core->listing().status().generation; };
  const auto before = generation();
  KeptRecords kept{0, {kept_record(Kind::kCordon, "o1", "disk", 3)}};
  kept.records[0].revision.generation = before + 1'000'000'000;
  kept.records[0].update_time = clock.wall_now();
  b = std::make_unique<StateDirReplica>(clock, executor, store, "b", kept, 0);
  executor.advance(1s);
  const auto raised = generation();
  EXPECT_GT(raised, kept.records[0].revision.generation);
  executor.advance(5s);
  EXPECT_EQ(generation(), raised) << "once";
  EXPECT_EQ(a->cordon("o1"), "disk");
}

TEST_F(TwoStateDirReplicas, APolicyIsInForceOnBothAtOnce) {
  a = std::make_unique<StateDirReplica>(clock, executor, store, "a", KeptRecords{}, 0);
  b = std::make_unique<StateDirReplica>(clock, executor, store, "b", KeptRecords{}, 0);
  executor.advance(5s);
  bool done = false;
  a->core->orders().put_policy(
      "default", {SecondPublisher::kReject, {}, {}, {}}, {},
      [&](const Answer<OrderDone>& answer) { done = std::holds_alternative<OrderDone>(answer); });
  executor.run_ready();
  EXPECT_TRUE(done);
  EXPECT_EQ(a->core->listing().status().options.second_publisher, SecondPublisher::kReject);
  EXPECT_EQ(b->core->listing().status().options.second_publisher, SecondPublisher::kReject);
}

}  // namespace
}  // namespace weir::core::testing
