#include "tests/support/rtmp/script_session.h"

#include <array>
#include <cerrno>
#include <utility>

#include <fmt/format.h>
#include <openssl/sha.h>
#include <sys/socket.h>

#include "dataplane/protocol/rtmp/command.h"

namespace weir::tests {
namespace {

constexpr std::size_t kHeadBytes = 16;
constexpr std::size_t kInboxMax = 200'000;

std::string with_session(std::string path, std::uint64_t session) {
  if (const std::size_t at = path.find("{n}"); at != std::string::npos)
    path.replace(at, 3, std::to_string(session));
  return path;
}

std::string sha256_text(std::span<const std::uint8_t> bytes) {
  std::array<std::uint8_t, SHA256_DIGEST_LENGTH> hash;
  SHA256(bytes.data(), bytes.size(), hash.data());
  return to_hex(hash.data(), hash.size());
}

std::uint32_t big_endian(std::span<const std::uint8_t> bytes) {
  std::uint32_t value = 0;
  for (const std::uint8_t byte : bytes) value = value << 8 | byte;
  return value;
}

bool is_media(std::uint8_t type) {
  return type == 8 || type == 9 || type == 22;
}

rtmp::Message as_message(const WireMessage& message) {
  return {
      {static_cast<rtmp::MessageType>(message.type), message.time,
       static_cast<std::uint32_t>(message.payload.size()), message.stream_id, message.chunk_stream},
      message.payload};
}

}  // namespace

ScriptSession::ScriptSession(Socket socket, std::uint64_t id, const ScriptOptions& options,
                             const EventLog& log, Random& random, OnEnd on_end)
    : socket_(std::move(socket)),
      id_(id),
      options_(options),
      log_(log),
      random_(random),
      on_end_(std::move(on_end)),
      timer_(socket_.get_executor()),
      recorder_(options.nginx_format3) {
  if (!options.flv.empty()) flv_out_ = std::make_unique<FlvWriter>(with_session(options.flv, id));
  if (!options.raw.empty()) raw_out_.reset(std::fopen(with_session(options.raw, id).c_str(), "wb"));
}

void ScriptSession::start(const std::vector<Json>& steps) {
  boost::system::error_code ignored;
  socket_.set_option(boost::asio::ip::tcp::no_delay(true), ignored);
  socket_.non_blocking(true, ignored);
  for (const Json& step : steps) steps_.push_back({step});
  log_.write(id_, "connected");
  wait_readable();
  if (options_.server) set_off("accept", 0, 0);
  run();
}

void ScriptSession::go_on() {
  if (wait_ != Wait::kSignal) return;
  wait_ = Wait::kNothing;
  run();
}

void ScriptSession::close() {
  end(false);
}

void ScriptSession::flush() {
  while (!ended_ && !writing_ && sent_ < out_.size()) {
    std::size_t count = queued();
    if (piece_ > 0 && piece_ < count) count = piece_;
    const ssize_t taken = ::send(socket_.native_handle(), out_.data() + sent_, count, MSG_NOSIGNAL);
    if (taken < 0) {
      if (errno != EAGAIN && errno != EWOULDBLOCK) return lost("send failed");
      writing_ = true;
      socket_.async_wait(Socket::wait_write,
                         [self = shared_from_this()](boost::system::error_code error) {
                           self->writing_ = false;
                           if (error || self->ended_) return;
                           self->flush();
                           if (self->wait_ == Wait::kDrain && self->queued() == 0) {
                             self->wait_ = Wait::kNothing;
                             self->run();
                           }
                         });
      return;
    }
    sent_ += static_cast<std::size_t>(taken);
  }
  if (sent_ == out_.size()) {
    out_.clear();
    sent_ = 0;
  }
  if (finishing_ && queued() == 0 && !ended_) {
    // Not closed with bytes unread, because that resets the connection under what was sent.
    boost::system::error_code ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
  }
}

void ScriptSession::wait_readable() {
  if (ended_ || reading_ || read_paused_ || peer_closed_) return;
  reading_ = true;
  socket_.async_wait(Socket::wait_read,
                     [self = shared_from_this()](boost::system::error_code error) {
                       self->reading_ = false;
                       if (!error && !self->ended_ && !self->read_paused_) self->on_readable();
                     });
}

void ScriptSession::on_readable() {
  std::array<std::uint8_t, 65536> buffer;
  const ssize_t count = ::recv(socket_.native_handle(), buffer.data(), buffer.size(), 0);
  if (count == 0) return lost("closed by the other end");
  if (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
    return lost(errno == ECONNRESET ? "reset by the other end" : "receive failed");
  if (count > 0) {
    const auto size = static_cast<std::size_t>(count);
    received_ += size;
    if (raw_out_) {
      std::fwrite(buffer.data(), 1, size, raw_out_.get());
      std::fflush(raw_out_.get());
    }
    consume({buffer.data(), size});
    acknowledge();
    run();
  }
  wait_readable();
}

void ScriptSession::consume(std::span<const std::uint8_t> input) {
  if ((client_ || server_) && !consume_handshake(input)) return;
  recorder_.feed(input);
  while (!ended_) {
    const auto message = recorder_.next();
    if (!message) break;
    on_message(*message);
  }
  if (!ended_ && !recorder_.failure().empty()) {
    log_.write(id_, "unreadable", EventLog::field("why", recorder_.failure()));
    end(true);
  }
}

/// True when the handshake is over and `input` holds chunk data.
bool ScriptSession::consume_handshake(std::span<const std::uint8_t>& input) {
  if (client_) {
    std::vector<std::uint8_t> second;
    if (!client_->feed(input, second)) return false;
    (client_->holds_second_back() ? held_back_ : out_) = second;
    log_.write(id_, "handshake", EventLog::field("server", client_->findings()));
    client_.reset();
  } else {
    const rtmp::HandshakeStep step = server_->feed(input, random_, out_);
    flush();
    if (step == rtmp::HandshakeStep::kFailed) return lost(rtmp::to_text(server_->error())), false;
    if (step != rtmp::HandshakeStep::kDone) return false;
    log_.write(id_, "handshake",
               EventLog::field("client", server_->digest() ? std::string_view("digest")
                                                           : std::string_view("simple")));
    server_.reset();
  }
  if (wait_ == Wait::kHandshake) {
    wait_ = Wait::kNothing;
    timer_.cancel();
  }
  return true;
}

void ScriptSession::on_message(const RecordedMessage& recorded) {
  Seen seen = describe(recorded);
  record(recorded, seen);
  if (flv_out_) flv_out_->write(recorded.message);
  answer_by_itself(recorded.message, seen);
  const std::string what = seen.command;
  const double transaction = seen.transaction;
  if (inbox_.size() < kInboxMax) inbox_.push_back(std::move(seen));
  if (wait_ == Wait::kMatch || wait_ == Wait::kSilence) look_for_match();
  if (!options_.server) return;
  if (!what.empty()) {
    set_off(what, transaction, recorded.message.stream_id);
  } else if (is_media(recorded.message.type) && !media_seen_) {
    media_seen_ = true;
    set_off("media", 0, recorded.message.stream_id);
  }
}

ScriptSession::Seen ScriptSession::describe(const RecordedMessage& recorded) const {
  const WireMessage& message = recorded.message;
  Seen seen;
  seen.type = message.type;
  seen.chunk_stream = message.chunk_stream;
  seen.stream_id = message.stream_id;
  seen.time = message.time;
  seen.length = static_cast<std::uint32_t>(message.payload.size());
  seen.sha256 = sha256_text(message.payload);
  const std::span<const std::uint8_t> payload(message.payload);
  if (const auto command = rtmp::parse_command(as_message(message))) {
    seen.command = command->name;
    seen.transaction = command->transaction;
    if (const auto info = rtmp::status_info(*command)) {
      seen.code = info->code;
      seen.level = info->level;
    }
  } else if (message.type == 4 && payload.size() >= 6) {
    seen.event = big_endian(payload.first(2));
    seen.value = big_endian(payload.subspan(2, 4));
  } else if (message.type < 7 && payload.size() >= 4) {
    seen.value = big_endian(payload.first(4));
  }
  return seen;
}

void ScriptSession::record(const RecordedMessage& recorded, const Seen& seen) {
  const std::uint64_t number = messages_++;
  const WireMessage& message = recorded.message;
  if (options_.quiet && is_media(message.type)) return;
  const std::size_t head = std::min(kHeadBytes, message.payload.size());
  std::string more = fmt::format(
      ",\"n\":{},\"type\":{},\"csid\":{},\"msid\":{},\"time\":{},\"length\":{},\"fmt\":{},"
      "\"chunks\":{},\"sha256\":\"{}\",\"head\":\"{}\"",
      number, seen.type, seen.chunk_stream, seen.stream_id, seen.time, seen.length, recorded.format,
      recorded.chunks, seen.sha256, to_hex(message.payload.data(), head));
  if (seen.event) more += fmt::format(",\"user\":{}", *seen.event);
  if (seen.value) more += fmt::format(",\"value\":{}", *seen.value);
  if (!seen.command.empty()) {
    more += EventLog::field("command", seen.command);
    if (!seen.code.empty()) more += EventLog::field("code", seen.code);
    if (!seen.level.empty()) more += EventLog::field("level", seen.level);
  }
  if (message.type == 18 || message.type == 20) {
    more += ",\"values\":" + amf0_to_json(message.payload);
  } else if ((message.type == 15 || message.type == 17) && !message.payload.empty()) {
    more += ",\"values\":" + amf0_to_json(std::span(message.payload).subspan(1));
  }
  log_.write(id_, "message", more);
}

void ScriptSession::answer_by_itself(const WireMessage& message, const Seen& seen) {
  if (message.type == 5 && seen.value) window_ = *seen.value;
  if (message.type != 4 || seen.event != 6U || !answer_pings_) return;
  WireMessage pong{4, 2, 0, 0, {0, 7}};
  pong.payload.insert(pong.payload.end(), message.payload.begin() + 2, message.payload.end());
  encoder_.begin(std::move(pong), {}, out_);
}

void ScriptSession::set_off(std::string_view what, double transaction, std::uint32_t stream_id) {
  for (const ScriptRule& rule : options_.rules) {
    if (rule.on != what || (rule.session && *rule.session != id_)) continue;
    for (const Json& step : rule.steps) steps_.push_back({step, transaction, stream_id});
    return;
  }
}

void ScriptSession::acknowledge() {
  if (ended_ || !send_acks_ || window_ == 0 || received_ - acknowledged_ < window_ / 2) return;
  acknowledged_ = received_;
  WireMessage ack{3, 2, 0, 0, {}};
  for (int shift = 24; shift >= 0; shift -= 8)
    ack.payload.push_back(static_cast<std::uint8_t>(received_ >> shift));
  encoder_.begin(std::move(ack), {}, out_);
  flush();
}

void ScriptSession::lost(std::string_view reason) {
  if (ended_ || peer_closed_) return;
  peer_closed_ = true;
  log_.write(id_, "closed",
             EventLog::field("code", reason) +
                 EventLog::field("unfinished", std::uint64_t{recorder_.unfinished()}));
  if (finishing_ || options_.server) return end(false);
  if (wait_ == Wait::kClose) {
    wait_ = Wait::kNothing;
    return run();
  }
  // What came before the end may still satisfy the steps that are left.
  if (wait_ == Wait::kNothing) return run();
  if (wait_ != Wait::kSignal && wait_ != Wait::kPause) {
    bad_step("the other end closed");
  }
}

void ScriptSession::end(bool failed) {
  if (ended_) return;
  ended_ = true;
  timer_.cancel();
  boost::system::error_code ignored;
  socket_.close(ignored);
  if (on_end_) std::exchange(on_end_, nullptr)(failed);
}

}  // namespace weir::tests
