// Whole conversations: what a client and an origin send, timers, connects, closes and answers of
// the control plane, in any order, against an RtmpSession. The input is a program of one-byte
// operations with operands, so that a mutation changes the story and seldom only its spelling.
//
// What must hold: nothing is sent behind finish(), which comes at most once; views lie in the
// input that they were made from; a session that can wait has a timer armed; what it writes is a
// chunk stream that the specification's reader understands; what it holds is bounded.

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <sanitizer/allocator_interface.h>

#include "common/base/cidr.h"
#include "common/base/contract.h"
#include "common/base/random.h"
#include "dataplane/admission/waiting_room.h"
#include "dataplane/protocol/amf/writer.h"
#include "dataplane/protocol/rtmp/chunk_writer.h"
#include "dataplane/protocol/rtmp/command.h"
#include "dataplane/protocol/rtmp/handshake.h"
#include "dataplane/relay/chunk_splice.h"
#include "dataplane/relay/rtmp_session.h"
#include "dataplane/relay/session_limits.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/support/fake_route_resolver.h"
#include "tests/support/reference_decoder.h"

namespace {

using weir::Duration;
using weir::MonotonicTime;
using weir::fuzz::FuzzInput;
using weir::relay::CloseMode;
using weir::relay::Leg;
using weir::relay::LegEnd;
using weir::rtmp::Bytes;
using weir::rtmp::MessageType;

/// What one session may hold of its peers' bytes: early media, half messages of all legs, commands
/// that wait for the end of a chunk, and what identifies it; times two for vectors that grow.
constexpr std::size_t kLegs = 1 + weir::relay::kOriginLegsMax;
constexpr std::size_t kHeldBytesMax =
    2 * (weir::relay::kEarlyMediaBytesMax + kLegs * weir::rtmp::kCollectedBytesMax +
         kLegs * weir::relay::kPendingInsertBytesMax +
         2 * weir::relay::kBytesBeforeIdentificationMax) +
    512 * 1024;
/// The longest that anything is waited for without a look: pings to a waiting player, or idleness.
constexpr Duration kWaitMax = std::chrono::seconds(31);
constexpr std::size_t kOperationsMax = 200;
/// Of a client's operations in one segment.
constexpr std::size_t kGatheredBytesMax = 64UL * 1024;
/// Media in one story: enough to reach every bound.
constexpr std::size_t kMediaBytesMax = 8UL * 1024 * 1024;

/// What the session says to one peer.
class Peer {
 public:
  /// False: the bytes are no RTMP (a refusal in HTTP).
  void hear(Bytes bytes) {
    if (!any_ && !bytes.empty()) {
      any_ = true;
      foreign_ = bytes.front() != 3;
    }
    if (foreign_) return;
    const std::size_t skipped = std::min(handshake_left_, bytes.size());
    handshake_left_ -= skipped;
    reader_->feed(bytes.subspan(skipped));
    WEIR_ASSERT(reader_->failure().empty());
    for (auto& message : reader_->take()) {
      if (message.type == static_cast<std::uint8_t>(MessageType::kCommandAmf0)) {
        calls_.push_back(std::move(message));
      }
    }
    if (calls_.size() > 64) calls_.erase(calls_.begin(), calls_.end() - 64);
  }

  std::vector<weir::test::ReferenceMessage> take_calls() { return std::exchange(calls_, {}); }

 private:
  std::size_t handshake_left_ = 1 + 2 * weir::rtmp::kHandshakePacketBytes;
  bool any_ = false;
  bool foreign_ = false;
  std::unique_ptr<weir::test::ReferenceDecoder> reader_ = weir::test::make_specification_decoder();
  std::vector<weir::test::ReferenceMessage> calls_;
};

/// Whole messages from a peer to the session.
struct Mouth {
  std::uint32_t chunk_size = 128;
  void say(std::vector<std::uint8_t>& out, const weir::rtmp::MessageHeader& header, Bytes payload) {
    weir::rtmp::write_message(out, header, payload, chunk_size);
    const auto size = weir::rtmp::parse_control_value(payload);
    if (header.type == MessageType::kSetChunkSize && size && *size > 0) {
      chunk_size = std::min<std::uint32_t>(*size, 1 << 24);
    }
  }
  void call(std::vector<std::uint8_t>& out, const std::vector<std::uint8_t>& payload,
            std::uint32_t stream_id = 0, std::uint32_t chunk_stream = 3) {
    say(out,
        {.type = MessageType::kCommandAmf0, .stream_id = stream_id, .chunk_stream = chunk_stream},
        payload);
  }
};

class Story final : public weir::relay::SessionIo {
 public:
  explicit Story(FuzzInput input) : input_(input) {
    const std::uint8_t choice = input_.byte();
    config_.play_wait = std::chrono::seconds(choice % 2 * 8);
    if (choice % 4 >= 2) config_.proxy_protocol_from = {*weir::Cidr::parse("192.0.2.0/24")};
    if (choice % 8 >= 4) {
      // Somebody else has the only seat.
      room_.set_limits({.in_all = 1});
      others_seat_ = std::get<weir::admission::WaitingRoom::Seat>(
          room_.enter(*weir::parse_stream_key("live/cam"), {}));
    }
    config_.waiting_room = &room_;
    session_ = std::make_unique<weir::relay::RtmpSession>(
        *this, resolver_, random_, config_,
        weir::relay::SessionIdentity{.forwarder = weir::ForwarderId("f"),
                                     .session = weir::SessionId("s"),
                                     .client_address = "192.0.2.1:1"});
    allocated_before_ = __sanitizer_get_current_allocated_bytes();
    session_->on_start(now_);
  }

  void run() {
    for (std::size_t i = 0; i < kOperationsMax && !input_.empty(); ++i) {
      operate(input_.byte());
      run_timers();
      check();
    }
    session_.reset();
    others_seat_.leave();
    WEIR_ASSERT(room_.size() == 0);
  }

  void send_view(Leg leg, Bytes bytes) override {
    WEIR_ASSERT(bytes.empty() || (bytes.data() >= given_.data() &&
                                  bytes.data() + bytes.size() <= given_.data() + given_.size()));
    hear(leg, bytes);
  }
  void send_copy(Leg leg, Bytes bytes) override { hear(leg, bytes); }
  void dial(Leg leg, std::string_view endpoint) override {
    WEIR_ASSERT(!finished_ && leg != Leg::kClient && !endpoint.empty());
    WEIR_ASSERT(weir::relay::origin_index(leg) < weir::relay::kOriginLegsMax);
    origin(leg) = Origin{.state = Origin::State::kDialing};
  }
  void close(Leg leg, CloseMode) override {
    WEIR_ASSERT(!finished_ && origin(leg).state != Origin::State::kNone);
    origin(leg).state = Origin::State::kNone;
  }
  bool client_is(std::string_view) override { return !finished_; }
  void keeps(std::size_t bytes, weir::relay::WhileKept) override {
    WEIR_ASSERT(!finished_);
    kept_ = bytes;
  }
  void identified() override { WEIR_ASSERT(!std::exchange(identified_, true)); }
  void wake_at(std::optional<MonotonicTime> when) override { wake_ = when; }
  void finish(std::string_view) override {
    WEIR_ASSERT(!finished_);
    finished_ = true;
  }

 private:
  /// The other end of one origin leg.
  struct Origin {
    enum class State { kNone, kDialing, kOpen } state = State::kNone;
    Peer ear;
    Mouth mouth;
  };
  Origin& origin(Leg leg) {
    WEIR_ASSERT(leg != Leg::kClient);
    return origins_.at(weir::relay::origin_index(leg));
  }
  /// The one that the next operations are about.
  Leg present() const { return weir::relay::origin_leg(present_); }

  void hear(Leg leg, Bytes bytes) {
    WEIR_ASSERT(!finished_);
    if (leg == Leg::kClient) return client_.hear(bytes);
    WEIR_ASSERT(origin(leg).state == Origin::State::kOpen);
    origin(leg).ear.hear(bytes);
  }

  /// Ends of streams take effect when a segment is done, so what one holds matters.
  void gather(bool gathers) {
    gathers_ = gathers;
    if (!gathers_) give(Leg::kClient, std::exchange(gathered_, {}));
  }

  /// In memory of its own, in pieces.
  void give(Leg leg, Bytes bytes) {
    if (leg == Leg::kClient && gathers_) {
      gathered_.insert(gathered_.end(), bytes.begin(), bytes.end());
      if (gathered_.size() >= kGatheredBytesMax) gather(false);
      return;
    }
    const std::size_t piece = piece_ == 0 ? bytes.size() : piece_;
    while (!bytes.empty()) {
      if (leg != Leg::kClient && origin(leg).state != Origin::State::kOpen) return;
      const Bytes part = bytes.first(std::min(piece, bytes.size()));
      given_.assign(part.begin(), part.end());
      given_.shrink_to_fit();
      bytes = bytes.subspan(part.size());
      session_->on_bytes(leg, now_, given_);
      given_ = {};
    }
  }

  void run_timers() {
    for (int turns = 0; !finished_ && wake_ && *wake_ <= now_; ++turns) {
      WEIR_ASSERT(turns < 100);  // else the session spins
      wake_.reset();
      session_->on_timer(now_);
    }
  }

  void check() {
    if (finished_) return;
    // Accepted players alone need no timer: their connections are the kernel's to watch.
    std::size_t live = 0;
    std::size_t watched = 0;
    std::size_t waiting = 0;
    for (const auto& [id, session] : resolver_.sessions()) {
      if (session.ended) continue;
      ++live;
      if (session.info.intent != weir::routing::Intent::kPlay) continue;
      const bool waits = session.info.state == weir::routing::SessionInfo::State::kWaiting;
      (waits ? waiting : watched) += 1;
    }
    // A full room has nobody but the other one.
    WEIR_ASSERT(room_.size() <= std::max<std::size_t>(waiting, 1));
    WEIR_ASSERT(live <= weir::relay::kStreamsMax);
    WEIR_ASSERT(resolver_.watchers() == live);  // else one was never started
    WEIR_ASSERT(kept_ <= (live == 0 ? 0 : weir::relay::kEarlyMediaBytesMax));
    const bool watches_only = live > 0 && live == watched;
    WEIR_ASSERT(watches_only || (wake_ && *wake_ <= now_ + kWaitMax));
    const std::size_t allocated = __sanitizer_get_current_allocated_bytes();
    WEIR_ASSERT(allocated <= allocated_before_ + kHeldBytesMax);
  }

  void operate(std::uint8_t operation) {
    std::vector<std::uint8_t> out;
    switch (operation % 21) {
      case 0:
        return give(Leg::kClient, input_.block());
      case 1:
        client_says(out, input_.byte());
        return give(Leg::kClient, out);
      case 2:
        message(client_mouth_, out);
        return give(Leg::kClient, out);
      case 3:
        media(client_mouth_, out);
        return give(Leg::kClient, out);
      case 4:
        publish_or_play(input_.byte());
        return;
      case 5:
        return connect_origin();
      case 6:
        return end_origin(input_.byte());
      case 7:
        return give(present(), input_.block());
      case 8:
        out.assign(1 + 2 * weir::rtmp::kHandshakePacketBytes, 3);
        return give(present(), out);
      case 9:
        origin_answers(out, input_.byte());
        return give(present(), out);
      case 10:
        message(origin(present()).mouth, out);
        return give(present(), out);
      case 11:
        media(origin(present()).mouth, out);
        return give(present(), out);
      case 12:
        now_ += std::chrono::milliseconds(input_.byte() * 10);
        return;
      case 13:
        if (wake_ && *wake_ > now_) now_ = *wake_;
        return;
      case 14:
        return answer_acquire(input_.byte());
      case 15:
        return change_route(input_.byte());
      case 16:
        return close_session(input_.byte());
      case 17:
        piece_ = input_.byte() % 64;
        return;
      case 18:
        present_ = input_.byte() % weir::relay::kOriginLegsMax;
        return;
      case 19:
        if (!finished_) session_->on_leg_closed(Leg::kClient, LegEnd::kFin, now_);
        return;
      default:
        // Seldom, because it ends the story.
        if (input_.byte() == 0) return session_->on_shutdown(now_);
        return gather(!gathers_);
    }
  }

  /// One line of what clients say, in the order that they say it in.
  void client_says(std::vector<std::uint8_t>& out, std::uint8_t line) {
    static constexpr std::array<const char*, 3> kNames{"cam", "cam?token=x", "other"};
    const char* name = kNames[line / 16U % kNames.size()];
    const std::uint32_t stream = line / 64U + 1;
    std::vector<std::uint8_t> payload;
    weir::amf::Writer writer(payload);
    switch (line % 16) {
      case 0:
        out.assign(1 + weir::rtmp::kHandshakePacketBytes, 3);
        return;
      case 1:
        out.assign(weir::rtmp::kHandshakePacketBytes, 0);
        return;
      case 2:
        writer.string("connect")
            .number(1)
            .begin_object()
            .property("app", "live")
            .property("tcUrl", "rtmp://h/live");
        writer.end_object();
        return client_mouth_.call(out, payload);
      case 3:
        return client_mouth_.call(out, weir::rtmp::stream_name_command("releaseStream", 2, name));
      case 4:
        return client_mouth_.call(out, weir::rtmp::stream_name_command("FCPublish", 3, name));
      case 5:
        return client_mouth_.call(out, weir::rtmp::create_stream_command(4));
      case 6:
        return client_mouth_.call(out, weir::rtmp::publish_command(5, name, "live"), stream);
      case 7:
        return client_mouth_.call(out, weir::rtmp::play_command(5, name, {}), stream);
      case 8:
        return client_mouth_.call(out, weir::rtmp::stream_name_command("FCUnpublish", 6, name));
      case 9:
        return client_mouth_.call(out, weir::rtmp::delete_stream_command(7, stream));
      case 10:
        writer.string("closeStream").number(0).null();
        return client_mouth_.call(out, payload, stream);
      case 11:
        writer.string("_checkbw").number(8).null();
        return client_mouth_.call(out, payload);
      case 12:
        writer.string("pause").number(9).null().boolean(true).number(100);
        return client_mouth_.call(out, payload, stream);
      case 13:
        client_mouth_.say(out, weir::rtmp::set_chunk_size(4096).header,
                          weir::rtmp::set_chunk_size(4096).payload());
        return;
      case 14: {
        const auto ping =
            weir::rtmp::user_control({.event = weir::rtmp::UserEvent::kPingRequest, .value = 9});
        return client_mouth_.say(out, ping.header, ping.payload());
      }
      default: {
        const auto buffer = weir::rtmp::user_control(
            {.event = weir::rtmp::UserEvent::kSetBufferLength, .value = stream, .buffer = 3000});
        return client_mouth_.say(out, buffer.header, buffer.payload());
      }
    }
  }

  void message(Mouth& mouth, std::vector<std::uint8_t>& out) {
    weir::rtmp::MessageHeader header;
    header.type = static_cast<MessageType>(input_.byte());
    header.chunk_stream = 2 + input_.byte() % 62;
    header.stream_id = input_.byte();
    header.timestamp = input_.number(4);
    mouth.say(out, header, input_.block());
  }

  /// Audio or video, seldom up to half a megabyte of it.
  void media(Mouth& mouth, std::vector<std::uint8_t>& out) {
    const std::uint8_t what = input_.byte();
    std::size_t size = std::size_t{input_.byte()} << (what % 16 == 1 ? 11 : 1);
    size = std::min(size, media_left_);
    media_left_ -= size;
    const std::vector<std::uint8_t> payload(size, what);
    media_time_ += 40;
    mouth.say(out,
              {.type = what % 3 == 0 ? MessageType::kAudio : MessageType::kVideo,
               .timestamp = media_time_,
               .stream_id = what / 32U,
               .chunk_stream = what % 3 == 0 ? 4U : 6U},
              payload);
  }

  /// The common beginning of most stories.
  void publish_or_play(std::uint8_t choice) {
    for (const std::uint8_t line : {0, 1, 2, 3, 4, 5, choice % 2 == 0 ? 6 : 7}) {
      std::vector<std::uint8_t> out;
      client_says(out, line);
      give(Leg::kClient, out);
    }
    if (choice % 4 < 2) return;
    if (choice % 2 == 0) {
      answer_acquire(choice);
    } else {
      change_route(1);
    }
    run_timers();
    connect_origin();
    std::vector<std::uint8_t> out(1 + 2 * weir::rtmp::kHandshakePacketBytes, 3);
    give(present(), out);
    for (int i = 0; i < 3; ++i) {
      out.clear();
      origin_answers(out, 0);
      give(present(), out);
    }
  }

  void connect_origin() {
    if (origin(present()).state != Origin::State::kDialing) return;
    origin(present()).state = Origin::State::kOpen;
    session_->on_origin_connected(present(), now_);
  }

  void end_origin(std::uint8_t how) {
    static constexpr std::array<LegEnd, 6> kEnds{LegEnd::kFin,         LegEnd::kReset,
                                                 LegEnd::kRefused,     LegEnd::kUnreachable,
                                                 LegEnd::kNoResources, LegEnd::kTimedOut};
    if (origin(present()).state == Origin::State::kNone) return;
    origin(present()).state = Origin::State::kNone;
    session_->on_leg_closed(present(), kEnds[how % kEnds.size()], now_);
  }

  /// Answers everything that was asked, as a server does, or as `how` says.
  void origin_answers(std::vector<std::uint8_t>& out, std::uint8_t how) {
    Mouth& mouth = origin(present()).mouth;
    for (const auto& asked : origin(present()).ear.take_calls()) {
      const weir::rtmp::Message message{{.type = MessageType::kCommandAmf0}, asked.payload};
      const auto command = weir::rtmp::parse_command(message);
      if (!command) continue;  // a player's own, passed on
      const double transaction = command->transaction;
      if (how % 8 == 7) {
        mouth.call(out, weir::rtmp::error_result(transaction, "NetStream.Failed", "no"));
      } else if (command->name == "connect") {
        mouth.call(out, weir::rtmp::connect_result(transaction));
      } else if (command->name == "createStream") {
        mouth.call(out, weir::rtmp::create_stream_result(transaction, how % 4 + 1));
      } else if (command->name == "publish" || command->name == "play") {
        static constexpr std::array<const char*, 4> kCodes{
            "NetStream.Publish.Start", "NetStream.Play.Start", "NetStream.Publish.BadName",
            "NetStream.Play.StreamNotFound"};
        const std::size_t code = (command->name == "play" ? 1 : 0) + how / 8 % 2 * 2;
        mouth.call(out, weir::rtmp::on_status(code < 2 ? "status" : "error", kCodes[code], ""),
                   asked.stream_id, 5);
      }
    }
  }

  weir::routing::Route route(std::uint8_t choice) {
    auto made = weir::test::make_route(choice % 16 < 8 ? "a" : "b", ++epoch_, "s");
    if (choice % 64 >= 32) made.rtmp_endpoints.emplace_back("a:1936");
    if (choice >= 128) made.origin_kind = weir::routing::OriginKind::kNginxRtmp;
    if (choice >= 192) made.origin_kind = weir::routing::OriginKind::kSrs;
    return made;
  }

  void answer_acquire(std::uint8_t choice) {
    if (!resolver_.acquire_open()) return;
    switch (choice % 8) {
      case 5:
        return resolver_.answer(weir::routing::Held{.holder = "x"});
      case 6:
        return resolver_.answer(weir::routing::RetryLater{
            .retry_after = std::chrono::milliseconds(choice), .reason = "NO_ELIGIBLE_ORIGIN"});
      case 7:
        return resolver_.answer(weir::routing::Rejected{.reason = "BAD_NAME"});
      default:
        return resolver_.answer(weir::routing::Acquired{.route = route(choice),
                                                        .after_takeover = choice % 8 == 1,
                                                        .players_wait = choice % 8 == 3});
    }
  }

  void change_route(std::uint8_t choice) {
    const auto& sessions = resolver_.sessions();
    if (sessions.empty()) return;
    auto chosen = sessions.begin();
    std::advance(chosen, choice / 64 % sessions.size());
    const weir::StreamKey stream = chosen->second.info.stream;
    if (choice % 4 == 3) {
      resolver_.unplace(stream);
    } else {
      resolver_.place(stream, route(choice));
    }
    resolver_.deliver();
  }

  void close_session(std::uint8_t choice) {
    using Close = weir::routing::SessionControl::Close;
    for (const auto& [id, session] : resolver_.sessions()) {
      if (session.control == nullptr) continue;
      const auto count = ++asked_to_close_;
      session.control->close_session(
          choice % 2 == 0 ? Close::kTakenOver : Close::kFenced,
          [this, count] { told_closed_ |= std::uint64_t{1} << count % 64; });
      return;
    }
  }

  FuzzInput input_;
  weir::test::FakeRouteResolver resolver_;
  weir::SeededRandom random_{7};
  weir::admission::WaitingRoom room_;
  weir::admission::WaitingRoom::Seat others_seat_;
  weir::relay::RtmpSessionConfig config_;
  MonotonicTime now_{std::chrono::hours(1)};
  std::optional<MonotonicTime> wake_;
  std::vector<std::uint8_t> given_;
  std::vector<std::uint8_t> gathered_;
  Peer client_;
  std::array<Origin, weir::relay::kOriginLegsMax> origins_;
  Mouth client_mouth_;
  std::size_t piece_ = 0;
  std::size_t allocated_before_ = 0;
  std::uint32_t media_time_ = 0;
  std::size_t media_left_ = kMediaBytesMax;
  std::uint64_t epoch_ = 0;
  std::uint64_t asked_to_close_ = 0;
  std::uint64_t told_closed_ = 0;
  std::uint8_t present_ = 0;
  std::size_t kept_ = 0;
  bool gathers_ = false;
  bool identified_ = false;
  bool finished_ = false;
  std::unique_ptr<weir::relay::RtmpSession> session_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  Story(FuzzInput(data, size)).run();
  return 0;
}
