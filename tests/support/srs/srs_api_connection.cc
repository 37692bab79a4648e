#include "tests/support/srs/srs_api_connection.h"

#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

namespace weir::tests {
namespace {

constexpr std::size_t kRequestMax = 16 * 1024;

}  // namespace

SrsApiConnection::SrsApiConnection(ScriptedSrs& origin, boost::asio::ip::tcp::socket socket)
    : origin_(&origin), socket_(std::move(socket)) {
  boost::system::error_code ignored;
  socket_.set_option(boost::asio::ip::tcp::no_delay(true), ignored);
}

void SrsApiConnection::read() {
  boost::asio::async_read_until(
      socket_, boost::asio::dynamic_buffer(in_, kRequestMax), "\r\n\r\n",
      [self = shared_from_this()](boost::system::error_code error, std::size_t) {
        if (!self->origin_) return;
        if (error) return self->end();
        if (self->origin_->frozen_) {
          self->waiting_ = true;
          return;
        }
        self->answer();
      });
}

void SrsApiConnection::thaw() {
  if (std::exchange(waiting_, false)) answer();
}

void SrsApiConnection::answer() {
  const std::size_t end = in_.find("\r\n\r\n");
  const std::string line = in_.substr(0, in_.find("\r\n"));
  in_.erase(0, end + 4);
  const std::size_t first = line.find(' ');
  const std::size_t second = line.find(' ', first + 1);
  if (first == std::string::npos || second == std::string::npos) return this->end();
  const SrsApiAnswer answer =
      answer_api(origin_->self(), origin_->state_, origin_->asked_, line.substr(0, first),
                 line.substr(first + 1, second - first - 1));
  out_ = fmt::format(
      "HTTP/1.1 {}\r\nConnection: Close\r\nContent-Length: {}\r\nContent-Type: application/json\r\n"
      "{}Server: SRS/{}(Hang)\r\n\r\n{}",
      answer.status == 200   ? "200 OK"
      : answer.status == 302 ? "302 Found"
                             : "404 Not Found",
      answer.body.size(), answer.location.empty() ? "" : "Location: " + answer.location + "\r\n",
      origin_->self().version, answer.body);
  if (!answer.kick.empty()) origin_->kick(answer.kick);
  boost::asio::async_write(
      socket_, boost::asio::buffer(out_),
      [self = shared_from_this()](boost::system::error_code error, std::size_t) {
        if (!self->origin_) return;
        if (error) return self->end();
        self->read();
      });
}

void SrsApiConnection::close() {
  origin_ = nullptr;
  boost::system::error_code ignored;
  socket_.close(ignored);
}

void SrsApiConnection::end() {
  ScriptedSrs* origin = origin_;
  close();
  origin->api_connections_.erase(shared_from_this());
}

}  // namespace weir::tests
