#include "tests/support/rtmp/scripted_client.h"

#include <utility>

#include <boost/asio/post.hpp>

#include "dataplane/protocol/amf/writer.h"
#include "dataplane/protocol/rtmp/command.h"

namespace weir::tests {
namespace {

constexpr double kConnect = 1, kReleaseStream = 2, kFcPublish = 3, kCreateStream = 4, kStart = 5;
constexpr std::size_t kFlatOutQueue = 512 * 1024;
constexpr std::size_t kFlatOutFrame = 64 * 1024;
constexpr std::uint64_t kProgressEvery = 10;
constexpr auto kRetryDelay = std::chrono::milliseconds(50);

}  // namespace

ScriptedClient::ScriptedClient(boost::asio::io_context& context, std::uint64_t session,
                               ClientOptions options, const EventLog& log, Random& random)
    : context_(context),
      session_(session),
      options_(std::move(options)),
      log_(log),
      random_(random),
      timer_(context) {}

void ScriptedClient::start() {
  dial();
}

void ScriptedClient::dial() {
  phase_ = Phase::kConnecting;
  connect_began_ = log_.now();
  dialling_ = std::make_unique<boost::asio::ip::tcp::socket>(context_);
  dialling_->async_connect(options_.address, [this](boost::system::error_code error) {
    if (phase_ != Phase::kConnecting) return;
    if (error) return lost("refused", error.message());
    log_.write(session_, "connected");
    if (options_.mode == ClientOptions::Mode::kSilent) return;
    peer_ =
        std::make_shared<RtmpPeer>(std::move(*dialling_), RtmpPeer::Role::kClient, *this, random_);
    dialling_.reset();
    peer_->start();
  });
}

void ScriptedClient::lost(std::string_view event, std::string_view reason) {
  if (phase_ == Phase::kEnded) return;
  timer_.cancel();
  if (peer_) std::exchange(peer_, nullptr)->close();
  log_.write(session_, event, EventLog::field("code", reason));
  finish_digest();
  if (!options_.retry) {
    phase_ = Phase::kEnded;
    return;
  }
  phase_ = Phase::kIdle;
  timer_.expires_after(kRetryDelay);
  timer_.async_wait([this](boost::system::error_code error) {
    if (!error) dial();
  });
}

void ScriptedClient::stop() {
  if (phase_ == Phase::kActive && options_.mode == ClientOptions::Mode::kPublish && peer_) {
    send_command(0, rtmp::stream_name_command("FCUnpublish", 6, options_.name));
    send_command(0, rtmp::delete_stream_command(7, 1));
    peer_->flush();
  }
  phase_ = Phase::kEnded;
  timer_.cancel();
  finish_digest();
  if (peer_) std::exchange(peer_, nullptr)->close();
  if (dialling_) dialling_.reset();
}

void ScriptedClient::on_ready() {
  phase_ = Phase::kCommands;
  std::vector<std::uint8_t> object;
  amf::Writer writer(object);
  writer.begin_object();
  writer.key("app").string(options_.app).key("type").string("nonprivate");
  writer.key("flashVer").string("FMLE/3.0 (compatible; weir-rtmp-tool)");
  writer.key("swfUrl").string(options_.swf_url);
  writer.key("tcUrl").string(options_.tc_url).key("fpad").boolean(false);
  writer.key("capabilities").number(15).key("audioCodecs").number(4071);
  writer.key("videoCodecs").number(252).key("x-vendor").string("kept as it is");
  writer.end_object();
  log_.write(session_, "connect", EventLog::field("object", to_hex(object.data(), object.size())));
  peer_->set_chunk_size(options_.chunk_size);
  send_command(0, rtmp::connect_command(kConnect, object));
}

void ScriptedClient::send_command(std::uint32_t stream_id,
                                  const std::vector<std::uint8_t>& payload) {
  peer_->send({rtmp::MessageType::kCommandAmf0, 0, static_cast<std::uint32_t>(payload.size()),
               stream_id, rtmp::kCommandChunkStream},
              payload);
}

void ScriptedClient::on_message(const rtmp::Message& message) {
  if (rtmp::is_command(message.header.type)) return on_command(message);
  if (rtmp::is_media(message.header.type) || rtmp::is_data(message.header.type))
    received_media(message);
}

void ScriptedClient::on_command(const rtmp::Message& message) {
  const auto command = rtmp::parse_command(message);
  if (!command) return lost("closed", "malformed command");
  if (command->name == "_result") return on_result(command->transaction, message);
  if (command->name == "_error" && command->transaction == kConnect)
    return lost("refused", "connect refused");
  if (command->name == "onStatus") {
    if (const auto info = rtmp::status_info(*command)) on_status(info->level, info->code);
  }
}

void ScriptedClient::on_result(double transaction, const rtmp::Message&) {
  const bool publish = options_.mode == ClientOptions::Mode::kPublish;
  if (transaction == kConnect) {
    if (publish) {
      send_command(0, rtmp::stream_name_command("releaseStream", kReleaseStream, options_.name));
      send_command(0, rtmp::stream_name_command("FCPublish", kFcPublish, options_.name));
    }
    send_command(0, rtmp::create_stream_command(kCreateStream));
  } else if (transaction == kCreateStream) {
    if (publish) return send_command(1, rtmp::publish_command(kStart, options_.name, "live"));
    send_command(1, rtmp::play_command(kStart, options_.name));
    peer_->send(rtmp::user_control({rtmp::UserEvent::kSetBufferLength, 1, 3000}));
  }
}

void ScriptedClient::on_status(std::string_view level, std::string_view code) {
  if (level == "error") return lost("refused", code);
  if (code == rtmp::status::kPublishStart && options_.mode == ClientOptions::Mode::kPublish) {
    accepted_at_ = log_.now();
    log_.write(session_, "accepted", EventLog::field("took", *accepted_at_ - connect_began_));
    begin_media();
  } else if (code == rtmp::status::kPlayStart && options_.mode == ClientOptions::Mode::kPlay) {
    phase_ = Phase::kActive;
    accepted_at_ = log_.now();
    log_.write(session_, "playing", EventLog::field("took", *accepted_at_ - connect_began_));
  } else if (code == rtmp::status::kPlayUnpublishNotify) {
    log_.write(session_, "unpublished");
  }
}

void ScriptedClient::begin_media() {
  phase_ = Phase::kActive;
  media_began_ = std::chrono::steady_clock::now();
  frames_ = 0;
  if (options_.mixed_messages > 0) {
    mixed_.emplace(session_ + 1, 1, options_.first_timestamp);
    mixed_left_ = options_.mixed_messages;
    return send_mixed();
  }
  send_scripted(metadata_message(1, true));
  send_scripted(avc_sequence_header(1));
  if (options_.flat_out) return on_drained();
  tick();
}

void ScriptedClient::tick() {
  if (phase_ != Phase::kActive || silent_) return;
  const auto elapsed = std::chrono::steady_clock::now() - media_began_;
  const double seconds = std::chrono::duration<double>(elapsed).count();
  if (options_.silent_after_s > 0 && seconds >= options_.silent_after_s) {
    silent_ = true;
    return log_.write(session_, "silent");
  }
  while (static_cast<double>(frames_) <= seconds * options_.frames_per_second) send_frame();
  const double next = static_cast<double>(frames_) / options_.frames_per_second;
  timer_.expires_at(media_began_ + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                                       std::chrono::duration<double>(next)));
  timer_.async_wait([this](boost::system::error_code error) {
    if (!error) tick();
  });
}

void ScriptedClient::send_frame() {
  std::size_t bytes = options_.frame_bytes;
  if (bytes == 0)
    bytes = options_.flat_out
                ? kFlatOutFrame
                : static_cast<std::size_t>(options_.kbps * 125 / options_.frames_per_second);
  const auto time =
      static_cast<std::uint32_t>(static_cast<double>(frames_) * 1000 / options_.frames_per_second);
  send_scripted(video_frame(1, options_.first_timestamp + time, frames_, bytes, frames_ % 50 == 0));
  ++frames_;
}

void ScriptedClient::send_mixed() {
  while (mixed_left_ > 0 && peer_->queued() < kFlatOutQueue) {
    // A change of chunk size in the middle is part of the exercise.
    if (mixed_left_ == options_.mixed_messages / 2)
      peer_->set_chunk_size(options_.chunk_size * 3 + 1);
    send_scripted(mixed_->next());
    --mixed_left_;
  }
}

void ScriptedClient::send_scripted(const ScriptedMessage& message) {
  if (options_.digest) digest_.add(message.header, message.payload);
  media_bytes_ += message.payload.size();
  peer_->send(message.header, message.payload);
}

void ScriptedClient::on_drained() {
  if (phase_ != Phase::kActive || options_.mode != ClientOptions::Mode::kPublish) return;
  if (options_.mixed_messages > 0) {
    if (mixed_left_ > 0) return send_mixed();
    if (!script_sent_) log_.write(session_, "script_sent");
    script_sent_ = true;
    return;
  }
  if (!options_.flat_out) return;
  while (peer_ && peer_->queued() < kFlatOutQueue) send_frame();
}

void ScriptedClient::finish_digest() {
  if (!options_.digest || digest_.messages() == 0) return;
  log_.write(session_, "digest",
             EventLog::field("messages", digest_.messages()) +
                 EventLog::field("bytes", digest_.bytes()) +
                 EventLog::field("digest", digest_.text()));
  digest_ = MessageDigest();
}

void ScriptedClient::received_media(const rtmp::Message& message) {
  if (options_.digest) digest_.add(message.header, message.payload);
  media_bytes_ += message.payload.size();
  if (!rtmp::is_media(message.header.type)) return;
  if (!media_seen_) {
    media_seen_ = true;
    log_.write(session_, "media", EventLog::field("took", log_.now() - connect_began_));
  }
  ++frames_;
  if (frames_ - progress_frames_ >= kProgressEvery && !options_.flat_out) {
    progress_frames_ = frames_;
    log_.write(session_, "progress", EventLog::field("frames", frames_));
  }
  if (!options_.check_sequence) return;
  const auto number = frame_number(message);
  if (!number) return;
  if (last_number_ && *number != *last_number_ + 1)
    log_.write(session_, "gap",
               EventLog::field("after", *last_number_) + EventLog::field("came", *number));
  last_number_ = number;
}

void ScriptedClient::on_closed(std::string_view reason) {
  peer_.reset();
  const bool accepted = phase_ == Phase::kActive;
  lost(accepted ? "closed" : "refused", reason);
}

}  // namespace weir::tests
