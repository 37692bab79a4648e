#include "dataplane/protocol/rtmp/command.h"

#include <vector>

#include <gtest/gtest.h>

#include "dataplane/protocol/amf/writer.h"
#include "dataplane/protocol/rtmp/message.h"
#include "tests/support/vectors.h"

namespace weir::rtmp {
namespace {

using test::ByteText;

Message message_of(const Payload& payload, MessageType type = MessageType::kCommandAmf0) {
  return {{type, 0, static_cast<std::uint32_t>(payload.size()), 0, 3}, payload};
}

TEST(Command, IsReadWithItsArgumentsKeptRaw) {
  Payload payload;
  amf::Writer(payload).string("publish").number(5).null().string("cam?token=x").string("live");
  const auto command = parse_command(message_of(payload));
  ASSERT_TRUE(command);
  EXPECT_EQ(command->name, "publish");
  EXPECT_EQ(command->transaction, 5);
  EXPECT_EQ(command->argument(0)->type, amf::Type::kNull);
  EXPECT_EQ(command->string_argument(1), "cam?token=x");
  EXPECT_EQ(command->string_argument(2), "live");
  EXPECT_EQ(command->string_argument(3), "");
}

TEST(Command, OfType17SkipsItsFormatByte) {
  Payload payload{0};
  amf::Writer(payload).string("play").number(4).null().string("cam");
  const auto command = parse_command(message_of(payload, MessageType::kCommandAmf3));
  ASSERT_TRUE(command);
  EXPECT_EQ(command->string_argument(1), "cam");
}

TEST(Command, WithoutAUsableNameIsNone) {
  Payload number;
  amf::Writer(number).number(1);
  EXPECT_FALSE(parse_command(message_of(number)));
  EXPECT_FALSE(parse_command(message_of({})));
  Payload named;
  amf::Writer(named).string("x");
  EXPECT_TRUE(parse_command(message_of(named)));
  EXPECT_FALSE(parse_command(message_of(named, MessageType::kVideo)));
  named.push_back(0x00);  // a transaction that is cut short
  EXPECT_FALSE(parse_command(message_of(named)));
}

TEST(Command, BuildersAreReadBack) {
  const Payload result = create_stream_result(4, 1);
  const auto created = parse_command(message_of(result));
  EXPECT_EQ(created->name, "_result");
  EXPECT_EQ(created->argument(1)->number, 1);

  const Payload refused = on_status("error", status::kPublishBadName, "Stream is busy");
  const auto info = status_info(*parse_command(message_of(refused)));
  ASSERT_TRUE(info);
  EXPECT_TRUE(info->is_error());
  EXPECT_EQ(info->code, "NetStream.Publish.BadName");
  EXPECT_EQ(info->description, "Stream is busy");

  Payload extra;
  amf::Writer(extra).property("capsEx", 1.0);
  const Payload connected = connect_result(1, {.extra_properties = extra});
  const auto answer = parse_command(message_of(connected));
  EXPECT_EQ(amf::number_property(*answer->argument(0), "capsEx"), 1.0);
  EXPECT_EQ(amf::number_property(*answer->argument(1), "capsEx"), 1.0);
  EXPECT_EQ(amf::number_property(*answer->argument(1), "objectEncoding"), 0.0);
  EXPECT_EQ(status_info(*answer)->code, status::kConnectSuccess);

  const Payload reconnect = reconnect_request("rtmp://b/live", "drain");
  const auto request = parse_command(message_of(reconnect));
  EXPECT_EQ(amf::string_property(*request->argument(1), "tcUrl"), "rtmp://b/live");
}

TEST(Command, ConnectKeepsTheClientsObjectByteForByte) {
  Payload object;
  amf::Writer(object).begin_object().property("app", "live").property("capsEx", 3.0).end_object();
  const Payload payload = connect_command(1, object);
  const auto command = parse_command(message_of(payload));
  const auto raw = command->argument(0)->raw;
  EXPECT_EQ(Payload(raw.begin(), raw.end()), object);
}

TEST(ControlMessage, BytesAreThoseOfTheSpecification) {
  const auto bytes = [](const ControlMessage& m) {
    return Payload(m.payload().begin(), m.payload().end());
  };
  EXPECT_EQ(bytes(set_chunk_size(4096)), (Payload{0, 0, 0x10, 0}));
  EXPECT_EQ(bytes(set_peer_bandwidth(2500000, PeerBandwidthLimit::kDynamic)),
            (Payload{0, 0x26, 0x25, 0xA0, 2}));
  EXPECT_EQ(bytes(user_control({UserEvent::kStreamBegin, 1})), (Payload{0, 0, 0, 0, 0, 1}));
  EXPECT_EQ(bytes(user_control({UserEvent::kSetBufferLength, 1, 3000})),
            (Payload{0, 3, 0, 0, 0, 1, 0, 0, 0x0B, 0xB8}));
  EXPECT_EQ(acknowledgement(1).header.chunk_stream, 2U);
  EXPECT_EQ(acknowledgement(1).header.stream_id, 0U);
}

TEST(UserControl, ShortEventsAreRefusedAndUnknownOnesKept) {
  EXPECT_FALSE(parse_user_control(Payload{0, 6, 0, 0}));
  EXPECT_FALSE(parse_user_control(Payload{0, 3, 0, 0, 0, 1, 0, 0}));
  EXPECT_FALSE(parse_user_control(Payload{0}));
  const auto unknown = parse_user_control(Payload{0, 26, 1});  // SRS and Flash send such
  ASSERT_TRUE(unknown);
  EXPECT_FALSE(unknown->names_stream());
  EXPECT_EQ(parse_user_control(Payload{0, 7, 0, 0, 0, 9})->value, 9U);
}

TEST(MediaKind, TellsKeyFramesAndSequenceHeaders) {
  const auto video = [](const std::vector<std::uint8_t>& bytes) {
    return media_kind(MessageType::kVideo, bytes);
  };
  EXPECT_TRUE(video({0x17, 0}).sequence_header);
  EXPECT_FALSE(video({0x17, 0}).key_frame);
  EXPECT_TRUE(video({0x17, 1}).key_frame);
  EXPECT_FALSE(video({0x27, 1}).key_frame);
  EXPECT_TRUE(video({0x1C, 0}).sequence_header);                         // HEVC as codec id 12
  EXPECT_TRUE(video({0x90, 'h', 'v', 'c', '1'}).sequence_header);        // E-RTMP
  EXPECT_TRUE(video({0x91, 'a', 'v', '0', '1'}).key_frame);              // coded frames
  EXPECT_TRUE(video({0x93, 'h', 'v', 'c', '1'}).key_frame);              // without composition time
  EXPECT_FALSE(video({0xA1, 'a', 'v', '0', '1'}).key_frame);             // inter frame
  EXPECT_FALSE(video({0x94, 'h', 'v', 'c', '1'}).key_frame);             // metadata
  EXPECT_TRUE(video({0x96, 0x00, 'a', 'v', 'c', '1'}).sequence_header);  // multitrack
  EXPECT_TRUE(video({0x97, 2, 0, 0, 0, 0x01, 'a', 'v'}).key_frame);      // ModEx nanosecond offset
  EXPECT_FALSE(video({}).key_frame);
  EXPECT_TRUE(media_kind(MessageType::kAudio, std::vector<std::uint8_t>{0xAF, 0}).sequence_header);
  EXPECT_FALSE(media_kind(MessageType::kAudio, std::vector<std::uint8_t>{0xAF, 1}).sequence_header);
  EXPECT_TRUE(
      media_kind(MessageType::kAudio, std::vector<std::uint8_t>{0x90, 'O'}).sequence_header);
}

}  // namespace
}  // namespace weir::rtmp
