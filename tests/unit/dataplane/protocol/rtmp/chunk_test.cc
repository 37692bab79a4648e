// Chunk headers, writer, decoder and assembler.

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/protocol/rtmp/chunk_decoder.h"
#include "dataplane/protocol/rtmp/chunk_header.h"
#include "dataplane/protocol/rtmp/chunk_writer.h"
#include "dataplane/protocol/rtmp/command.h"
#include "dataplane/protocol/rtmp/message_assembler.h"
#include "tests/support/vectors.h"

namespace weir::rtmp {
namespace {

using test::ByteText;
using Owned = std::vector<std::uint8_t>;

constexpr std::size_t kHandshake = 3073;

struct Read {
  MessageHeader header;
  Owned payload;
  bool operator==(const Read&) const = default;
};

/// All messages of `bytes`, fed in pieces of their own memory.
std::vector<Read> read_all(const Owned& bytes, std::size_t piece, ChunkError* error = nullptr,
                           Dialect dialect = Dialect::kSpecification) {
  MessageAssembler assembler(dialect);
  std::vector<Read> messages;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    const Bytes part = Bytes(bytes).subspan(at, std::min(piece, bytes.size() - at));
    const Owned own(part.begin(), part.end());
    Bytes input(own);
    while (const auto message = assembler.next(input)) {
      messages.push_back({message->header, {message->payload.begin(), message->payload.end()}});
    }
    if (assembler.error() != ChunkError::kNone) break;
  }
  if (error != nullptr) *error = assembler.error();
  return messages;
}

ChunkError error_of(const Owned& bytes) {
  ChunkError error = ChunkError::kNone;
  read_all(bytes, bytes.size(), &error);
  return error;
}

TEST(ChunkHeader, ChunkStreamIdsUseTheirShortestForm) {
  struct Row {
    std::uint32_t id;
    Owned bytes;
  };
  const std::vector<Row> rows{{2, {0xC2}},        {63, {0xFF}},        {64, {0xC0, 0}},
                              {319, {0xC0, 255}}, {320, {0xC1, 0, 1}}, {65599, {0xC1, 255, 255}}};
  for (const auto& row : rows) {
    const auto header = EncodedChunkHeader::continuation(row.id, false, 0);
    EXPECT_EQ(Owned(header.bytes().begin(), header.bytes().end()), row.bytes);
    EXPECT_EQ(chunk_stream_of(row.bytes.data()), row.id);
  }
  const Owned three_byte_form{0xC1, 6, 0};
  EXPECT_EQ(chunk_stream_of(three_byte_form.data()), 70U);
}

TEST(ChunkWriter, WritesTheExampleOfTheSpecification) {
  // RTMP 5.3.2.2: 307 bytes of video on chunk stream 4 become chunks of 128, 128 and 51 bytes.
  Owned out;
  write_message(out, {MessageType::kVideo, 1000, 0, 12346, 4}, Owned(307, 0xAB), 128);
  const Owned expected = ByteText()
                             .bytes({0x04, 0x00, 0x03, 0xE8, 0x00, 0x01, 0x33, 0x09})
                             .bytes({0x3A, 0x30, 0x00, 0x00})
                             .repeat(128, 0xAB)
                             .bytes({0xC4})
                             .repeat(128, 0xAB)
                             .bytes({0xC4})
                             .repeat(51, 0xAB);
  EXPECT_EQ(out, expected);
}

TEST(ChunkWriter, RepeatsTheExtendedTimestamp) {
  Owned out;
  write_message(out, {MessageType::kAudio, 0x01020304, 0, 1, 70}, Owned(130, 1), 128);
  const Owned expected = ByteText()
                             .bytes({0x00, 6, 0xFF, 0xFF, 0xFF, 0, 0, 130, 8, 1, 0, 0, 0})
                             .bytes({1, 2, 3, 4})
                             .repeat(128, 1)
                             .bytes({0xC0, 6, 1, 2, 3, 4})
                             .repeat(2, 1);
  EXPECT_EQ(out, expected);
}

TEST(ChunkDecoder, ReadsWhatTheWriterWritesAtEverySplit) {
  Owned bytes;
  std::vector<Read> meant;
  const auto add = [&](MessageType type, std::uint32_t time, std::uint32_t id, std::size_t size) {
    const MessageHeader header{type, time, static_cast<std::uint32_t>(size), 1, id};
    const Owned payload(size, static_cast<std::uint8_t>(time));
    write_message(bytes, header, payload, 128);
    meant.push_back({header, payload});
  };
  add(MessageType::kVideo, 40, 6, 300);
  add(MessageType::kAudio, 0xFFFFFF, 4, 129);
  add(MessageType::kDataAmf0, 0xFFFFFFFF, 65599, 0);
  add(MessageType::kVideo, 0x80000000, 320, 256);
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    ASSERT_EQ(read_all(bytes, piece), meant) << piece;
  }
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const Owned cut(bytes.begin(), bytes.begin() + static_cast<int>(size));
    ChunkError error = ChunkError::kNone;
    const auto messages = read_all(cut, 7, &error);
    EXPECT_LT(messages.size(), meant.size());
    EXPECT_EQ(error, ChunkError::kNone);
  }
}

TEST(ChunkDecoder, NginxRtmpRepeatsNoExtendedTimestampInAMessageOfTheSameTime) {
  // Its writer adds the field to what it writes itself: a delta of 0 has none, nor have the chunks
  // that continue that message.
  const Owned bytes = ByteText()
                          .bytes({0x04, 0xFF, 0xFF, 0xFF, 0, 0, 130, 8, 1, 0, 0, 0, 1, 2, 3, 4})
                          .repeat(128, 0xA1)
                          .bytes({0xC4, 1, 2, 3, 4})
                          .repeat(2, 0xA1)
                          .bytes({0xC4})
                          .repeat(128, 0xB1)
                          .bytes({0xC4})
                          .repeat(2, 0xB1)
                          .bytes({0x44, 0, 0, 5, 0, 0, 1, 8, 0xCC});
  for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, bytes.size()}) {
    ChunkError error = ChunkError::kNone;
    const auto messages = read_all(bytes, piece, &error, Dialect::kNginxRtmp);
    ASSERT_EQ(messages.size(), 3U) << to_text(error);
    EXPECT_EQ(messages[0].header.timestamp, 0x01020304U);
    EXPECT_EQ(messages[1].header.timestamp, 0x01020304U);
    EXPECT_EQ(messages[1].payload, Owned(130, 0xB1));
    EXPECT_EQ(messages[2].header.timestamp, 0x01020309U);
  }
}

TEST(ChunkDecoder, TimesCrossTheBordersOf24And31And32Bits) {
  struct Row {
    std::uint32_t time;
    int delta;
  };
  for (const Row& row : {Row{0xFFFFFE, 1}, {0xFFFFFE, 2}, {0x7FFFFFFF, 1}, {0xFFFFFFFF, 1}}) {
    Owned bytes;
    write_message(bytes, {MessageType::kAudio, row.time, 0, 1, 4}, Owned(200, 7), 128);
    const Owned next = ByteText().bytes({0x84, 0, 0, row.delta}).repeat(128, 8);
    bytes.insert(bytes.end(), next.begin(), next.end());
    const Owned rest = ByteText().bytes({0xC4}).repeat(72, 8);
    bytes.insert(bytes.end(), rest.begin(), rest.end());
    const auto messages = read_all(bytes, 5);
    ASSERT_EQ(messages.size(), 2U);
    EXPECT_EQ(messages[0].header.timestamp, row.time);
    EXPECT_EQ(messages[1].header.timestamp, row.time + static_cast<std::uint32_t>(row.delta));
  }
}

TEST(ChunkDecoder, AChunkOfAMebibyteIsOneChunk) {
  Owned bytes;
  write_message(bytes, set_chunk_size(kChunkSizeMax), 128);
  write_message(bytes, {MessageType::kVideo, 1, 0, 1, 6}, Owned(kChunkSizeMax, 7), kChunkSizeMax);
  EXPECT_EQ(bytes.size(), 16 + 12 + kChunkSizeMax);
  ChunkDecoder decoder;
  Bytes input(bytes);
  std::size_t chunks = 0;
  for (ChunkEvent event = decoder.next(input); event.kind != ChunkEvent::Kind::kNeedMore;
       event = decoder.next(input)) {
    ASSERT_NE(event.kind, ChunkEvent::Kind::kError);
    if (event.ends_chunk) ++chunks;
  }
  EXPECT_EQ(chunks, 2U);
  EXPECT_EQ(decoder.partial_messages(), 0U);
  EXPECT_EQ(decoder.chunk_left(), 0U);
  EXPECT_FALSE(decoder.in_header());
}

TEST(ChunkDecoder, TheDialectsDifferInFormat3BehindFormat0) {
  const Owned bytes = ByteText()
                          .bytes({0x04, 0, 0, 40, 0, 0, 1, 8, 1, 0, 0, 0, 0xAA})
                          .bytes({0xC4, 0xBB})
                          .bytes({0x84, 0, 0, 10, 0xCC})
                          .bytes({0xC4, 0xDD});
  const auto times = [&](Dialect dialect) {
    std::vector<std::uint32_t> all;
    for (const auto& m : read_all(bytes, 3, nullptr, dialect)) all.push_back(m.header.timestamp);
    return all;
  };
  EXPECT_EQ(times(Dialect::kSpecification), (std::vector<std::uint32_t>{40, 80, 90, 100}));
  EXPECT_EQ(times(Dialect::kNginxRtmp), (std::vector<std::uint32_t>{40, 40, 50, 50}));
}

TEST(ChunkDecoder, ContinuationsMayOmitTheExtendedTimestamp) {
  // The payload behind the border begins like the timestamp 01 00 00 07 and differs in its last
  // byte.
  for (const bool repeats : {true, false}) {
    ByteText text;
    text.bytes({0x04, 0xFF, 0xFF, 0xFF, 0, 0, 132, 9, 1, 0, 0, 0, 1, 0, 0, 7}).repeat(128, 5);
    text.bytes({0xC4});
    if (repeats) text.bytes({1, 0, 0, 7});
    text.bytes({1, 0, 0, 8});
    // And a message whose last chunk is shorter than an extended timestamp.
    text.bytes({0x05, 0xFF, 0xFF, 0xFF, 0, 0, 129, 9, 1, 0, 0, 0, 1, 0, 0, 7}).repeat(128, 5);
    text.bytes({0xC5});
    if (repeats) text.bytes({1, 0, 0, 7});
    text.bytes({1}).bytes({0x06, 0, 0, 0, 0, 0, 1, 8, 0, 0, 0, 0, 0x77});
    for (std::size_t piece = 1; piece <= text.get().size(); ++piece) {
      const auto messages = read_all(text, piece);
      ASSERT_EQ(messages.size(), 3U) << repeats << ' ' << piece;
      EXPECT_EQ(messages[0].payload[131], 8);
      EXPECT_EQ(messages[1].payload.size(), 129U);
      EXPECT_EQ(messages[1].payload[128], 1);
      EXPECT_EQ(messages[2].payload, Owned{0x77});
    }
  }
}

TEST(ChunkDecoder, SetChunkSizeTakesEffectInsideAMessage) {
  const Owned bytes = ByteText()
                          .bytes({0x04, 0, 0, 0, 0, 1, 44, 9, 1, 0, 0, 0})
                          .repeat(128, 1)
                          .bytes({0x02, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 1, 0})
                          .bytes({0xC4})
                          .repeat(172, 1);
  const auto messages = read_all(bytes, 11);
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[0].header.type, MessageType::kSetChunkSize);
  EXPECT_EQ(messages[1].payload, Owned(300, 1));
}

TEST(ChunkDecoder, AbortDiscardsThePartialMessage) {
  const Owned bytes = ByteText()
                          .bytes({0x04, 0, 0, 0, 0, 1, 44, 9, 1, 0, 0, 0})
                          .repeat(128, 1)
                          .bytes({0x02, 0, 0, 0, 0, 0, 4, 2, 0, 0, 0, 0, 0, 0, 0, 4})
                          .bytes({0x04, 0, 0, 9, 0, 0, 1, 9, 1, 0, 0, 0, 0x42});
  const auto messages = read_all(bytes, 5);
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[1].payload, Owned{0x42});
}

TEST(ChunkDecoder, KeysStateByNumberNotByForm) {
  const Owned bytes = ByteText()
                          .bytes({0x00, 6, 0, 0, 9, 0, 0, 1, 8, 1, 0, 0, 0, 0xAA})
                          .bytes({0x81, 6, 0, 0, 0, 5, 0xBB});
  const auto messages = read_all(bytes, 100);
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[1].header, (MessageHeader{MessageType::kAudio, 14, 1, 1, 70}));
}

TEST(ChunkDecoder, AFreshChunkStreamMayBeginWithFormat1) {
  const Owned bytes = ByteText().bytes({0x42, 0, 0, 7, 0, 0, 6, 4, 0, 6, 0, 0, 0, 1});
  const auto messages = read_all(bytes, 4);
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(messages[0].header, (MessageHeader{MessageType::kUserControl, 7, 6, 0, 2}));
  EXPECT_EQ(error_of(ByteText().bytes({0x82, 0, 0, 7})), ChunkError::kFirstHeader);
  EXPECT_EQ(error_of(ByteText().bytes({0xC2})), ChunkError::kFirstHeader);
}

TEST(ChunkDecoder, ChunkSizesOutsideTheLimitsEndTheConnection) {
  const auto with_size = [](std::uint32_t size) {
    Owned out;
    ControlMessage message = set_chunk_size(128);
    for (int i = 0; i < 4; ++i) {
      message.bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(size >> (24 - 8 * i));
    }
    write_message(out, message, 128);
    return out;
  };
  EXPECT_EQ(error_of(with_size(128)), ChunkError::kNone);
  EXPECT_EQ(error_of(with_size(kChunkSizeMax)), ChunkError::kNone);
  EXPECT_EQ(error_of(with_size(127)), ChunkError::kChunkSize);
  EXPECT_EQ(error_of(with_size(0)), ChunkError::kChunkSize);
  EXPECT_EQ(error_of(with_size(kChunkSizeMax + 1)), ChunkError::kChunkSize);
  EXPECT_EQ(error_of(with_size(0x80000080)), ChunkError::kChunkSize);
}

TEST(ChunkDecoder, MessageLengthsAreBoundedByType) {
  const auto announce = [](std::uint32_t length, int type) {
    return error_of(ByteText().bytes({0x04, 0, 0, 0, static_cast<int>(length >> 16),
                                      static_cast<int>(length >> 8 & 0xFF),
                                      static_cast<int>(length & 0xFF), type, 1, 0, 0, 0}));
  };
  EXPECT_EQ(announce(kMediaBytesMax, 9), ChunkError::kNone);
  EXPECT_EQ(announce(kMediaBytesMax + 1, 9), ChunkError::kMessageTooLong);
  EXPECT_EQ(announce(kCommandBytesMax, 20), ChunkError::kNone);
  EXPECT_EQ(announce(kCommandBytesMax + 1, 20), ChunkError::kMessageTooLong);
  EXPECT_EQ(announce(kControlBytesMax + 1, 4), ChunkError::kMessageTooLong);
}

TEST(ChunkDecoder, ChunkStreamsAndPartialMessagesAreBounded) {
  Owned streams;
  for (std::uint32_t id = 3; id < 3 + kChunkStreamsMax; ++id) {
    write_message(streams, {MessageType::kAudio, 0, 0, 1, id}, Owned(1, 0), 128);
  }
  EXPECT_EQ(error_of(streams), ChunkError::kNone);
  write_message(streams, {MessageType::kAudio, 0, 0, 1, 300}, Owned(1, 0), 128);
  EXPECT_EQ(error_of(streams), ChunkError::kTooManyStreams);

  ByteText partial;
  for (int id = 3; id < 3 + static_cast<int>(kPartialMessagesMax); ++id) {
    partial.bytes({id, 0, 0, 0, 0, 0, 200, 8, 1, 0, 0, 0}).repeat(128, 0);
  }
  EXPECT_EQ(error_of(partial), ChunkError::kNone);
  partial.bytes({30, 0, 0, 0, 0, 0, 200, 8, 1, 0, 0, 0}).repeat(128, 0);
  EXPECT_EQ(error_of(partial), ChunkError::kTooManyPartial);
}

TEST(ChunkDecoder, AHeaderInsideAMessageEndsTheConnection) {
  EXPECT_EQ(error_of(ByteText()
                         .bytes({4, 0, 0, 0, 0, 0, 200, 8, 1, 0, 0, 0})
                         .repeat(128, 0)
                         .bytes({4, 0, 0, 0, 0, 0, 200, 8, 1, 0, 0, 0})),
            ChunkError::kHeaderInMessage);
}

TEST(MessageAssembler, UnfinishedMessagesAreBoundedInAll) {
  MessageAssembler assembler;
  const Owned header = ByteText().bytes({4, 0, 0, 0, 0x90, 0, 0, 9, 1, 0, 0, 0});
  Bytes input(header);
  EXPECT_FALSE(assembler.next(input));
  const Owned chunk = ByteText().repeat(128, 0).bytes({0xC4});
  for (std::size_t bytes = 0; bytes + 128 <= kCollectedBytesMax; bytes += 128) {
    input = chunk;
    ASSERT_FALSE(assembler.next(input));
    ASSERT_EQ(assembler.error(), ChunkError::kNone);
  }
  input = chunk;
  EXPECT_FALSE(assembler.next(input));
  EXPECT_EQ(assembler.error(), ChunkError::kCollectedTooLong);
}

std::vector<std::string> commands_of(const std::vector<Read>& messages) {
  std::vector<std::string> names;
  for (const auto& message : messages) {
    if (const auto command = parse_command({message.header, message.payload})) {
      names.emplace_back(command->name);
    }
  }
  return names;
}

TEST(MessageAssembler, ReadsCapturedFfmpegPublishing) {
  const Owned all = test::read_vector("rtmp/ffmpeg_publish_to_nginx_rtmp.bin");
  ASSERT_GT(all.size(), kHandshake);
  const Owned bytes(all.begin() + kHandshake, all.end());
  ChunkError error = ChunkError::kNone;
  const auto messages = read_all(bytes, bytes.size(), &error);
  EXPECT_EQ(error, ChunkError::kNone);
  const auto names = commands_of(messages);
  ASSERT_GE(names.size(), 5U);
  EXPECT_EQ(names[0], "connect");
  EXPECT_TRUE(std::count(names.begin(), names.end(), "publish") == 1);
  EXPECT_EQ(names.back(), "deleteStream");

  std::size_t sequence_headers = 0, key_frames = 0, audio = 0;
  std::uint32_t last_video = 0;
  for (const auto& message : messages) {
    const MediaKind kind = media_kind(message.header.type, message.payload);
    sequence_headers += kind.sequence_header;
    key_frames += kind.key_frame;
    audio += message.header.type == MessageType::kAudio;
    if (message.header.type != MessageType::kVideo) continue;
    EXPECT_GE(message.header.timestamp, last_video);
    EXPECT_LT(message.header.timestamp, 6000U);
    last_video = message.header.timestamp;
  }
  EXPECT_EQ(sequence_headers, 2U);  // AVC and AAC
  EXPECT_EQ(key_frames, 5U);        // one each second
  EXPECT_GT(audio, 30U);
  EXPECT_EQ(read_all(bytes, 1), messages);
}

TEST(MessageAssembler, ReadsCapturedNginxRtmpPlaying) {
  const Owned all = test::read_vector("rtmp/nginx_rtmp_to_ffmpeg_play.bin");
  ASSERT_GT(all.size(), kHandshake);
  const Owned bytes(all.begin() + kHandshake, all.end());
  ChunkError error = ChunkError::kNone;
  const auto messages = read_all(bytes, bytes.size(), &error, Dialect::kNginxRtmp);
  EXPECT_EQ(error, ChunkError::kNone);
  EXPECT_EQ(read_all(bytes, 1, nullptr, Dialect::kNginxRtmp), messages);
  std::size_t statuses = 0, video = 0;
  for (const auto& message : messages) {
    video += message.header.type == MessageType::kVideo;
    const auto command = parse_command({message.header, message.payload});
    if (!command || command->name != "onStatus") continue;
    ++statuses;
    EXPECT_EQ(status_info(*command)->level, "status");
  }
  EXPECT_GE(statuses, 1U);
  EXPECT_GT(video, 10U);
}

}  // namespace
}  // namespace weir::rtmp
