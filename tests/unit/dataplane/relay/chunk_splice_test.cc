#include "dataplane/relay/chunk_splice.h"

#include <algorithm>
#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/protocol/rtmp/chunk_writer.h"
#include "tests/support/reference_decoder.h"
#include "tests/support/vectors.h"

namespace weir::relay {
namespace {

using rtmp::Bytes;
using rtmp::MessageHeader;
using rtmp::MessageType;
using test::ByteText;
using Owned = std::vector<std::uint8_t>;

constexpr std::size_t kHandshake = 3073;

class RecordingHandler final : public SpliceHandler {
 public:
  void send_view(OutputIndex, Bytes bytes) override {
    ++views;
    out.insert(out.end(), bytes.begin(), bytes.end());
  }
  void send_copy(OutputIndex, Bytes bytes) override {
    ++copies;
    out.insert(out.end(), bytes.begin(), bytes.end());
  }
  SpliceChoice on_message(const MessageHeader& header) override {
    const auto found = actions.find(header.type);
    return found == actions.end() ? SpliceAction::kPass : found->second;
  }
  void on_collected(const rtmp::Message& message) override {
    collected.emplace_back(message.payload.begin(), message.payload.end());
  }
  void on_passed(OutputIndex, const MessageHeader& header, Bytes) override {
    passed.push_back(header);
  }

  std::map<MessageType, SpliceAction> actions;
  Owned out;
  std::vector<Owned> collected;
  std::vector<MessageHeader> passed;
  int views = 0;
  int copies = 0;
};

ChunkSplice fresh(const SpliceOutput& output = {},
                  rtmp::Dialect dialect = rtmp::Dialect::kSpecification) {
  return ChunkSplice(rtmp::MessageAssembler(dialect), output);
}

Owned message(MessageType type, std::uint32_t time, std::uint32_t id, std::size_t size,
              std::uint32_t stream_id = 1) {
  Owned out;
  rtmp::write_message(out, {type, time, 0, stream_id, id}, Owned(size, 0x11), 128);
  return out;
}

std::vector<test::ReferenceMessage> specification_reads(const Owned& bytes) {
  auto reader = test::make_specification_decoder();
  reader->feed(bytes);
  EXPECT_EQ(reader->failure(), "");
  return reader->take();
}

TEST(ChunkSplice, UntouchedChunksLeaveAsOneView) {
  Owned bytes;
  for (std::uint32_t i = 0; i < 20; ++i) {
    const auto next =
        message(i % 2 ? MessageType::kVideo : MessageType::kAudio, 40 * i, 4 + i % 2, 500);
    bytes.insert(bytes.end(), next.begin(), next.end());
  }
  ChunkSplice splice = fresh();
  RecordingHandler handler;
  ASSERT_TRUE(splice.feed(bytes, handler));
  EXPECT_EQ(handler.views, 1);
  EXPECT_EQ(handler.copies, 0);
  EXPECT_EQ(handler.out, bytes);
  EXPECT_EQ(handler.passed.size(), 20U);
  EXPECT_EQ(splice.counters().media_bytes, 20U * 500);
  EXPECT_EQ(splice.counters().rewritten, 0U);
}

TEST(ChunkSplice, CapturedFfmpegMediaPassVerbatimFromPublishOn) {
  const Owned all = test::read_vector("rtmp/ffmpeg_publish_to_nginx_rtmp.bin");
  ASSERT_GT(all.size(), kHandshake);
  rtmp::MessageAssembler assembler;
  Bytes input = Bytes(all).subspan(kHandshake);
  for (bool published = false; !published;) {
    const auto next = assembler.next(input);
    ASSERT_TRUE(next);
    const std::string_view text(reinterpret_cast<const char*>(next->payload.data()),
                                next->payload.size());
    published = text.find("publish") != std::string_view::npos &&
                text.find("Publish") == std::string_view::npos;
  }
  const std::uint32_t chunk_size = assembler.chunk_size();
  ChunkSplice splice(std::move(assembler), {.chunk_size = chunk_size});
  RecordingHandler handler;
  handler.actions[MessageType::kCommandAmf0] = SpliceAction::kCollect;
  handler.actions[MessageType::kAcknowledgement] = SpliceAction::kDrop;
  ASSERT_TRUE(splice.feed(input, handler));
  EXPECT_LE(splice.counters().rewritten, 2U);
  EXPECT_FALSE(handler.collected.empty());  // FCUnpublish, deleteStream
  EXPECT_GT(splice.counters().media_messages, 50U);
  EXPECT_TRUE(splice.between_messages());
}

TEST(ChunkSplice, AfterADroppedMessageTheNextCarriesItsAbsoluteTime) {
  // fmt0 t=10, dropped fmt1 +5, fmt2 +7 of the dropped length.
  const Owned bytes = ByteText()
                          .bytes({0x04, 0, 0, 10, 0, 0, 1, 9, 1, 0, 0, 0, 0xAA})
                          .bytes({0x44, 0, 0, 5, 0, 0, 2, 18, 0xBB, 0xBB})
                          .bytes({0x44, 0, 0, 7, 0, 0, 1, 9, 0xCC})
                          .bytes({0xC4, 0xDD});
  ChunkSplice splice = fresh();
  RecordingHandler handler;
  handler.actions[MessageType::kDataAmf0] = SpliceAction::kDrop;
  ASSERT_TRUE(splice.feed(bytes, handler));
  const Owned expected = ByteText()
                             .bytes({0x04, 0, 0, 10, 0, 0, 1, 9, 1, 0, 0, 0, 0xAA})
                             .bytes({0x04, 0, 0, 22, 0, 0, 1, 9, 1, 0, 0, 0, 0xCC})
                             .bytes({0x84, 0, 0, 7, 0xDD});
  EXPECT_EQ(handler.out, expected);
}

TEST(ChunkSplice, Format3BehindFormat0BecomesFormat2ThenIsCleanAgain) {
  const Owned bytes = ByteText()
                          .bytes({0x04, 0, 0, 40, 0, 0, 1, 9, 1, 0, 0, 0, 0xAA})
                          .bytes({0xC4, 0xBB})
                          .bytes({0xC4, 0xCC});
  ChunkSplice splice = fresh();
  RecordingHandler handler;
  ASSERT_TRUE(splice.feed(bytes, handler));
  const Owned expected = ByteText()
                             .bytes({0x04, 0, 0, 40, 0, 0, 1, 9, 1, 0, 0, 0, 0xAA})
                             .bytes({0x84, 0, 0, 40, 0xBB})
                             .bytes({0xC4, 0xCC});
  EXPECT_EQ(handler.out, expected);
}

TEST(ChunkSplice, NginxRtmpFormat3MeansTheSameTime) {
  const Owned bytes = ByteText()
                          .bytes({0x04, 0, 0, 40, 0, 0, 1, 8, 1, 0, 0, 0, 0xAA})
                          .bytes({0x84, 0, 0, 20, 0xBB})
                          .bytes({0xC4, 0xCC});
  ChunkSplice splice = fresh({}, rtmp::Dialect::kNginxRtmp);
  RecordingHandler handler;
  ASSERT_TRUE(splice.feed(bytes, handler));
  const auto read = specification_reads(handler.out);
  ASSERT_EQ(read.size(), 3U);
  EXPECT_EQ(read[1].time, 60U);
  EXPECT_EQ(read[2].time, 60U);
}

TEST(ChunkSplice, TranslatesStreamIdAndTimeInFormat0Only) {
  const Owned bytes = ByteText()
                          .bytes({0x04, 0, 0, 10, 0, 0, 1, 9, 1, 0, 0, 0, 0xAA})
                          .bytes({0x44, 0, 0, 5, 0, 0, 1, 9, 0xBB});
  ChunkSplice splice = fresh({.stream_id_to = 7, .time_offset = 1000});
  RecordingHandler handler;
  ASSERT_TRUE(splice.feed(bytes, handler));
  const Owned expected = ByteText()
                             .bytes({0x04, 0, 3, 0xF2, 0, 0, 1, 9, 7, 0, 0, 0, 0xAA})
                             .bytes({0x44, 0, 0, 5, 0, 0, 1, 9, 0xBB});
  EXPECT_EQ(handler.out, expected);
  EXPECT_EQ(handler.passed[0].stream_id, 1U);
}

TEST(ChunkSplice, ALegJoinedAfterFourHoursGetsExtendedTimestampsInEveryChunk) {
  const std::uint32_t late = 0x01000000;
  const Owned before = message(MessageType::kVideo, late, 6, 10);
  const Owned after =
      ByteText().bytes({0x46, 0, 0, 40, 0, 0, 200, 9}).repeat(128, 1).bytes({0xC6}).repeat(72, 1);
  ChunkSplice splice = fresh();
  RecordingHandler old_leg, new_leg;
  ASSERT_TRUE(splice.feed(before, old_leg));
  splice.set_output({});
  ASSERT_TRUE(splice.feed(after, new_leg));
  const Owned expected = ByteText()
                             .bytes({0x06, 0xFF, 0xFF, 0xFF, 0, 0, 200, 9, 1, 0, 0, 0, 1, 0, 0, 40})
                             .repeat(128, 1)
                             .bytes({0xC6, 1, 0, 0, 40})
                             .repeat(72, 1);
  EXPECT_EQ(new_leg.out, expected);
}

TEST(ChunkSplice, ASmallTimeInTheExtendedFieldIsWrittenPlainly) {
  for (const bool repeats : {false, true}) {
    Owned bytes{0x04, 0xFF, 0xFF, 0xFF, 0, 0, 200, 9, 1, 0, 0, 0, 0, 0, 0, 0x10};
    bytes.insert(bytes.end(), 128, 0x11);
    bytes.push_back(0xC4);
    if (repeats) bytes.insert(bytes.end(), {0, 0, 0, 0x10});
    bytes.insert(bytes.end(), 72, 0x11);
    const Owned last = message(MessageType::kVideo, 50, 4, 10);
    bytes.insert(bytes.end(), last.begin(), last.end());
    ChunkSplice splice = fresh();
    RecordingHandler handler;
    ASSERT_TRUE(splice.feed(bytes, handler));
    const auto read = specification_reads(handler.out);
    ASSERT_EQ(read.size(), 2U) << repeats;
    EXPECT_EQ(read[0].time, 0x10U);
    EXPECT_EQ(read[0].payload, Owned(200, 0x11));
    EXPECT_EQ(read[1].time, 50U);
  }
}

TEST(ChunkSplice, AMessageHalfSentToTheOldLegIsNotContinuedOnTheNewOne) {
  const Owned bytes = message(MessageType::kVideo, 0, 6, 300);
  ChunkSplice splice = fresh();
  RecordingHandler old_leg, new_leg;
  ASSERT_TRUE(splice.feed(Bytes(bytes).first(100), old_leg));
  EXPECT_FALSE(splice.between_messages());
  EXPECT_FALSE(splice.between_chunks());
  splice.set_output({});
  EXPECT_TRUE(splice.between_messages());
  ASSERT_TRUE(splice.feed(Bytes(bytes).subspan(100), new_leg));
  EXPECT_TRUE(new_leg.out.empty());
  const Owned next = message(MessageType::kVideo, 40, 6, 10);
  ASSERT_TRUE(splice.feed(next, new_leg));
  EXPECT_EQ(new_leg.out, next);
}

TEST(ChunkSplice, MirrorsTheChunkSizeOfTheSourceBeforeTheFirstRelayedByte) {
  rtmp::MessageAssembler assembler;
  Owned size_message;
  rtmp::write_message(size_message, rtmp::set_chunk_size(4096), 128);
  Bytes input(size_message);
  ASSERT_TRUE(assembler.next(input));
  ChunkSplice splice(std::move(assembler), {});
  RecordingHandler handler;
  Owned media;
  rtmp::write_message(media, {MessageType::kVideo, 0, 0, 1, 6}, Owned(3000, 5), 4096);
  ASSERT_TRUE(splice.feed(media, handler));
  Owned expected = size_message;
  expected.insert(expected.end(), media.begin(), media.end());
  EXPECT_EQ(handler.out, expected);
  EXPECT_EQ(splice.output().chunk_size, 4096U);
}

TEST(ChunkSplice, InsertionsWaitForTheEndOfTheChunkAndAreBounded) {
  const Owned bytes = message(MessageType::kVideo, 0, 6, 300);
  ChunkSplice splice = fresh();
  RecordingHandler handler;
  ASSERT_TRUE(splice.feed(Bytes(bytes).first(50), handler));
  const MessageHeader own{MessageType::kDataAmf0, 0, 0, 1, rtmp::kPrivateChunkStream};
  EXPECT_TRUE(splice.insert(own, Owned(3, 9), handler));
  EXPECT_EQ(handler.out.size(), 50U);
  EXPECT_FALSE(splice.insert(own, Owned(kPendingInsertBytesMax, 9), handler));
  ASSERT_TRUE(splice.feed(Bytes(bytes).subspan(50), handler));
  const auto read = specification_reads(handler.out);
  ASSERT_EQ(read.size(), 2U);
  EXPECT_EQ(read[0].payload, Owned(3, 9));  // whole before the video message ends
  EXPECT_EQ(read[1].payload.size(), 300U);
}

TEST(ChunkSplice, AnInsertionOnAChunkStreamInUseWaitsForItsMessage) {
  const Owned bytes = message(MessageType::kVideo, 0, 6, 300);
  ChunkSplice splice = fresh();
  RecordingHandler handler;
  ASSERT_TRUE(splice.feed(Bytes(bytes).first(12 + 128), handler));
  EXPECT_TRUE(splice.between_chunks());
  EXPECT_TRUE(splice.insert({MessageType::kDataAmf0, 0, 0, 1, 6}, Owned(3, 9), handler));
  ASSERT_TRUE(splice.feed(Bytes(bytes).subspan(12 + 128), handler));
  const auto read = specification_reads(handler.out);
  ASSERT_EQ(read.size(), 2U);
  EXPECT_EQ(read[0].payload.size(), 300U);
  EXPECT_EQ(read[1].payload, Owned(3, 9));
}

TEST(ChunkSplice, MessagesBegunBeforeTheSpliceAreDeliveredWhole) {
  const Owned bytes = message(MessageType::kVideo, 77, 6, 300);
  rtmp::MessageAssembler assembler;
  Bytes first = Bytes(bytes).first(200);
  ASSERT_FALSE(assembler.next(first));
  ChunkSplice splice(std::move(assembler), {});
  RecordingHandler handler;
  ASSERT_TRUE(splice.feed(Bytes(bytes).subspan(200), handler));
  EXPECT_EQ(handler.out, bytes);
  EXPECT_EQ(handler.passed.size(), 1U);
}

TEST(ChunkSplice, CollectsAcrossInputsAndRelaysNothingOfIt) {
  const Owned bytes = message(MessageType::kCommandAmf0, 0, 3, 300, 0);
  ChunkSplice splice = fresh();
  RecordingHandler handler;
  handler.actions[MessageType::kCommandAmf0] = SpliceAction::kCollect;
  for (const std::uint8_t byte : bytes) ASSERT_TRUE(splice.feed(Bytes(&byte, 1), handler));
  ASSERT_EQ(handler.collected.size(), 1U);
  EXPECT_EQ(handler.collected[0], Owned(300, 0x11));
  EXPECT_TRUE(handler.out.empty());
}

TEST(ChunkSplice, AnAbortedMessageIsAbortedForTheReceiverToo) {
  const Owned bytes = ByteText()
                          .bytes({0x04, 0, 0, 0, 0, 1, 44, 9, 1, 0, 0, 0})
                          .repeat(128, 1)
                          .bytes({0x02, 0, 0, 0, 0, 0, 4, 2, 0, 0, 0, 0, 0, 0, 0, 4})
                          .bytes({0x44, 0, 0, 9, 0, 0, 1, 9, 0x42});
  ChunkSplice splice = fresh();
  RecordingHandler handler;
  ASSERT_TRUE(splice.feed(bytes, handler));
  const auto read = specification_reads(handler.out);
  ASSERT_EQ(read.size(), 1U);
  EXPECT_EQ(read[0].time, 9U);
  EXPECT_EQ(read[0].payload, Owned{0x42});
  EXPECT_TRUE(splice.between_messages());
}

TEST(ChunkSplice, AnErrorEndsTheDirectionAfterWhatWasGood) {
  Owned bytes = message(MessageType::kVideo, 0, 6, 10);
  const Owned good = bytes;
  rtmp::write_message(bytes, rtmp::set_chunk_size(1), 128);
  ChunkSplice splice = fresh();
  RecordingHandler handler;
  EXPECT_FALSE(splice.feed(bytes, handler));
  EXPECT_EQ(handler.out, good);
  EXPECT_EQ(splice.error(), rtmp::ChunkError::kChunkSize);
  EXPECT_FALSE(splice.feed(good, handler));
}

}  // namespace
}  // namespace weir::relay
