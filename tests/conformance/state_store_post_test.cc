// What replicas tell one another through the store: bulletins, broadcasts, mailboxes; and media
// sessions (design 4). Lossy and bounded.

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "tests/conformance/state_store_conformance.h"

namespace weir::store {
namespace {

using namespace std::chrono_literals;

const ReplicaId kFirst("r1");
const ReplicaId kSecond("r2");

/// What a subscriber hears of one kind.
template <class What>
class Heard {
 public:
  explicit Heard(StateStore& store) {
    store.subscribe([](Reply<Snapshot>) {},
                    [this](const Change& change) {
                      if (const auto* what = std::get_if<What>(&change.what)) all.push_back(*what);
                    });
  }
  std::vector<What> all;
};

TEST_P(StateStorePost, ABulletinReachesEverySubscriberAndTheLastOneCounts) {
  begin();
  Heard<Change::BulletinChanged> heard(store());
  under_test_->deliver();
  EXPECT_TRUE(bulletin(kFirst, "one"));
  EXPECT_TRUE(bulletin(kFirst, std::string("t\0wo", 4)));
  hear();
  ASSERT_FALSE(heard.all.empty());
  EXPECT_EQ(heard.all.back().from, kFirst);
  EXPECT_EQ(heard.all.back().bytes, std::string("t\0wo", 4));
}

TEST_P(StateStorePost, ABulletinThatIsNotRenewedIsToldToBeGoneOnce) {
  begin();
  Heard<Change::BulletinChanged> heard(store());
  under_test_->deliver();
  bulletin(kFirst, "one");
  advance(kBulletinExpiry - 500ms);
  bulletin(kSecond, "two");
  advance(600ms);
  hear();
  const auto gone = [&](const ReplicaId& from) {
    return std::count_if(heard.all.begin(), heard.all.end(),
                         [&](const auto& told) { return told.from == from && !told.bytes; });
  };
  EXPECT_EQ(gone(kFirst), 1);
  EXPECT_EQ(gone(kSecond), 0);
  advance(kBulletinExpiry);
  hear();
  EXPECT_EQ(gone(kFirst), 1);
  EXPECT_EQ(gone(kSecond), 1);
}

TEST_P(StateStorePost, ABulletinOrBroadcastBeyondItsBoundIsNotTaken) {
  begin();
  Heard<Change::BroadcastReceived> heard(store());
  under_test_->deliver();
  EXPECT_FALSE(bulletin(kFirst, std::string(kBulletinBytesMax + 1, 'x')));
  EXPECT_FALSE(broadcast(kFirst, std::string(kBroadcastBytesMax + 1, 'x')));
  hear();
  EXPECT_TRUE(heard.all.empty());
}

TEST_P(StateStorePost, ABroadcastReachesEverySubscriberOnceInOrder) {
  begin();
  Heard<Change::BroadcastReceived> one(store());
  Heard<Change::BroadcastReceived> two(store());
  under_test_->deliver();
  for (const char* bytes : {"a", "b", "c"}) EXPECT_TRUE(broadcast(kSecond, bytes));
  hear();
  for (const auto* heard : {&one, &two}) {
    std::string text;
    for (const auto& told : heard->all) {
      EXPECT_EQ(told.from, kSecond);
      text += told.bytes;
    }
    EXPECT_EQ(text, "abc");
  }
}

TEST_P(StateStorePost, ACommandWaitsInItsMailboxAndIsTakenOnce) {
  begin();
  Heard<Change::MailCame> heard(store());
  under_test_->deliver();
  const Mailbox box{Mailbox::Kind::kForwarder, "f1"};
  EXPECT_TRUE(send(box, {"c1", kFirst, "close it", 5s}));
  EXPECT_TRUE(send(box, {"c2", kSecond, "ask it", 5s}));
  hear();
  ASSERT_FALSE(heard.all.empty());
  EXPECT_EQ(heard.all.back().mailbox, box);
  EXPECT_TRUE(take({Mailbox::Kind::kAgent, "f1"}).empty()) << "another kind of peer";
  const auto taken = take(box);
  ASSERT_EQ(taken.size(), 2U);
  EXPECT_EQ(taken[0].id, "c1");
  EXPECT_EQ(taken[0].from, kFirst);
  EXPECT_EQ(taken[0].bytes, "close it");
  EXPECT_EQ(taken[1].id, "c2");
  EXPECT_TRUE(take(box).empty());
}

TEST_P(StateStorePost, ACommandIsNotTakenAfterItsDeadline) {
  begin();
  const Mailbox box{Mailbox::Kind::kReplica, "r1"};
  send(box, {"c1", kFirst, "soon", 300ms});
  send(box, {"c2", kFirst, "later", 10s});
  advance(400ms);
  const auto taken = take(box);
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0].id, "c2");
  EXPECT_LE(taken[0].deadline, 10s);
}

TEST_P(StateStorePost, AFullMailboxTakesNoMoreUntilItIsEmptied) {
  begin();
  const Mailbox box{Mailbox::Kind::kForwarder, "f1"};
  for (std::size_t i = 0; i < kMailboxCommandsMax; ++i) {
    ASSERT_TRUE(send(box, {"c" + std::to_string(i), kFirst, "x", 5s}));
  }
  EXPECT_FALSE(send(box, {"more", kFirst, "x", 5s}));
  EXPECT_TRUE(send({Mailbox::Kind::kForwarder, "f2"}, {"other", kFirst, "x", 5s}));
  EXPECT_EQ(take(box).size(), kMailboxCommandsMax);
  EXPECT_TRUE(send(box, {"again", kFirst, "x", 5s}));
}

TEST_P(StateStorePost, MediaSessionsAreFoundUntilTheyExpire) {
  begin();
  const auto put = [&](const std::string& ufrag, const std::string& bytes, Duration expiry) {
    return value(ask<bool>(
        [&](auto done) { store().put_media_session(ufrag, bytes, expiry, std::move(done)); }));
  };
  const auto find = [&](const std::string& ufrag) {
    return value(ask<std::optional<std::string>>(
        [&](auto done) { store().find_media_session(ufrag, std::move(done)); }));
  };
  EXPECT_TRUE(put("u1", "at o1", 10s));
  EXPECT_TRUE(put("u1", "at o2", 20s));
  EXPECT_EQ(find("u1"), "at o2");
  EXPECT_EQ(find("u2"), std::nullopt);
  advance(15s);
  EXPECT_EQ(find("u1"), "at o2");
  advance(6s);
  EXPECT_EQ(find("u1"), std::nullopt);
}

}  // namespace
}  // namespace weir::store
