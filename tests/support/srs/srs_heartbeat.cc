#include "tests/support/srs/srs_heartbeat.h"

#include <charconv>
#include <chrono>
#include <memory>
#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

namespace weir::tests {
namespace {

using boost::asio::ip::tcp;

constexpr auto kPatience = std::chrono::seconds(30);
constexpr std::size_t kAnswerMax = 16 * 1024;

class Post : public std::enable_shared_from_this<Post> {
 public:
  Post(boost::asio::io_context& context, std::string request, HeartbeatDone done)
      : socket_(context), timer_(context), out_(std::move(request)), done_(std::move(done)) {}

  void start(const tcp::endpoint& to) {
    timer_.expires_after(kPatience);
    timer_.async_wait([self = shared_from_this()](boost::system::error_code error) {
      if (!error) self->finish(0, "no answer");
    });
    socket_.async_connect(to, [self = shared_from_this()](boost::system::error_code error) {
      if (error) return self->finish(0, error.message());
      boost::asio::async_write(self->socket_, boost::asio::buffer(self->out_),
                               [self](boost::system::error_code failed, std::size_t) {
                                 if (failed) return self->finish(0, failed.message());
                                 self->read();
                               });
    });
  }

 private:
  void read() {
    socket_.async_read_some(
        boost::asio::buffer(buffer_),
        [self = shared_from_this()](boost::system::error_code error, std::size_t count) {
          self->in_.append(self->buffer_, count);
          if (self->complete()) return self->finish_answered();
          if (error || self->in_.size() > kAnswerMax) return self->finish(0, error.message());
          self->read();
        });
  }
  bool complete() const {
    const std::size_t end = in_.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    const std::size_t at = in_.find("Content-Length: ");
    std::size_t length = 0;
    if (at < end) std::from_chars(in_.data() + at + 16, in_.data() + end, length);
    return in_.size() >= end + 4 + length;
  }
  void finish_answered() {
    int status = 0;
    if (in_.size() > 12) std::from_chars(in_.data() + 9, in_.data() + 12, status);
    finish(status, in_.substr(in_.find("\r\n\r\n") + 4));
  }
  void finish(int status, const std::string& answer) {
    if (!done_) return;
    boost::system::error_code ignored;
    socket_.close(ignored);
    timer_.cancel();
    std::exchange(done_, nullptr)(status, answer);
  }

  tcp::socket socket_;
  boost::asio::steady_timer timer_;
  std::string out_;
  std::string in_;
  char buffer_[4096];
  HeartbeatDone done_;
};

}  // namespace

void post_heartbeat(boost::asio::io_context& context, const std::string& host, std::uint16_t port,
                    const std::string& path, const std::string& body, HeartbeatDone done) {
  boost::system::error_code bad;
  const auto address = boost::asio::ip::make_address(host, bad);
  if (bad) {
    boost::asio::post(context, [done = std::move(done), why = bad.message()] { done(0, why); });
    return;
  }
  const std::string request = fmt::format(
      "POST {} HTTP/1.1\r\nConnection: Keep-Alive\r\nContent-Length: {}\r\nContent-Type: "
      "application/json\r\nHost: {}:{}\r\nUser-Agent: SRS/7.0.18(Hang)\r\n\r\n{}",
      path, body.size(), host, port, body);
  std::make_shared<Post>(context, request, std::move(done))->start({address, port});
}

}  // namespace weir::tests
