// A splice with several outputs: each receiver reads exactly the messages that were meant for it,
// whatever went elsewhere between them.

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/random.h"
#include "dataplane/protocol/rtmp/chunk_writer.h"
#include "dataplane/relay/chunk_splice.h"
#include "tests/support/chunk_train.h"
#include "tests/support/reference_decoder.h"
#include "tests/support/vectors.h"

namespace weir::relay {
namespace {

using rtmp::Bytes;
using rtmp::MessageHeader;
using rtmp::MessageType;
using test::ByteText;
using Owned = std::vector<std::uint8_t>;

/// Message stream n goes to output n - 1.
class ByStream : public SpliceHandler {
 public:
  void send_view(OutputIndex output, Bytes bytes) override {
    ++views;
    out[output].insert(out[output].end(), bytes.begin(), bytes.end());
  }
  void send_copy(OutputIndex output, Bytes bytes) override {
    out[output].insert(out[output].end(), bytes.begin(), bytes.end());
  }
  SpliceChoice on_message(const MessageHeader& header) override {
    return {SpliceAction::kPass, static_cast<OutputIndex>(header.stream_id - 1)};
  }
  void on_collected(const rtmp::Message&) override {}
  void on_passed(OutputIndex output, const MessageHeader&, Bytes) override { ++passed[output]; }

  std::array<Owned, kSpliceOutputsMax> out;
  std::array<int, kSpliceOutputsMax> passed{};
  int views = 0;
};

ChunkSplice two_outputs() {
  ChunkSplice splice(rtmp::MessageAssembler{}, {});
  splice.set_output({.stream_id_from = 2, .stream_id_to = 1}, 1);
  return splice;
}

std::vector<test::ReferenceMessage> read(const Owned& bytes) {
  auto reader = test::make_specification_decoder();
  reader->feed(bytes);
  EXPECT_EQ(reader->failure(), "");
  return reader->take();
}

TEST(ChunkSpliceOutputs, StreamsThatShareAChunkStreamAreToldApart) {
  // One chunk stream, message streams 1 and 2 in turn: format 0 each time, then one that repeats.
  const Owned bytes = ByteText()
                          .bytes({0x04, 0, 0, 10, 0, 0, 1, 9, 1, 0, 0, 0, 0xA1})
                          .bytes({0x04, 0, 0, 20, 0, 0, 1, 9, 2, 0, 0, 0, 0xB1})
                          .bytes({0x84, 0, 0, 5, 0xB2})
                          .bytes({0x04, 0, 0, 30, 0, 0, 1, 9, 1, 0, 0, 0, 0xA2})
                          .bytes({0x84, 0, 0, 7, 0xA3});
  ChunkSplice splice = two_outputs();
  ByStream handler;
  ASSERT_TRUE(splice.feed(bytes, handler));
  const Owned first = ByteText()
                          .bytes({0x04, 0, 0, 10, 0, 0, 1, 9, 1, 0, 0, 0, 0xA1})
                          .bytes({0x04, 0, 0, 30, 0, 0, 1, 9, 1, 0, 0, 0, 0xA2})
                          .bytes({0x84, 0, 0, 7, 0xA3});
  const Owned second =
      ByteText().bytes({0x04, 0, 0, 20, 0, 0, 1, 9, 1, 0, 0, 0, 0xB1}).bytes({0x84, 0, 0, 5, 0xB2});
  EXPECT_EQ(handler.out[0], first);
  EXPECT_EQ(handler.out[1], second);
  EXPECT_EQ(splice.counters(0).media_messages, 3U);
  EXPECT_EQ(splice.counters(1).media_messages, 2U);
  EXPECT_EQ(splice.counters(0).rewritten, 0U);
}

TEST(ChunkSpliceOutputs, ChunksOfTwoStreamsAlternateInsideTheirMessages) {
  // 200 bytes of stream 1 on chunk stream 4, 200 of stream 2 on 6, chunk by chunk.
  const Owned bytes = ByteText()
                          .bytes({0x04, 0, 0, 1, 0, 0, 200, 9, 1, 0, 0, 0})
                          .repeat(128, 0xA1)
                          .bytes({0x06, 0, 0, 2, 0, 0, 200, 9, 2, 0, 0, 0})
                          .repeat(128, 0xB1)
                          .bytes({0xC4})
                          .repeat(72, 0xA2)
                          .bytes({0xC6})
                          .repeat(72, 0xB2);
  ChunkSplice splice = two_outputs();
  ByStream handler;
  ASSERT_TRUE(splice.feed(Bytes(bytes).first(160), handler));
  EXPECT_FALSE(splice.between_messages(0));
  EXPECT_FALSE(splice.between_messages(1));
  EXPECT_TRUE(splice.between_chunks(0));
  EXPECT_FALSE(splice.between_chunks(1));
  ASSERT_TRUE(splice.feed(Bytes(bytes).subspan(160), handler));
  for (const OutputIndex output : {0, 1}) {
    const auto messages = read(handler.out[output]);
    ASSERT_EQ(messages.size(), 1U);
    EXPECT_EQ(messages[0].stream_id, 1U);
    EXPECT_EQ(messages[0].payload.size(), 200U);
    EXPECT_EQ(messages[0].payload[0], output == 0 ? 0xA1 : 0xB1);
    EXPECT_EQ(messages[0].payload[199], output == 0 ? 0xA2 : 0xB2);
    EXPECT_TRUE(splice.between_messages(output));
  }
}

TEST(ChunkSpliceOutputs, EachReceiverIsToldTheChunkSizeWhenItNeedsIt) {
  Owned bytes;
  rtmp::write_message(bytes, rtmp::set_chunk_size(1'000), 128);
  rtmp::write_message(bytes, {MessageType::kVideo, 5, 0, 2, 6}, Owned(900, 0xB1), 1'000);
  ChunkSplice splice = two_outputs();
  ByStream handler;
  ASSERT_TRUE(splice.feed(bytes, handler));
  EXPECT_TRUE(handler.out[0].empty());
  EXPECT_EQ(splice.output(0).chunk_size, 128U);
  EXPECT_EQ(splice.output(1).chunk_size, 1'000U);
  ASSERT_EQ(read(handler.out[1]).size(), 1U);
}

TEST(ChunkSpliceOutputs, AnInsertionWaitsForItsOwnOutputOnly) {
  const Owned bytes = ByteText().bytes({0x04, 0, 0, 1, 0, 0, 100, 9, 1, 0, 0, 0}).repeat(50, 0xA1);
  ChunkSplice splice = two_outputs();
  ByStream handler;
  ASSERT_TRUE(splice.feed(bytes, handler));
  const MessageHeader own{MessageType::kDataAmf0, 0, 0, 1, rtmp::kPrivateChunkStream};
  ASSERT_TRUE(splice.insert(own, Owned(3, 1), handler, 0));
  ASSERT_TRUE(splice.insert(own, Owned(4, 2), handler, 1));
  EXPECT_EQ(read(handler.out[1]).size(), 1U);
  EXPECT_TRUE(read(handler.out[0]).empty());
  ASSERT_TRUE(splice.feed(Owned(50, 0xA1), handler));
  EXPECT_EQ(read(handler.out[0]).size(), 2U);
}

TEST(ChunkSpliceOutputs, ADroppedOutputGetsNothingAndHarmsNobody) {
  Owned bytes;
  rtmp::write_message(bytes, {MessageType::kVideo, 5, 0, 2, 6}, Owned(200, 0xB1), 128);
  rtmp::write_message(bytes, {MessageType::kAudio, 6, 0, 1, 4}, Owned(10, 0xA1), 128);
  ChunkSplice splice = two_outputs();
  ByStream handler;
  ASSERT_TRUE(splice.feed(Bytes(bytes).first(60), handler));
  splice.drop_output(1);
  const std::size_t before = handler.out[1].size();
  ASSERT_TRUE(splice.feed(Bytes(bytes).subspan(60), handler));
  EXPECT_EQ(handler.out[1].size(), before);
  EXPECT_EQ(read(handler.out[0]).size(), 1U);
}

TEST(ChunkSpliceOutputs, ARenamedStreamIsRewrittenOnlyWhereTheNameStands) {
  Owned bytes;
  rtmp::write_message(bytes, {MessageType::kVideo, 5, 0, 1, 6}, Owned(10, 0xA1), 128);
  ChunkSplice splice = two_outputs();
  ByStream handler;
  ASSERT_TRUE(splice.feed(bytes, handler));
  splice.rename_stream(7, 0);
  // A delta of a stream that the receiver calls 7 by now needs no name.
  const Owned next = ByteText().bytes({0x46, 0, 0, 5, 0, 0, 1, 9, 0xA2});
  handler.out[0].clear();
  ASSERT_TRUE(splice.feed(next, handler));
  EXPECT_EQ(handler.out[0], next);
  EXPECT_EQ(splice.output(0).stream_id_to, 7U);
}

/// Random trains through three outputs, each read by the three dialects.
class Fork final : public SpliceHandler {
 public:
  explicit Fork(std::uint64_t seed)
      : random_(seed), train_(random_, {.repeats_extended = random_.below(2) == 0}) {
    for (OutputIndex i = 0; i < kOutputs; ++i) new_leg(i);
  }

  void run(int chunks) {
    Owned bytes;
    for (int i = 0; i < chunks; ++i) {
      train_.step(bytes);
      if (random_.below(4) != 0) continue;
      deliver(bytes);
      if (random_.below(50) == 0) new_leg(static_cast<OutputIndex>(random_.below(kOutputs)));
    }
    train_.finish(bytes);
    deliver(bytes);
    for (OutputIndex i = 0; i < kOutputs; ++i) EXPECT_TRUE(splice_.between_messages(i));
  }
  /// Messages that the readers of an output agreed on.
  std::size_t read(OutputIndex output) const { return read_[output]; }
  static constexpr OutputIndex kOutputs = 3;

  void send_view(OutputIndex output, Bytes bytes) override { hear(output, bytes); }
  void send_copy(OutputIndex output, Bytes bytes) override { hear(output, bytes); }
  SpliceChoice on_message(const MessageHeader&) override {
    const auto output = static_cast<OutputIndex>(random_.below(kOutputs));
    if (random_.below(10) == 0) return SpliceAction::kDrop;
    if (random_.below(20) == 0)
      splice_.insert({MessageType::kDataAmf3, 1, 0, 777, rtmp::kPrivateChunkStream}, Owned(9, 9),
                     *this, static_cast<OutputIndex>(random_.below(kOutputs)));
    return {SpliceAction::kPass, output};
  }
  void on_collected(const rtmp::Message&) override {}
  void on_passed(OutputIndex output, const MessageHeader& header, Bytes) override {
    expected_[output].push_back(header);
  }

 private:
  void hear(OutputIndex output, Bytes bytes) {
    for (const auto& reader : readers_[output]) reader->feed(bytes);
  }
  void new_leg(OutputIndex output) {
    check();
    const auto told = static_cast<std::uint32_t>(128 + random_.below(500));
    splice_.set_output({.chunk_size = told}, output);
    readers_[output].clear();
    readers_[output].push_back(test::make_specification_decoder(told));
    readers_[output].push_back(test::make_srs_decoder(told));
    readers_[output].push_back(test::make_nginx_rtmp_decoder(told));
  }
  void deliver(Owned& bytes) {
    Bytes rest(bytes);
    while (!rest.empty()) {
      const std::size_t size = std::min<std::size_t>(rest.size(), 1 + random_.below(700));
      const Owned piece(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(size));
      rest = rest.subspan(size);
      ASSERT_TRUE(splice_.feed(piece, *this)) << rtmp::to_text(splice_.error());
    }
    bytes.clear();
    check();
  }
  void check() {
    for (OutputIndex output = 0; output < kOutputs; ++output) {
      for (const auto& reader : readers_[output]) {
        ASSERT_EQ(reader->failure(), "");
        std::size_t seen = 0;
        for (const auto& message : reader->take()) {
          if (message.stream_id == 777) continue;
          ASSERT_LT(seen, expected_[output].size());
          const MessageHeader& meant = expected_[output][seen++];
          ASSERT_EQ(message.time, meant.timestamp & reader->time_mask());
          ASSERT_EQ(message.stream_id, meant.stream_id);
          ASSERT_EQ(message.payload.size(), meant.length);
        }
        ASSERT_EQ(seen, expected_[output].size());
      }
      read_[output] += expected_[output].size();
      expected_[output].clear();
    }
  }

  SeededRandom random_;
  test::ChunkTrain train_;
  ChunkSplice splice_{rtmp::MessageAssembler{}};
  std::array<std::vector<std::unique_ptr<test::ReferenceDecoder>>, kOutputs> readers_;
  std::array<std::vector<MessageHeader>, kOutputs> expected_;
  std::array<std::size_t, kOutputs> read_{};
};

TEST(ChunkSpliceOutputs, ReceiversOfEveryDialectReadWhatWasMeantForThem) {
  for (std::uint64_t seed = 1; seed <= 60 && !HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    Fork fork(seed);
    fork.run(500);
    for (OutputIndex i = 0; i < Fork::kOutputs; ++i) EXPECT_GT(fork.read(i), 10U) << int{i};
  }
}

}  // namespace
}  // namespace weir::relay
