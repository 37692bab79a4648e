#include "origin-agent/source/http_client.h"

#include <algorithm>
#include <optional>
#include <string_view>
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

#include "common/base/contract.h"
#include "common/base/listen_address.h"
#include "origin-agent/source/limits.h"

namespace weir::agent {
namespace {

namespace http = boost::beast::http;
using boost::asio::ip::tcp;
using boost::system::error_code;

std::string base64(std::string_view bytes) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - at);
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i)
      group = group << 8 | (i < count ? static_cast<unsigned char>(bytes[at + i]) : 0u);
    for (std::size_t i = 0; i < 4; ++i)
      out += i <= count ? kDigits[group >> (18 - 6 * i) & 63] : '=';
  }
  return out;
}

}  // namespace

/// One connection and what its pending operations read and write. They hold it: one that had its
/// bytes already when the connection was given up still goes through parser and buffer.
struct HttpClient::Wire {
  explicit Wire(boost::asio::io_context& io) : socket(io) {}

  tcp::socket socket;
  boost::beast::flat_buffer buffer;
  http::request<http::empty_body> request;
  std::optional<http::response_parser<http::string_body>> parser;
};

/// Pending operations hold it. Completions of a connection that was closed find another one and do
/// nothing.
struct HttpClient::State : std::enable_shared_from_this<HttpClient::State> {
  State(boost::asio::io_context& context, HttpUrl url, Secret secret)
      : io(context),
        server(std::move(url)),
        credentials(std::move(secret)),
        wire(std::make_shared<Wire>(context)),
        resolver(context),
        deadline(context) {}

  void start(Method method, const std::string& target, Duration timeout);
  void connect();
  void connect_to(const tcp::resolver::results_type& found);
  void exchange();
  void read();
  void answered();
  void broken(const error_code& error, std::string what);
  void finish(Result<std::string> result);
  void close();
  /// Wraps a completion of the present connection.
  template <class Function>
  auto of_this_connection(Function function) {
    return [self = shared_from_this(), mine = wire, function = std::move(function)](
               const error_code& error, auto&&... rest) mutable {
      if (mine == self->wire && self->done) function(error, rest...);
    };
  }

  boost::asio::io_context& io;
  const HttpUrl server;
  const Secret credentials;
  std::shared_ptr<Wire> wire;
  tcp::resolver resolver;
  boost::asio::steady_timer deadline;
  http::request<http::empty_body> request;
  Callback<void(Result<std::string>)> done;
  bool connected = false;
  bool reused = false;  ///< the connection served a request before this one
};

void HttpClient::State::start(Method method, const std::string& target, Duration timeout) {
  request = http::request<http::empty_body>(
      method == Method::kGet ? http::verb::get : http::verb::delete_, target, 11);
  request.set(http::field::host, format_host_port(server.host, server.port));
  request.set(http::field::user_agent, "weir-origin-agent");
  request.keep_alive(true);
  // Said although it is the default of HTTP/1.1: parsers of servers of this kind differ.
  request.set(http::field::connection, "keep-alive");
  if (!credentials.empty())
    request.set(http::field::authorization, "Basic " + base64(credentials.reveal()));
  deadline.expires_after(timeout);
  deadline.async_wait([self = shared_from_this()](const error_code& error) {
    if (error || !self->done) return;
    if (self->deadline.expiry() > boost::asio::steady_timer::clock_type::now()) return;
    self->close();
    self->finish(
        make_error(boost::system::errc::timed_out, "no whole answer in time", Side::kOrigin, true));
  });
  reused = connected;
  if (connected) {
    exchange();
  } else {
    connect();
  }
}

void HttpClient::State::connect() {
  error_code not_literal;
  const auto address = boost::asio::ip::make_address(server.host, not_literal);
  const std::string port = std::to_string(server.port);
  if (!not_literal)
    return connect_to(tcp::resolver::results_type::create(tcp::endpoint(address, server.port),
                                                          server.host, port));
  resolver.async_resolve(
      server.host, port, tcp::resolver::numeric_service,
      of_this_connection([this](const error_code& error, const tcp::resolver::results_type& found) {
        if (error) return broken(error, "cannot resolve");
        connect_to(found);
      }));
}

void HttpClient::State::connect_to(const tcp::resolver::results_type& found) {
  boost::asio::async_connect(
      wire->socket, found,
      of_this_connection([this](const error_code& error, const tcp::endpoint&) {
        if (error) return broken(error, "cannot connect");
        connected = true;
        error_code ignored;
        wire->socket.set_option(tcp::no_delay(true), ignored);
        exchange();
      }));
}

void HttpClient::State::exchange() {
  wire->request = request;
  http::async_write(wire->socket, wire->request,
                    of_this_connection([this](const error_code& error, std::size_t) {
                      if (error) return broken(error, "cannot send");
                      read();
                    }));
}

void HttpClient::State::read() {
  auto& parser = wire->parser.emplace();
  parser.body_limit(kHttpBodyBytesMax);
  parser.header_limit(kHttpHeaderBytesMax);
  http::async_read(wire->socket, wire->buffer, parser,
                   of_this_connection([this](const error_code& error, std::size_t) {
                     if (error == http::error::body_limit) {
                       close();
                       return finish(make_error(boost::system::errc::message_size,
                                                "the answer is too large", Side::kOrigin, true));
                     }
                     if (error) return broken(error, "no whole answer");
                     answered();
                   }));
}

void HttpClient::State::answered() {
  const std::shared_ptr<Wire> mine = wire;  // close() begins another
  auto& response = mine->parser->get();
  // What it says about keeping the connection is no guide: SRS writes `Connection: Close` and goes
  // on reading. A body without a length, however, has ended with the connection.
  if (mine->parser->need_eof() || mine->buffer.size() > 0) close();
  if (response.result() == http::status::ok) return finish(std::move(response.body()));
  const unsigned status = response.result_int();
  close();
  finish(make_error(boost::system::errc::protocol_error, fmt::format("HTTP status {}", status),
                    Side::kOrigin, true));
}

void HttpClient::State::broken(const error_code& error, std::string what) {
  // The server closed the kept connection between two requests: nothing of this one was answered.
  const bool nothing_came = !wire->parser || !wire->parser->got_some();
  const bool again = reused && nothing_came && request.method() == http::verb::get;
  close();
  if (again) {
    reused = false;
    return connect();
  }
  if (error.category() == boost::system::system_category())
    what += fmt::format(": {}", error.message());
  finish(Error{error, std::move(what), Side::kOrigin, true});
}

void HttpClient::State::finish(Result<std::string> result) {
  deadline.cancel();
  wire->parser.reset();
  auto callback = std::exchange(done, {});
  if (callback) callback(std::move(result));
}

void HttpClient::State::close() {
  connected = false;
  error_code ignored;
  wire->socket.close(ignored);
  resolver.cancel();
  wire = std::make_shared<Wire>(io);
}

HttpClient::HttpClient(boost::asio::io_context& io, HttpUrl server, Secret credentials)
    : state_(std::make_shared<State>(io, std::move(server), std::move(credentials))) {}

HttpClient::~HttpClient() {
  close();
}

void HttpClient::request(Method method, const std::string& target, Duration timeout,
                         Callback<void(Result<std::string>)> done) {
  WEIR_ASSERT(!is_busy());
  state_->done = std::move(done);
  state_->start(method, target, timeout);
}

bool HttpClient::is_busy() const {
  return static_cast<bool>(state_->done);
}

void HttpClient::close() {
  state_->done = {};
  state_->deadline.cancel();
  state_->close();
}

}  // namespace weir::agent
