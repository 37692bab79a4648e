#include "origin-agent/source/http_get.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <fmt/format.h>

#include "origin-agent/source/limits.h"

namespace weir::agent {
namespace {

namespace http = boost::beast::http;
using boost::asio::ip::tcp;
using boost::system::error_code;

Error bad_url(std::string_view text, std::string_view why) {
  return make_error(boost::system::errc::invalid_argument,
                    fmt::format("'{}' is not an http:// URL: {}", text, why));
}

}  // namespace

Result<HttpUrl> parse_http_url(std::string_view text) {
  constexpr std::string_view kScheme = "http://";
  if (!text.starts_with(kScheme)) return bad_url(text, "it does not begin with http://");
  if (std::any_of(text.begin(), text.end(), [](unsigned char c) { return c <= ' ' || c == 0x7f; }))
    return bad_url(text, "it contains a space or a control character");
  std::string_view rest = text.substr(kScheme.size());
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  std::string_view authority = rest.substr(0, slash);
  HttpUrl url;
  if (slash < rest.size()) url.target = std::string(rest.substr(slash));
  if (authority.find('@') != std::string_view::npos) return bad_url(text, "it names a user");
  std::string_view port;
  if (authority.starts_with('[')) {
    const std::size_t bracket = authority.find(']');
    if (bracket == std::string_view::npos) return bad_url(text, "the bracket is not closed");
    url.host = std::string(authority.substr(1, bracket - 1));
    port = authority.substr(bracket + 1);
  } else {
    const std::size_t colon = std::min(authority.find(':'), authority.size());
    url.host = std::string(authority.substr(0, colon));
    port = authority.substr(colon);
  }
  if (url.host.empty()) return bad_url(text, "it names no host");
  if (port.empty()) return url;
  port.remove_prefix(1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), url.port);
  if (error != std::errc() || end != port.data() + port.size() || url.port == 0)
    return bad_url(text, "the port is not a number between 1 and 65535");
  return url;
}

/// Pending operations hold it; finish() and cancel() close everything, so they end at once.
struct HttpGet::State : std::enable_shared_from_this<HttpGet::State> {
  State(boost::asio::io_context& io, Callback<void(Result<std::string>)> callback)
      : socket(io), resolver(io), deadline(io), done(std::move(callback)) {
    parser.body_limit(kHttpBodyBytesMax);
    parser.header_limit(kHttpHeaderBytesMax);
  }

  void start(const HttpUrl& url, Duration timeout) {
    // HTTP/1.0: no keep-alive and no chunks, the server closes after the answer.
    request = http::request<http::empty_body>(http::verb::get, url.target, 10);
    request.set(http::field::host, fmt::format("{}:{}", url.host, url.port));
    request.set(http::field::user_agent, "weir-origin-agent");
    deadline.expires_after(timeout);
    deadline.async_wait([self = shared_from_this()](const error_code& error) {
      if (!error) self->fail(boost::asio::error::timed_out, "no whole answer in time");
    });
    error_code not_literal;
    const auto address = boost::asio::ip::make_address(url.host, not_literal);
    if (!not_literal) {
      return connect(tcp::resolver::results_type::create(tcp::endpoint(address, url.port), url.host,
                                                         std::to_string(url.port)));
    }
    resolver.async_resolve(url.host, std::to_string(url.port), tcp::resolver::numeric_service,
                           [self = shared_from_this()](const error_code& error,
                                                       const tcp::resolver::results_type& found) {
                             if (error) return self->fail(error, "cannot resolve");
                             if (self->done) self->connect(found);
                           });
  }

  void connect(const tcp::resolver::results_type& found) {
    boost::asio::async_connect(
        socket, found, [self = shared_from_this()](const error_code& error, const tcp::endpoint&) {
          if (error) return self->fail(error, "cannot connect");
          if (self->done) self->exchange();
        });
  }

  void exchange() {
    http::async_write(socket, request,
                      [self = shared_from_this()](const error_code& error, std::size_t) {
                        if (error) return self->fail(error, "cannot send");
                        if (self->done) self->read();
                      });
  }

  void read() {
    http::async_read(
        socket, buffer, parser, [self = shared_from_this()](const error_code& error, std::size_t) {
          if (error == http::error::body_limit)
            return self->finish(make_error(boost::system::errc::message_size,
                                           "the answer is too large", Side::kOrigin, true));
          if (error) return self->fail(error, "no whole answer");
          self->answered();
        });
  }

  void answered() {
    if (parser.get().result() == http::status::ok) return finish(std::move(parser.get().body()));
    fail(make_error_code(boost::system::errc::protocol_error),
         fmt::format("HTTP status {}", parser.get().result_int()));
  }

  void fail(const error_code& code, std::string what) {
    if (code.category() == boost::system::system_category()) {
      what += fmt::format(": {}", code.message());
    }
    finish(Error{code, std::move(what), Side::kOrigin, true});
  }

  void finish(Result<std::string> result) {
    auto callback = std::exchange(done, {});
    close();
    if (callback) callback(std::move(result));
  }

  void close() {
    error_code ignored;
    socket.close(ignored);
    resolver.cancel();
    deadline.cancel();
  }

  tcp::socket socket;
  tcp::resolver resolver;
  boost::asio::steady_timer deadline;
  boost::beast::flat_buffer buffer;
  http::request<http::empty_body> request;
  http::response_parser<http::string_body> parser;
  Callback<void(Result<std::string>)> done;
};

HttpGet& HttpGet::operator=(HttpGet&& other) noexcept {
  if (this != &other) {
    cancel();
    state_ = std::move(other.state_);
  }
  return *this;
}

void HttpGet::cancel() {
  if (!state_) return;
  state_->done = {};
  state_->close();
  state_.reset();
}

HttpGet HttpGet::start(boost::asio::io_context& io, const HttpUrl& url, Duration timeout,
                       Callback<void(Result<std::string>)> done) {
  HttpGet get;
  get.state_ = std::make_shared<State>(io, std::move(done));
  get.state_->start(url, timeout);
  return get;
}

}  // namespace weir::agent
