#include "tests/support/relay_harness.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/base/contract.h"
#include "dataplane/protocol/rtmp/chunk_writer.h"

namespace weir::test {

using relay::Leg;
using rtmp::MessageType;

// --- ScriptedEnd ---

void ScriptedEnd::send(const rtmp::MessageHeader& header, rtmp::Bytes payload) {
  rtmp::write_message(out, header, payload, chunk_size_);
}

void ScriptedEnd::send(const rtmp::ControlMessage& message) {
  send(message.header, message.payload());
}

void ScriptedEnd::command(const std::vector<std::uint8_t>& payload, std::uint32_t stream_id,
                          std::uint32_t chunk_stream) {
  send({.type = MessageType::kCommandAmf0, .stream_id = stream_id, .chunk_stream = chunk_stream},
       payload);
}

void ScriptedEnd::call(std::string_view name, double transaction, std::vector<std::string> strings,
                       std::uint32_t stream_id) {
  std::vector<std::uint8_t> payload;
  amf::Writer writer(payload);
  writer.string(name).number(transaction).null();
  for (const std::string& text : strings) writer.string(text);
  command(payload, stream_id);
}

void ScriptedEnd::media(MessageType type, std::uint32_t timestamp, std::size_t bytes,
                        std::uint32_t stream_id, std::uint8_t fill) {
  send({.type = type,
        .timestamp = timestamp,
        .stream_id = stream_id,
        .chunk_stream = type == MessageType::kVideo ? 6U : 4U},
       std::vector<std::uint8_t>(bytes, fill));
}

void ScriptedEnd::chunk_size(std::uint32_t size) {
  send(rtmp::set_chunk_size(size));
  chunk_size_ = size;
}

void ScriptedEnd::hear(rtmp::Bytes bytes) {
  const std::size_t skipped = std::min(skip, bytes.size());
  bytes = bytes.subspan(skipped);
  skip -= skipped;
  while (const auto message = assembler_.next(bytes))
    heard.push_back({message->header, {message->payload.begin(), message->payload.end()}});
  WEIR_ASSERT(assembler_.error() == rtmp::ChunkError::kNone);
}

std::string ScriptedEnd::describe(const ReceivedMessage& message) {
  if (rtmp::is_command(message.header.type)) {
    const auto command = rtmp::parse_command(message.view());
    if (!command) return "malformed";
    const auto info = rtmp::status_info(*command);
    if (command->name == "onStatus" && info) return fmt::format("onStatus:{}", info->code);
    return std::string(command->name);
  }
  if (message.header.type == MessageType::kUserControl) {
    const auto event = rtmp::parse_user_control(message.payload);
    return event ? fmt::format("user{}", static_cast<int>(event->event)) : "malformed";
  }
  if (rtmp::is_data(message.header.type)) {
    const auto name = amf::Reader(message.payload).next();
    if (name && name->is_string()) return fmt::format("data:{}", name->text);
  }
  return fmt::format("type{}", static_cast<int>(message.header.type));
}

std::vector<std::string> ScriptedEnd::news() {
  std::vector<std::string> texts;
  for (; mark < heard.size(); ++mark) texts.push_back(describe(heard[mark]));
  return texts;
}

const ReceivedMessage* ScriptedEnd::find(std::string_view command_name) const {
  for (const ReceivedMessage& message : heard) {
    if (!rtmp::is_command(message.header.type)) continue;
    const auto command = rtmp::parse_command(message.view());
    if (command && command->name == command_name) return &message;
  }
  return nullptr;
}

std::size_t ScriptedEnd::count(std::string_view text) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      heard, [&](const ReceivedMessage& message) { return describe(message) == text; }));
}

// --- RelayHarness ---

std::vector<std::uint8_t> obs_connect_object(std::string_view app, std::string_view tc_url,
                                             std::string_view swf_url) {
  std::vector<std::uint8_t> out;
  amf::Writer writer(out);
  writer.begin_object()
      .property("app", app)
      .property("type", "nonprivate")
      .property("flashVer", "FMLE/3.0 (compatible; FMSc/1.0)");
  if (!swf_url.empty()) writer.property("swfUrl", swf_url);
  writer.property("tcUrl", tc_url)
      .property("x-vendor", "kept")
      .property("capsEx", 4.0)
      .property("fpad", false)
      .end_object();
  return out;
}

StreamKey key_of(std::string_view text) {
  auto key = parse_stream_key(text);
  WEIR_ASSERT(key.has_value());
  return *key;
}

RelayHarness::RelayHarness() : stream(key_of("live/cam")) {}

RelayHarness::~RelayHarness() {
  session.reset();
}

void RelayHarness::start(bool handshake) {
  session = std::make_unique<relay::RtmpSession>(
      io, resolver, random, config,
      relay::SessionIdentity{.forwarder = ForwarderId("fwd-1"),
                             .session = SessionId(session_id()),
                             .client_address = "198.51.100.9:5000"});
  session->on_start(now);
  if (!handshake) return;
  client_handshake_.emplace();
  std::vector<std::uint8_t> opening;
  opening.assign(preamble.begin(), preamble.end());
  client_handshake_->start(random, opening);
  client.out.insert(client.out.begin(), opening.begin(), opening.end());
  pump();
}

void RelayHarness::feed(Leg leg, std::vector<std::uint8_t>& bytes) {
  const std::vector<std::uint8_t> input = std::exchange(bytes, {});
  const std::size_t step = split_ == 0 ? input.size() : split_;
  for (std::size_t at = 0; at < input.size() && !finished(); at += step) {
    if (leg != Leg::kClient && !io.origin_leg_live(leg)) return;
    // A fresh copy per piece, so that a view kept too long is caught by the address sanitizer.
    const auto first = input.begin() + static_cast<std::ptrdiff_t>(at);
    const std::vector<std::uint8_t> piece(
        first, first + static_cast<std::ptrdiff_t>(std::min(step, input.size() - at)));
    session->on_bytes(leg, now, piece);
  }
}

bool RelayHarness::pump_client() {
  bool moved = false;
  if (!client.out.empty()) {
    feed(Leg::kClient, client.out);
    moved = true;
  }
  const std::vector<std::uint8_t> heard = io.take_client_bytes();
  if (heard.empty()) return moved;
  rtmp::Bytes rest(heard);
  if (client_handshake_) {
    std::vector<std::uint8_t> reply;
    if (client_handshake_->feed(rest, reply) == rtmp::HandshakeStep::kDone)
      client_handshake_.reset();
    client.out.insert(client.out.begin(), reply.begin(), reply.end());
  }
  if (!client_handshake_) client.hear(rest);
  return true;
}

const OriginScript& RelayHarness::script_of(std::uint8_t index) const {
  const auto own = scripts.find(index);
  return own == scripts.end() ? script : own->second;
}

/// A leg that was dialled since the last look; false = there is none.
bool RelayHarness::begin_leg(std::uint8_t index) {
  const Leg leg = relay::origin_leg(index);
  OriginSide& side = sides_[index];
  if (io.dials(leg) == side.legs_seen) return false;
  side.legs_seen = io.dials(leg);
  side.end = ScriptedEnd();
  side.answered = 0;
  side.handshake.emplace();
  if (io.origin_leg(leg)->state != FakeSessionIo::LegState::kDialing) return true;
  const OriginScript& play = script_of(index);
  if (play.refuses_connection) {
    io.set_origin_state(FakeSessionIo::LegState::kAborted, leg);
    session->on_leg_closed(leg, play.refusal, now);
  } else if (play.connects) {
    io.set_origin_state(FakeSessionIo::LegState::kOpen, leg);
    session->on_origin_connected(leg, now);
  }
  return true;
}

bool RelayHarness::pump_origin(std::uint8_t index) {
  if (begin_leg(index)) return true;
  const Leg leg = relay::origin_leg(index);
  OriginSide& side = sides_[index];
  bool moved = false;
  if (!side.end.out.empty() && io.origin_leg_live(leg)) {
    feed(leg, side.end.out);
    moved = true;
  }
  const std::vector<std::uint8_t> heard = io.take_origin_bytes(leg);
  if (heard.empty()) return moved;
  if (!script_of(index).answers) return true;
  rtmp::Bytes rest(heard);
  if (side.handshake) {
    if (side.handshake->feed(rest, random, side.end.out) == rtmp::HandshakeStep::kDone)
      side.handshake.reset();
  }
  if (!side.handshake) side.end.hear(rest);
  // answer() may end the leg, and with it this origin.
  while (side.legs_seen == io.dials(leg) && side.answered < side.end.heard.size())
    answer(index, ReceivedMessage(side.end.heard[side.answered++]));
  return true;
}

void RelayHarness::answer(std::uint8_t index, const ReceivedMessage& message) {
  if (!rtmp::is_command(message.header.type)) return;
  const OriginScript& play = script_of(index);
  ScriptedEnd& end = sides_[index].end;
  const auto command = rtmp::parse_command(message.view());
  WEIR_ASSERT(command.has_value());
  if (command->name == "connect" && play.answers_connect) {
    if (play.closes_on_connect) return origin_closes(relay::LegEnd::kFin, relay::origin_leg(index));
    if (!play.connect_error.empty())
      return end.command(rtmp::connect_error(command->transaction, play.connect_error, "no"));
    end.send(rtmp::window_ack_size(5'000'000));
    end.send(rtmp::set_peer_bandwidth(5'000'000, rtmp::PeerBandwidthLimit::kDynamic));
    end.chunk_size(8192);  // not what clients were told at connect
    end.command(rtmp::connect_result(command->transaction));
  } else if (command->name == "createStream") {
    end.command(rtmp::create_stream_result(command->transaction, play.stream_id));
  } else if (command->name == "publish" || command->name == "play") {
    answer_request(index, command->name == "publish");
  }
}

void RelayHarness::answer_request(std::uint8_t index, bool publish) {
  const OriginScript& play = script_of(index);
  ScriptedEnd& end = sides_[index].end;
  if (!play.answers_request) return;
  if (play.closes_on_request) return origin_closes(relay::LegEnd::kFin, relay::origin_leg(index));
  const auto id = static_cast<std::uint32_t>(play.stream_id);
  if (!play.request_error.empty())
    return end.command(rtmp::on_status("error", play.request_error, "not here"), id, 5);
  if (publish)
    return end.command(rtmp::on_status("status", rtmp::status::kPublishStart, "go"), id, 5);
  end.send(rtmp::user_control({.event = rtmp::UserEvent::kStreamBegin, .value = id}));
  end.command(rtmp::on_status("status", rtmp::status::kPlayReset, "reset"), id, 5);
  end.command(rtmp::on_status("status", rtmp::status::kPlayStart, "start"), id, 5);
  end.send({.type = MessageType::kDataAmf0, .stream_id = id, .chunk_stream = 5},
           rtmp::rtmp_sample_access());
}

bool RelayHarness::pump_once() {
  if (finished()) {
    client.hear(io.take_client_bytes());
    return false;
  }
  resolver.deliver();
  if (io.wake() && *io.wake() <= now) {
    io.wake_at(std::nullopt);
    session->on_timer(now);
    return true;
  }
  bool moved = pump_client();
  for (std::uint8_t index = 0; index < sides_.size() && !finished(); ++index)
    moved = pump_origin(index) || moved;
  return moved;
}

void RelayHarness::pump() {
  for (int turns = 0; pump_once(); ++turns) WEIR_ASSERT(turns < 10'000);
}

void RelayHarness::advance(Duration by) {
  const MonotonicTime end = now + by;
  pump();
  while (!finished() && io.wake() && *io.wake() <= end) {
    now = std::max(now, *io.wake());
    pump();
  }
  now = end;
  pump();
}

void RelayHarness::client_closes(relay::LegEnd end) {
  session->on_leg_closed(Leg::kClient, end, now);
  pump();
}

void RelayHarness::origin_closes(relay::LegEnd end, Leg leg) {
  feed(leg, sides_[relay::origin_index(leg)].end.out);
  if (!io.origin_leg_live(leg)) return;
  io.set_origin_state(FakeSessionIo::LegState::kAborted, leg);
  session->on_leg_closed(leg, end, now);
}

void RelayHarness::connect(std::string_view app, std::string_view tc_url) {
  std::vector<std::uint8_t> payload;
  amf::Writer(payload).string("connect").number(1).raw(obs_connect_object(app, tc_url));
  client.command(payload);
}

void RelayHarness::publish(std::string_view name) {
  connect();
  client.call("releaseStream", 2, {std::string(name)});
  client.call("FCPublish", 3, {std::string(name)});
  client.call("createStream", 4);
  client.call("publish", 5, {std::string(name), "live"}, 1);
  pump();
}

void RelayHarness::play(std::string_view name) {
  connect();
  client.call("createStream", 2);
  client.call("getStreamLength", 3, {std::string(name)});
  std::vector<std::uint8_t> payload;
  amf::Writer(payload).string("play").number(4).null().string(name).number(-2000);
  client.command(payload, 1);
  client.send(
      rtmp::user_control({.event = rtmp::UserEvent::kSetBufferLength, .value = 1, .buffer = 3000}));
  pump();
}

void RelayHarness::publish_to(const std::string& name, std::uint64_t epoch) {
  start();
  publish();
  resolver.answer(routing::Acquired{.route = make_route(name, epoch, session_id())});
  pump();
}

}  // namespace weir::test
