#include "tests/support/rtmp/rtmp_peer.h"

#include <array>
#include <cerrno>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <sys/socket.h>

#include "dataplane/protocol/rtmp/chunk_writer.h"

namespace weir::tests {
namespace {

constexpr std::size_t kReadBytes = 256 * 1024;
constexpr int kReadsPerTurn = 4;

std::array<std::uint8_t, kReadBytes>& read_buffer() {
  static thread_local std::array<std::uint8_t, kReadBytes> buffer;
  return buffer;
}

}  // namespace

RtmpPeer::RtmpPeer(Socket socket, Role role, RtmpPeerHandler& handler, Random& random)
    : socket_(std::move(socket)), role_(role), handler_(&handler), random_(random) {}

void RtmpPeer::start() {
  boost::system::error_code ignored;
  socket_.set_option(boost::asio::ip::tcp::no_delay(true), ignored);
  socket_.non_blocking(true, ignored);
  if (role_ == Role::kServer) {
    server_ = std::make_unique<rtmp::ServerHandshake>();
  } else {
    client_ = std::make_unique<rtmp::ClientHandshake>();
    client_->start(random_, out_);
    flush();
  }
  wait_readable();
}

void RtmpPeer::send(const rtmp::MessageHeader& header, rtmp::Bytes payload) {
  if (closed_) return;
  rtmp::write_message(out_, header, payload, chunk_size_out_);
  schedule_flush();
}

void RtmpPeer::send(const rtmp::ControlMessage& message) {
  send(message.header, message.payload());
}

void RtmpPeer::set_chunk_size(std::uint32_t size) {
  send(rtmp::set_chunk_size(size));
  chunk_size_out_ = size;
}

void RtmpPeer::schedule_flush() {
  if (flush_scheduled_ || writing_) return;
  flush_scheduled_ = true;
  boost::asio::post(socket_.get_executor(), [self = shared_from_this()] {
    self->flush_scheduled_ = false;
    self->flush();
  });
}

void RtmpPeer::flush() {
  if (closed_ || writing_) return;
  while (sent_ < out_.size()) {
    const ssize_t count =
        ::send(socket_.native_handle(), out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
    if (count < 0) {
      if (errno != EAGAIN && errno != EWOULDBLOCK) return fail("send failed");
      writing_ = true;
      socket_.async_wait(Socket::wait_write,
                         [self = shared_from_this()](boost::system::error_code error) {
                           self->writing_ = false;
                           if (!error) self->flush();
                         });
      return;
    }
    sent_ += static_cast<std::size_t>(count);
    total_sent_ += static_cast<std::uint64_t>(count);
  }
  out_.clear();
  sent_ = 0;
  if (role_ == Role::kClient ? client_ == nullptr : server_ == nullptr) handler_->on_drained();
}

void RtmpPeer::pause_reading(bool paused) {
  paused_ = paused;
  if (!paused_) wait_readable();
}

void RtmpPeer::wait_readable() {
  if (closed_ || reading_ || paused_) return;
  reading_ = true;
  socket_.async_wait(Socket::wait_read,
                     [self = shared_from_this()](boost::system::error_code error) {
                       self->reading_ = false;
                       if (!error && !self->closed_ && !self->paused_) self->on_readable();
                     });
}

void RtmpPeer::on_readable() {
  auto& buffer = read_buffer();
  for (int turn = 0; turn < kReadsPerTurn && !closed_ && !paused_; ++turn) {
    const ssize_t count = ::recv(socket_.native_handle(), buffer.data(), buffer.size(), 0);
    if (count == 0) return fail("closed by the other end");
    if (count < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK) break;
      return fail(errno == ECONNRESET ? "reset by the other end" : "receive failed");
    }
    received_ += static_cast<std::uint64_t>(count);
    if (!consume({buffer.data(), static_cast<std::size_t>(count)})) return;
    acknowledge();
    if (static_cast<std::size_t>(count) < buffer.size()) break;
  }
  wait_readable();
}

bool RtmpPeer::consume(rtmp::Bytes input) {
  if ((server_ || client_) && !handshake(input)) return !closed_;
  while (!closed_) {
    const auto message = assembler_.next(input);
    if (!message) break;
    dispatch(*message);
  }
  if (!closed_ && assembler_.error() != rtmp::ChunkError::kNone) {
    fail(rtmp::to_text(assembler_.error()));
  }
  return !closed_;
}

/// True when the handshake is over and `input` holds chunk data.
bool RtmpPeer::handshake(rtmp::Bytes& input) {
  const rtmp::HandshakeStep step =
      server_ ? server_->feed(input, random_, out_) : client_->feed(input, out_);
  if (step == rtmp::HandshakeStep::kFailed) {
    fail(rtmp::to_text(server_ ? server_->error() : client_->error()));
    return false;
  }
  if (!out_.empty()) flush();
  if (step != rtmp::HandshakeStep::kDone || closed_) return false;
  server_.reset();
  client_.reset();
  handler_->on_ready();
  return !closed_;
}

void RtmpPeer::dispatch(const rtmp::Message& message) {
  switch (message.header.type) {
    case rtmp::MessageType::kWindowAckSize:
      window_ = rtmp::parse_control_value(message.payload).value_or(0);
      return;
    case rtmp::MessageType::kUserControl: {
      const auto event = rtmp::parse_user_control(message.payload);
      if (event && event->event == rtmp::UserEvent::kPingRequest)
        send(rtmp::user_control({rtmp::UserEvent::kPingResponse, event->value, 0}));
      break;
    }
    case rtmp::MessageType::kSetChunkSize:
    case rtmp::MessageType::kAcknowledgement:
      return;
    default:
      break;
  }
  handler_->on_message(message);
}

void RtmpPeer::acknowledge() {
  if (closed_ || window_ == 0 || received_ - acknowledged_ < window_ / 2) return;
  acknowledged_ = received_;
  send(rtmp::acknowledgement(static_cast<std::uint32_t>(received_)));
}

void RtmpPeer::fail(std::string_view reason) {
  if (closed_) return;
  const auto self = shared_from_this();
  close();
  handler_->on_closed(reason);
}

void RtmpPeer::close() {
  if (closed_) return;
  closed_ = true;
  boost::system::error_code ignored;
  socket_.close(ignored);
}

}  // namespace weir::tests
