#include "tests/support/rtmp/recording_origin.h"

#include <chrono>
#include <optional>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "dataplane/protocol/rtmp/command.h"
#include "tests/support/rtmp/media_script.h"
#include "tests/support/rtmp/rtmp_peer.h"

namespace weir::tests {
namespace {

constexpr std::size_t kServeQueue = 512 * 1024;
constexpr std::size_t kFlatOutFrame = 64 * 1024;
constexpr std::uint32_t kWindow = 2'500'000;

}  // namespace

class RecordingOrigin::Session final : public RtmpPeerHandler {
 public:
  Session(RecordingOrigin& origin, std::uint64_t id, boost::asio::ip::tcp::socket socket)
      : origin_(origin),
        id_(id),
        timer_(origin.context_),
        peer_(std::make_shared<RtmpPeer>(std::move(socket), RtmpPeer::Role::kServer, *this,
                                         origin.random_)) {
    peer_->start();
  }
  ~Session() override { peer_->close(); }

  void on_ready() override {}
  void on_message(const rtmp::Message& message) override;
  void on_drained() override {
    if (serving_) serve_more();
  }
  void on_closed(std::string_view reason) override {
    report_digest();
    log("closed", EventLog::field("code", reason));
    end();
  }

 private:
  void log(std::string_view event, const std::string& more = {}) {
    if (!origin_.options_.quiet) origin_.log_.write(id_, event, more);
  }
  void end() {
    serving_ = false;
    timer_.cancel();
    origin_.ended(id_);
  }
  void send(std::uint32_t stream_id, const std::vector<std::uint8_t>& payload) {
    peer_->send({rtmp::MessageType::kCommandAmf0, 0, static_cast<std::uint32_t>(payload.size()),
                 stream_id, stream_id == 0 ? 3U : 5U},
                payload);
  }
  void on_command(const rtmp::Message& message);
  void on_publish(const rtmp::Command& command);
  void on_play(const rtmp::Command& command);
  void report_digest();
  void serve_tick();
  void serve_more();
  void serve_frame();
  bool serve_mixed_message();

  RecordingOrigin& origin_;
  std::uint64_t id_;
  boost::asio::steady_timer timer_;
  std::shared_ptr<RtmpPeer> peer_;
  MessageDigest digest_;
  bool publishing_ = false;
  bool serving_ = false;
  std::uint64_t frames_ = 0;
  std::chrono::steady_clock::time_point began_;
  std::optional<MixedScript> mixed_;
  std::uint64_t mixed_left_ = 0;
};

void RecordingOrigin::Session::on_message(const rtmp::Message& message) {
  if (rtmp::is_command(message.header.type)) return on_command(message);
  if (!rtmp::is_media(message.header.type) && !rtmp::is_data(message.header.type)) return;
  origin_.bytes_received_ += message.payload.size();
  if (publishing_ && origin_.options_.digest) digest_.add(message.header, message.payload);
}

void RecordingOrigin::Session::on_command(const rtmp::Message& message) {
  const auto command = rtmp::parse_command(message);
  if (!command) return;
  if (command->name == "connect") {
    const auto object = command->argument(0);
    log("connect", object
                       ? EventLog::field("object", to_hex(object->raw.data(), object->raw.size()))
                       : std::string());
    peer_->send(rtmp::window_ack_size(kWindow));
    peer_->send(rtmp::set_peer_bandwidth(kWindow, rtmp::PeerBandwidthLimit::kDynamic));
    peer_->set_chunk_size(origin_.options_.chunk_size);
    send(0, rtmp::connect_result(command->transaction));
  } else if (command->name == "createStream") {
    send(0, rtmp::create_stream_result(command->transaction, 1));
  } else if (command->name == "publish") {
    on_publish(*command);
  } else if (command->name == "play") {
    on_play(*command);
  } else if (command->name == "deleteStream" || command->name == "FCUnpublish") {
    log("command", EventLog::field("name", command->name));
    report_digest();
  } else {
    log("command", EventLog::field("name", command->name));
  }
}

void RecordingOrigin::Session::on_publish(const rtmp::Command& command) {
  log("publish", EventLog::field("name", command.string_argument(1)) +
                     EventLog::field("type", command.string_argument(2)));
  if (!origin_.options_.refuse.empty())
    return send(1, rtmp::on_status("error", origin_.options_.refuse, "refused by the script"));
  publishing_ = true;
  send(1, rtmp::on_status("status", rtmp::status::kPublishStart, "accepted"));
}

void RecordingOrigin::Session::on_play(const rtmp::Command& command) {
  log("play", EventLog::field("name", command.string_argument(1)));
  peer_->send(rtmp::user_control({rtmp::UserEvent::kStreamBegin, 1, 0}));
  send(1, rtmp::on_status("status", rtmp::status::kPlayReset, "reset"));
  send(1, rtmp::on_status("status", rtmp::status::kPlayStart, "start"));
  serving_ = true;
  began_ = std::chrono::steady_clock::now();
  if (origin_.options_.serve_mixed > 0) {
    mixed_.emplace(1, 1, 0);
    mixed_left_ = origin_.options_.serve_mixed;
    return serve_more();
  }
  for (const auto& message : {metadata_message(1, false), avc_sequence_header(1)})
    peer_->send(message.header, message.payload);
  if (origin_.options_.serve_flat_out) return serve_more();
  serve_tick();
}

void RecordingOrigin::Session::report_digest() {
  if (!origin_.options_.digest || digest_.messages() == 0) return;
  log("digest", EventLog::field("messages", digest_.messages()) +
                    EventLog::field("bytes", digest_.bytes()) +
                    EventLog::field("digest", digest_.text()));
  digest_ = MessageDigest();
}

void RecordingOrigin::Session::serve_tick() {
  if (!serving_) return;
  const double rate = origin_.options_.serve_frames_per_second;
  const double elapsed =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
  while (static_cast<double>(frames_) <= elapsed * rate && peer_->queued() < kServeQueue)
    serve_frame();
  timer_.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(
      std::chrono::duration<double>(1 / rate)));
  timer_.async_wait([this](boost::system::error_code error) {
    if (!error) serve_tick();
  });
}

void RecordingOrigin::Session::serve_more() {
  if (!serving_) return;
  if (mixed_) {
    while (peer_->queued() < kServeQueue && serve_mixed_message()) {
    }
  } else if (origin_.options_.serve_flat_out) {
    while (!peer_->closed() && peer_->queued() < kServeQueue) serve_frame();
  }
}

bool RecordingOrigin::Session::serve_mixed_message() {
  if (mixed_left_ == 0) return false;
  if (mixed_left_ == origin_.options_.serve_mixed / 2)
    peer_->set_chunk_size(origin_.options_.chunk_size * 2 + 7);
  const ScriptedMessage message = mixed_->next();
  if (origin_.options_.digest) digest_.add(message.header, message.payload);
  peer_->send(message.header, message.payload);
  if (--mixed_left_ == 0) report_digest();
  return true;
}

void RecordingOrigin::Session::serve_frame() {
  const OriginOptions& options = origin_.options_;
  const double rate = options.serve_frames_per_second;
  const std::size_t bytes = options.serve_flat_out
                                ? kFlatOutFrame
                                : static_cast<std::size_t>(options.serve_kbps * 125 / rate);
  const ScriptedMessage message =
      video_frame(1, static_cast<std::uint32_t>(static_cast<double>(frames_) * 1000 / rate),
                  frames_, bytes, frames_ % 50 == 0);
  ++frames_;
  origin_.bytes_served_ += message.payload.size();
  peer_->send(message.header, message.payload);
}

RecordingOrigin::RecordingOrigin(boost::asio::io_context& context, OriginOptions options,
                                 const EventLog& log, Random& random)
    : context_(context),
      options_(std::move(options)),
      log_(log),
      random_(random),
      acceptor_(context, options_.listen, true) {
  acceptor_.listen(boost::asio::socket_base::max_listen_connections);
  accept();
}

RecordingOrigin::~RecordingOrigin() = default;

void RecordingOrigin::close() {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  sessions_.clear();
}

void RecordingOrigin::accept() {
  acceptor_.async_accept(
      [this](boost::system::error_code error, boost::asio::ip::tcp::socket socket) {
        if (!acceptor_.is_open()) return;
        if (!error) {
          const std::uint64_t id = next_session_++;
          sessions_[id] = std::make_unique<Session>(*this, id, std::move(socket));
        }
        accept();
      });
}

void RecordingOrigin::ended(std::uint64_t session) {
  // Posted: the session is still on the stack.
  boost::asio::post(context_, [this, session] { sessions_.erase(session); });
}

}  // namespace weir::tests
