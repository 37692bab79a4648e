#pragma once
// RelayHarness: an RtmpSession between a scripted client and scripted origins, without sockets.
//
// Bytes move only in pump() and time only in advance(), so that a test can stop a conversation at
// any place; `split` feeds the session in pieces of that size. The origin answers as a willing
// server does unless a switch of OriginScript says otherwise. Threading: one thread. Lifetime: the
// session ends before the harness.

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/random.h"
#include "dataplane/protocol/amf/writer.h"
#include "dataplane/protocol/rtmp/command.h"
#include "dataplane/protocol/rtmp/handshake.h"
#include "dataplane/protocol/rtmp/message_assembler.h"
#include "dataplane/relay/rtmp_session.h"
#include "tests/support/fake_route_resolver.h"
#include "tests/support/fake_session_io.h"

namespace weir::test {

struct ReceivedMessage {
  rtmp::MessageHeader header;
  std::vector<std::uint8_t> payload;

  rtmp::Message view() const { return {header, payload}; }
};

/// One scripted end of a connection: says what it is told to, keeps what it hears.
class ScriptedEnd {
 public:
  void send(const rtmp::MessageHeader& header, rtmp::Bytes payload);
  void send(const rtmp::ControlMessage& message);
  void command(const std::vector<std::uint8_t>& payload, std::uint32_t stream_id = 0,
               std::uint32_t chunk_stream = 3);
  /// A call with transaction, null and strings.
  void call(std::string_view name, double transaction, std::vector<std::string> strings = {},
            std::uint32_t stream_id = 0);
  void media(rtmp::MessageType type, std::uint32_t timestamp, std::size_t bytes,
             std::uint32_t stream_id = 1, std::uint8_t fill = 0x27);
  void chunk_size(std::uint32_t size);
  /// Chunk data, handshake apart.
  void hear(rtmp::Bytes bytes);

  std::vector<std::uint8_t> out;
  std::vector<ReceivedMessage> heard;
  std::size_t skip = 0;  ///< bytes before the chunk data: a handshake that nobody looks at
  std::size_t mark = 0;  ///< messages before this were looked at

  /// Names of commands, codes of onStatus and types of other messages heard since the last call, as
  /// text: "onStatus:NetStream.Play.Start", "_result", "type9", "user0".
  std::vector<std::string> news();
  /// The first command of that name heard at all.
  const ReceivedMessage* find(std::string_view command_name) const;
  std::size_t count(std::string_view text) const;
  static std::string describe(const ReceivedMessage& message);

 private:
  rtmp::MessageAssembler assembler_;
  std::uint32_t chunk_size_ = rtmp::kChunkSizeDefault;
};

struct OriginScript {
  bool connects = true;  ///< TCP
  bool refuses_connection = false;
  relay::LegEnd refusal = relay::LegEnd::kRefused;  ///< how that dial ends
  bool answers = true;                              ///< the handshake and everything behind it
  bool answers_connect = true;
  bool answers_request = true;
  bool closes_on_connect = false;
  bool closes_on_request = false;
  std::string connect_error;  ///< code of an _error
  std::string request_error;  ///< code of an onStatus of level error
  double stream_id = 1;
};

class RelayHarness {
  struct OriginSide {
    ScriptedEnd end;
    std::optional<rtmp::ServerHandshake> handshake;
    std::size_t legs_seen = 0;
    std::size_t answered = 0;
  };
  std::array<OriginSide, relay::kOriginLegsMax> sides_;

 public:
  RelayHarness();
  ~RelayHarness();

  /// Starts a session; with `handshake`, the client's handshake is done.
  void start(bool handshake = true);
  /// Moves bytes and runs due timers until nothing moves.
  void pump();
  /// Lets time pass, timer by timer.
  void advance(Duration by);
  /// Pieces in which the session gets its input.
  void split_input(std::size_t bytes) { split_ = bytes; }
  void client_closes(relay::LegEnd end = relay::LegEnd::kFin);
  void origin_closes(relay::LegEnd end = relay::LegEnd::kFin, relay::Leg leg = relay::Leg::kOrigin);

  void connect(std::string_view app = "live", std::string_view tc_url = "rtmp://203.0.113.7/live");
  /// connect and createStream, then the request.
  void publish(std::string_view name = "cam");
  void play(std::string_view name = "cam");
  /// As publish(), then placed at `origin` and accepted.
  void publish_to(const std::string& origin, std::uint64_t epoch = 1);

  bool finished() const { return io.finished().has_value(); }
  std::string session_id() const { return "s1"; }

  FakeSessionIo io;
  FakeRouteResolver resolver;
  relay::RtmpSessionConfig config;
  SeededRandom random{7};
  MonotonicTime now{std::chrono::hours(1)};
  ScriptedEnd client;
  /// The origins by the number of their leg; most sessions have the first alone.
  ScriptedEnd& origin_at(std::uint8_t index) { return sides_[index].end; }
  ScriptedEnd& origin = sides_[0].end;  ///< of the present leg
  OriginScript script;                  ///< of every origin that has none of its own
  std::map<std::uint8_t, OriginScript> scripts;
  std::string preamble;  ///< in front of the client's handshake: what a balancer adds
  std::unique_ptr<relay::RtmpSession> session;
  StreamKey stream;  ///< vhost/live/cam

 private:
  bool pump_once();
  bool pump_client();
  bool pump_origin(std::uint8_t index);
  bool begin_leg(std::uint8_t index);
  void feed(relay::Leg leg, std::vector<std::uint8_t>& bytes);
  void answer(std::uint8_t index, const ReceivedMessage& message);
  void answer_request(std::uint8_t index, bool publish);
  const OriginScript& script_of(std::uint8_t index) const;

  std::size_t split_ = 0;
  std::optional<rtmp::ClientHandshake> client_handshake_;
};

/// A connect object as OBS sends it, with a property that nobody knows.
std::vector<std::uint8_t> obs_connect_object(std::string_view app, std::string_view tc_url,
                                             std::string_view swf_url = {});
StreamKey key_of(std::string_view text);

}  // namespace weir::test
