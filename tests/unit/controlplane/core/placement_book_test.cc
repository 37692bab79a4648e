// PlacementBook beside a plain map: whatever is put, changed and erased, both say the same.

#include "controlplane/core/placement_book.h"

#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/random.h"

namespace weir::core {
namespace {

StreamKey key(const std::string& text) {
  return parse_stream_key(text).value();
}

model::Placement placement(const std::string& stream, const std::string& origin,
                           model::Holder holder, std::uint64_t number) {
  model::Placement made;
  made.stream = key(stream);
  made.origin = OriginId(origin);
  made.incarnation = IncarnationId(origin + "-life");
  made.holder = std::move(holder);
  made.epoch = {7, number};
  made.revision = {7, number};
  made.bind_time = WallTime(std::chrono::seconds(number));
  made.update_time = WallTime(std::chrono::seconds(number + 1));
  made.verdict = "verdict " + std::to_string(number);
  return made;
}

void expect_same(const model::Placement& is, const model::Placement& wanted) {
  EXPECT_EQ(is.stream, wanted.stream);
  EXPECT_EQ(is.origin, wanted.origin);
  EXPECT_EQ(is.incarnation, wanted.incarnation);
  EXPECT_EQ(is.holder, wanted.holder);
  EXPECT_EQ(is.epoch, wanted.epoch);
  EXPECT_EQ(is.revision, wanted.revision);
  EXPECT_EQ(is.state, wanted.state);
  EXPECT_EQ(is.media_accepted, wanted.media_accepted);
  EXPECT_EQ(is.bind_time, wanted.bind_time);
  EXPECT_EQ(is.update_time, wanted.update_time);
  EXPECT_EQ(is.verdict, wanted.verdict);
}

std::vector<std::string> names(const std::vector<model::Placement>& placements) {
  std::vector<std::string> out;
  for (const auto& placement : placements) out.push_back(placement.stream.str());
  return out;
}

/// What the book must say, from the plainest of structures.
class Reference {
 public:
  void put(const model::Placement& placement) { all_[placement.stream.str()] = placement; }
  void erase(const std::string& stream) { all_.erase(stream); }
  const std::map<std::string, model::Placement>& all() const { return all_; }

  std::vector<std::string> of_origin(const OriginId& origin) const {
    std::vector<std::string> out;
    for (const auto& [name, placement] : all_) {
      if (placement.origin == origin) out.push_back(name);
    }
    return out;
  }
  std::vector<std::string> of_forwarder(const ForwarderId& forwarder) const {
    std::vector<std::string> out;
    for (const auto& [name, placement] : all_) {
      const auto* holder = std::get_if<model::SessionHolder>(&placement.holder);
      if (holder != nullptr && holder->forwarder == forwarder) out.push_back(name);
    }
    return out;
  }
  std::vector<std::string> page(const std::string& after, std::size_t limit,
                                const OriginId& origin) const {
    std::vector<std::string> out;
    for (auto at = all_.upper_bound(after); at != all_.end() && out.size() < limit; ++at) {
      if (origin.empty() || at->second.origin == origin) out.push_back(at->first);
    }
    return out;
  }

 private:
  std::map<std::string, model::Placement> all_;
};

void compare(const PlacementBook& book, const Reference& reference, std::uint64_t origins) {
  ASSERT_EQ(book.counts().all(), reference.all().size());
  PlacementBook::Counts counts;
  for (const auto& [name, wanted] : reference.all()) {
    const auto is = book.get(wanted.stream);
    ASSERT_TRUE(is) << name;
    expect_same(*is, wanted);
    counts.bound += wanted.state == model::PlacementState::kBound ? 1 : 0;
    counts.publishing += wanted.state == model::PlacementState::kPublishing ? 1 : 0;
  }
  EXPECT_EQ(book.counts().bound, counts.bound);
  EXPECT_EQ(book.counts().publishing, counts.publishing);
  const auto sorted = [](std::vector<std::string> list) {
    std::sort(list.begin(), list.end());
    return list;
  };
  for (std::uint64_t at = 0; at < origins; ++at) {
    const OriginId origin("o" + std::to_string(at));
    EXPECT_EQ(sorted(names(book.of_origin(origin))), reference.of_origin(origin));
    EXPECT_EQ(names(book.page("v/live/s5", 7, origin)), reference.page("v/live/s5", 7, origin));
    const ForwarderId forwarder("f" + std::to_string(at));
    EXPECT_EQ(sorted(names(book.of_forwarder(forwarder))), reference.of_forwarder(forwarder));
    EXPECT_EQ(book.names(forwarder), !reference.of_forwarder(forwarder).empty());
  }
  // Every page of a walk from the start.
  std::string after;
  while (true) {
    const auto page = names(book.page(after, 100, {}));
    ASSERT_EQ(page, reference.page(after, 100, {}));
    if (page.empty()) break;
    after = page.back();
  }
}

TEST(PlacementBook, SaysTheSameAsAPlainMapAfterAnyChanges) {
  constexpr std::uint64_t kOrigins = 9;
  SeededRandom random(5);
  PlacementBook book;
  Reference reference;
  // Grows, shrinks to little, and grows again: slots, numbers and runs are used anew.
  for (const std::uint64_t erased_of_ten : {1, 9, 3, 8, 2}) {
    for (int step = 0; step < 4'000; ++step) {
      const std::string stream = "v/live/s" + std::to_string(random.below(3'000));
      if (random.below(10) < erased_of_ten) {
        book.erase(key(stream));
        reference.erase(stream);
        continue;
      }
      const std::string origin = "o" + std::to_string(random.below(kOrigins));
      model::Holder holder = model::DirectHolder{};
      if (random.below(3) > 0) {
        holder = model::SessionHolder{ForwarderId("f" + std::to_string(random.below(kOrigins))),
                                      SessionId("session-" + std::to_string(step))};
      } else if (random.below(2) > 0) {
        holder = model::ExternalHolder{"scheduler"};
      }
      auto made = placement(stream, origin, holder, random.below(1'000'000) + 1);
      made.state = static_cast<model::PlacementState>(random.below(3));
      made.media_accepted = random.below(2) == 1;
      book.put(made);
      reference.put(made);
    }
    compare(book, reference, kOrigins);
  }
}

TEST(PlacementBook, KeepsNamesInOrderThatComeInOrder) {
  PlacementBook book;
  Reference reference;
  for (int at = 0; at < 5'000; ++at) {
    const auto made =
        placement("v/live/s" + std::to_string(10'000 + at), "o1", model::DirectHolder{}, 1);
    book.put(made);
    reference.put(made);
  }
  compare(book, reference, 2);
}

TEST(PlacementBook, KnowsNothingOfAStreamThatWasNeverPlaced) {
  PlacementBook book;
  EXPECT_FALSE(book.contains(key("v/live/s")));
  EXPECT_FALSE(book.get(key("v/live/s")));
  EXPECT_FALSE(book.revision_of(key("v/live/s")));
  book.erase(key("v/live/s"));
  EXPECT_EQ(book.counts().all(), 0U);
  EXPECT_TRUE(book.page({}, 10, {}).empty());
  EXPECT_TRUE(book.of_origin(OriginId("o1")).empty());
}

}  // namespace
}  // namespace weir::core
