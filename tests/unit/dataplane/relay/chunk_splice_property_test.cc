// Differential property of the splice: whatever a legal sender does, and whatever is dropped,
// inserted, split or re-routed, receivers of three dialects read exactly the messages that were
// passed on.

#include <algorithm>
#include <array>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/random.h"
#include "dataplane/protocol/rtmp/message_assembler.h"
#include "dataplane/relay/chunk_splice.h"
#include "tests/support/chunk_train.h"
#include "tests/support/reference_decoder.h"

namespace weir::relay {
namespace {

using rtmp::Bytes;
using rtmp::MessageHeader;
using rtmp::MessageType;

constexpr std::uint64_t kMessagesDefault = 200'000;
constexpr std::uint64_t kMessagesPerTrain = 400;

std::uint64_t number_from_environment(const char* name, std::uint64_t fallback) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : fallback;
}

struct Expected {
  MessageHeader header;
  std::vector<std::uint8_t> payload;
};

/// One train through one splice to the three readers.
class Journey final : public SpliceHandler {
 public:
  explicit Journey(std::uint64_t seed) : random_(seed) {
    style_.nginx_format3 = chance(30);
    style_.repeats_extended = chance(70);
    style_.only_full_headers = chance(10);
    style_.wide_ids = chance(30);
    train_ = std::make_unique<test::ChunkTrain>(random_, style_);
    assembler_.emplace(style_.nginx_format3 ? rtmp::Dialect::kNginxRtmp
                                            : rtmp::Dialect::kSpecification);
    new_leg();
  }

  /// Sends about `messages` messages. False: the test has failed.
  bool run(std::uint64_t messages) {
    const std::uint64_t before_splice = random_.below(6);
    while (begun_ < messages && !::testing::Test::HasFailure()) {
      for (std::uint64_t chunks = 1 + random_.below(6); chunks > 0; --chunks) produce();
      deliver_input(splice_.has_value() || begun_ > before_splice);
      if (splice_ && chance(2)) change_leg();
      if (splice_ && chance(5)) insert_own();
    }
    train_->finish(produced_);
    deliver_input(true);
    while (!produced_.empty()) deliver_input(true);
    check_received();
    for (const auto& reader : readers_) {
      EXPECT_TRUE(reader->idle());
    }
    EXPECT_TRUE(splice_->between_messages());
    EXPECT_EQ(expected_own_.size(), 0U);
    return !::testing::Test::HasFailure();
  }

  std::uint64_t begun() const { return begun_; }

  void send_view(OutputIndex, Bytes bytes) override {
    EXPECT_GE(bytes.data(), input_.data());
    EXPECT_LE(bytes.data() + bytes.size(), input_.data() + input_.size());
    for (const auto& reader : readers_) reader->feed(bytes);
  }

  void send_copy(OutputIndex, Bytes bytes) override {
    for (const auto& reader : readers_) reader->feed(bytes);
  }

  SpliceChoice on_message(const MessageHeader& header) override {
    current_[header.chunk_stream] = next_intended(header);
    if (chance(3)) insert_own();
    const std::uint64_t dice = random_.below(100);
    return dice < 88   ? SpliceAction::kPass
           : dice < 95 ? SpliceAction::kDrop
                       : SpliceAction::kCollect;
  }

  void on_collected(const rtmp::Message& message) override {
    const auto& meant = current_[message.header.chunk_stream].payload;
    EXPECT_TRUE(
        std::equal(meant.begin(), meant.end(), message.payload.begin(), message.payload.end()));
    if (chance(20)) insert_own();
  }

  void on_passed(OutputIndex, const MessageHeader& header, Bytes first_bytes) override {
    const Expected& meant = current_[header.chunk_stream];
    EXPECT_EQ(header, meant.header);
    const auto kept = Bytes(meant.payload).first(std::min(meant.payload.size(), rtmp::kFirstBytes));
    EXPECT_TRUE(std::equal(kept.begin(), kept.end(), first_bytes.begin(), first_bytes.end()));
    Expected passed = meant;
    passed.header.timestamp += splice_->output().time_offset;
    if (passed.header.stream_id == splice_->output().stream_id_from) {
      passed.header.stream_id = splice_->output().stream_id_to;
    }
    expected_.push_back(std::move(passed));
    if (chance(3)) insert_own();
  }

 private:
  bool chance(unsigned percent) { return random_.below(100) < percent; }

  void produce() {
    const test::TrainMessage* begun = train_->step(produced_);
    if (begun == nullptr) return;
    ++begun_;
    const MessageHeader header{static_cast<MessageType>(begun->type), begun->time,
                               static_cast<std::uint32_t>(begun->payload.size()), begun->stream_id,
                               begun->chunk_stream};
    intended_[begun->chunk_stream].push_back({header, begun->payload});
  }

  Expected next_intended(const MessageHeader& header) {
    auto& queue = intended_[header.chunk_stream];
    if (queue.empty()) {
      ADD_FAILURE() << "a message that nobody sent";
      return {};
    }
    Expected meant = std::move(queue.front());
    queue.pop_front();
    EXPECT_EQ(header, meant.header)
        << "time " << header.timestamp << " meant " << meant.header.timestamp;
    return meant;
  }

  /// A piece of what was produced, in memory of its own so that a view kept too long is found.
  void deliver_input(bool may_splice) {
    std::size_t size = produced_.size();
    if (chance(60)) size = std::min<std::size_t>(size, 1 + random_.below(chance(50) ? 20 : 900));
    input_.assign(produced_.begin(), produced_.begin() + static_cast<std::ptrdiff_t>(size));
    input_.shrink_to_fit();
    produced_.erase(produced_.begin(), produced_.begin() + static_cast<std::ptrdiff_t>(size));
    Bytes rest(input_);
    while (!splice_) {
      const auto message = assembler_->next(rest);
      ASSERT_EQ(assembler_->error(), rtmp::ChunkError::kNone);
      if (message && message->header.type != MessageType::kSetChunkSize) {
        const Expected meant = next_intended(message->header);
        ASSERT_TRUE(std::equal(meant.payload.begin(), meant.payload.end(), message->payload.begin(),
                               message->payload.end()));
      }
      if (may_splice && (!message || chance(30))) {
        splice_.emplace(std::move(*assembler_), output_);
      } else if (!message) {
        return;
      }
    }
    ASSERT_TRUE(splice_->feed(rest, *this)) << to_text(splice_->error());
    check_received();
  }

  void new_leg() {
    const std::uint32_t told =
        chance(50) ? 128 : 128 + static_cast<std::uint32_t>(random_.below(900));
    output_ = {.chunk_size = told,
               .stream_id_from = 1,
               .stream_id_to = static_cast<std::uint32_t>(chance(70) ? 1 : random_.below(9)),
               .time_offset = chance(70) ? 0 : static_cast<std::uint32_t>(random_.next())};
    readers_.clear();
    readers_.push_back(test::make_specification_decoder(told));
    readers_.push_back(test::make_srs_decoder(told));
    readers_.push_back(test::make_nginx_rtmp_decoder(told));
  }

  void change_leg() {
    check_received();
    new_leg();
    splice_->set_output(output_);
  }

  void insert_own() {
    constexpr std::array<std::uint32_t, 4> kIds{rtmp::kPrivateChunkStream, 2, 5, 6};
    MessageHeader header{MessageType::kDataAmf3, static_cast<std::uint32_t>(random_.next()), 0, 777,
                         kIds[random_.below(kIds.size())]};
    const std::vector<std::uint8_t> payload(random_.below(300), static_cast<std::uint8_t>(++own_));
    if (!splice_->insert(header, payload, *this)) return;
    header.length = static_cast<std::uint32_t>(payload.size());
    expected_own_.push_back({header, payload});
  }

  void check_received() {
    std::size_t own_seen = 0;
    for (const auto& reader : readers_) {
      ASSERT_EQ(reader->failure(), "");
      std::size_t passed = 0;
      std::size_t own = 0;
      for (const auto& got : reader->take()) {
        const bool ours = got.stream_id == 777;
        const std::size_t index = ours ? own++ : passed++;
        ASSERT_LT(index, ours ? expected_own_.size() : expected_.size());
        const Expected& meant = ours ? expected_own_[index] : expected_[index];
        ASSERT_EQ(got.type, static_cast<std::uint8_t>(meant.header.type));
        ASSERT_EQ(got.time, meant.header.timestamp & reader->time_mask());
        ASSERT_EQ(got.stream_id, meant.header.stream_id);
        ASSERT_EQ(got.payload, meant.payload);
      }
      ASSERT_EQ(passed, expected_.size());
      own_seen = own;
    }
    expected_.clear();
    expected_own_.erase(expected_own_.begin(),
                        expected_own_.begin() + static_cast<std::ptrdiff_t>(own_seen));
  }

  SeededRandom random_;
  test::TrainStyle style_;
  std::unique_ptr<test::ChunkTrain> train_;
  std::optional<rtmp::MessageAssembler> assembler_;
  std::optional<ChunkSplice> splice_;
  SpliceOutput output_;
  std::vector<std::unique_ptr<test::ReferenceDecoder>> readers_;
  std::vector<std::uint8_t> produced_, input_;
  std::map<std::uint32_t, std::deque<Expected>> intended_;  // sent, not yet seen by the splice
  std::map<std::uint32_t, Expected> current_;
  std::vector<Expected> expected_;
  std::deque<Expected> expected_own_;  // inserted; may still wait for the end of a chunk
  std::uint64_t begun_ = 0;
  std::uint8_t own_ = 0;
};

TEST(ChunkSpliceProperty, ReceiversOfEveryDialectReadTheMessagesThatWerePassed) {
  const std::uint64_t total = number_from_environment("WEIR_PROPERTY_MESSAGES", kMessagesDefault);
  const std::uint64_t first_seed = number_from_environment("WEIR_PROPERTY_SEED", 1);
  std::uint64_t seen = 0;
  for (std::uint64_t seed = first_seed; seen < total; ++seed) {
    Journey journey(seed);
    ASSERT_TRUE(journey.run(kMessagesPerTrain))
        << "again with WEIR_PROPERTY_SEED=" << seed << " WEIR_PROPERTY_MESSAGES=1";
    seen += journey.begun();
  }
}

}  // namespace
}  // namespace weir::relay
