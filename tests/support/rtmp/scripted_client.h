#pragma once
// ScriptedClient: a publisher, a player, or a connection that says nothing.
//
// Purpose: behaves like a stock encoder or player on the wire (connect, releaseStream, FCPublish,
// createStream, publish; or connect, createStream, play, SetBufferLength) and reports what happens
// when, exactly. Threading: the io_context's one thread. Lifetime: outlives its pending operations;
// stop() first.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/base/random.h"
#include "tests/support/rtmp/event_log.h"
#include "tests/support/rtmp/media_script.h"
#include "tests/support/rtmp/rtmp_peer.h"

namespace weir::tests {

struct ClientOptions {
  enum class Mode { kPublish, kPlay, kSilent } mode = Mode::kPublish;
  boost::asio::ip::tcp::endpoint address;
  std::string tc_url;  ///< rtmp://host:port/app
  std::string app;
  std::string swf_url = "rtmp://client.example/player.swf";
  std::string name;
  double kbps = 500;
  double frames_per_second = 25;
  bool flat_out = false;        ///< publish as fast as the socket takes it
  std::size_t frame_bytes = 0;  ///< 0 = from kbps; flat_out: default 64 KiB
  std::uint32_t chunk_size = 4096;
  double silent_after_s = 0;         ///< publish: stop sending, keep the connection; 0 = never
  bool retry = false;                ///< publish: connect again after a refusal or a loss
  bool check_sequence = false;       ///< play: report gaps in the numbers of the frames
  bool digest = false;               ///< report a digest of every media and data message
  std::uint64_t mixed_messages = 0;  ///< publish: this many messages of MixedScript, then end
  std::uint32_t first_timestamp = 0;
};

class ScriptedClient final : public RtmpPeerHandler {
 public:
  ScriptedClient(boost::asio::io_context& context, std::uint64_t session, ClientOptions options,
                 const EventLog& log, Random& random);

  void start();
  /// Ends politely: FCUnpublish, deleteStream, close.
  void stop();

  std::uint64_t media_bytes() const { return media_bytes_; }
  std::uint64_t frames() const { return frames_; }
  double connect_began() const { return connect_began_; }
  std::optional<double> accepted_at() const { return accepted_at_; }

  void on_ready() override;
  void on_message(const rtmp::Message& message) override;
  void on_drained() override;
  void on_closed(std::string_view reason) override;

 private:
  enum class Phase { kIdle, kConnecting, kCommands, kActive, kEnded };

  void dial();
  void lost(std::string_view event, std::string_view reason);
  void on_command(const rtmp::Message& message);
  void on_result(double transaction, const rtmp::Message& message);
  void on_status(std::string_view level, std::string_view code);
  void send_command(std::uint32_t stream_id, const std::vector<std::uint8_t>& payload);
  void begin_media();
  void tick();
  void send_frame();
  void send_mixed();
  void send_scripted(const ScriptedMessage& message);
  void finish_digest();
  void received_media(const rtmp::Message& message);

  boost::asio::io_context& context_;
  std::uint64_t session_;
  ClientOptions options_;
  const EventLog& log_;
  Random& random_;
  boost::asio::steady_timer timer_;
  std::shared_ptr<RtmpPeer> peer_;
  std::unique_ptr<boost::asio::ip::tcp::socket> dialling_;
  Phase phase_ = Phase::kIdle;
  MessageDigest digest_;
  std::optional<MixedScript> mixed_;
  std::uint64_t mixed_left_ = 0;
  std::uint64_t frames_ = 0;
  std::uint64_t media_bytes_ = 0;
  std::uint64_t progress_frames_ = 0;
  std::optional<std::uint64_t> last_number_;
  std::chrono::steady_clock::time_point media_began_;
  double connect_began_ = 0;
  std::optional<double> accepted_at_;
  bool silent_ = false;
  bool script_sent_ = false;
  bool media_seen_ = false;
};

}  // namespace weir::tests
