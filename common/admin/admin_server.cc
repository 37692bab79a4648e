#include "common/admin/admin_server.h"

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <fmt/format.h>

#include "common/admin/limits.h"
#include "common/async/listen.h"
#include "common/base/listen_address.h"

namespace weir::admin {
namespace {

namespace http = boost::beast::http;
using boost::asio::ip::tcp;
using boost::system::error_code;
using HttpRequest = http::request<http::empty_body>;
using HttpResponse = http::response<http::string_body>;

constexpr std::string_view kFlag = "--admin";

Response text(unsigned status, std::string body) {
  return {status, "text/plain; charset=utf-8", std::move(body) + "\n"};
}

class Connection;

}  // namespace

struct AdminServer::State : std::enable_shared_from_this<AdminServer::State> {
  State(boost::asio::io_context& context, metrics::Registry& metrics_registry,
        Probes probe_functions, Options admin_options)
      : io(context),
        registry(metrics_registry),
        probes(std::move(probe_functions)),
        options(std::move(admin_options)),
        retry(context) {}

  void accept();
  Response answer(const HttpRequest& request) const;
  Response probe(bool good) const;
  bool authorised(const HttpRequest& request, std::string_view path) const;

  boost::asio::io_context& io;
  metrics::Registry& registry;
  Probes probes;
  Options options;
  std::map<std::string, Handler, std::less<>> handlers;
  std::optional<tcp::acceptor> acceptor;
  boost::asio::steady_timer retry;
  std::set<std::shared_ptr<Connection>> connections;
};

namespace {

/// One client. Held by its pending operation and by the server's set; close() ends both.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Answer = std::function<Response(const HttpRequest&)>;
  using Ended = std::function<void(const std::shared_ptr<Connection>&)>;

  Connection(tcp::socket socket, Answer answer, Ended ended)
      : stream_(std::move(socket)), answer_(std::move(answer)), ended_(std::move(ended)) {}

  void read() {
    parser_.emplace();
    parser_->header_limit(kHeaderBytesMax);
    parser_->body_limit(0);
    stream_.expires_after(kRequestTimeout);
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](const error_code& error, std::size_t) {
                       self->on_read(error);
                     });
  }

  void close() {
    error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_both, ignored);
    stream_.close();
  }

 private:
  void on_read(const error_code& error) {
    if (error == http::error::header_limit)
      return write(text(431, "the request header is too large"), true);
    if (error == http::error::body_limit || error == http::error::unexpected_body)
      return write(text(413, "no request body is accepted"), true);
    if (error && error.category() == http::make_error_code(http::error::bad_method).category() &&
        error != http::error::end_of_stream && error != http::error::partial_message)
      return write(text(400, "not an HTTP/1.1 request"), true);
    if (error) return end();
    write(answer_(parser_->get()), !parser_->get().keep_alive());
  }

  void write(Response answer, bool last) {
    const bool parsed = parser_->is_header_done();
    response_ = {};
    response_.version(11);
    response_.result(answer.status);
    response_.set(http::field::content_type, answer.content_type);
    response_.set(http::field::cache_control, "no-store");
    if (answer.status == 401) response_.set(http::field::www_authenticate, "Bearer");
    if (answer.status == 405) response_.set(http::field::allow, "GET, HEAD");
    response_.keep_alive(!last);
    response_.content_length(answer.body.size());
    if (!parsed || parser_->get().method() != http::verb::head)
      response_.body() = std::move(answer.body);
    stream_.expires_after(kRequestTimeout);
    http::async_write(stream_, response_,
                      [self = shared_from_this(), last](const error_code& error, std::size_t) {
                        if (error || last) return self->end();
                        self->read();
                      });
  }

  void end() {
    close();
    if (auto ended = std::exchange(ended_, nullptr)) ended(shared_from_this());
  }

  boost::beast::tcp_stream stream_;
  boost::beast::flat_buffer buffer_{kHeaderBytesMax};
  std::optional<http::request_parser<http::empty_body>> parser_;
  HttpResponse response_;
  Answer answer_;
  Ended ended_;
};

}  // namespace

void AdminServer::State::accept() {
  acceptor->async_accept([weak = weak_from_this()](const error_code& error, tcp::socket socket) {
    const auto self = weak.lock();
    if (!self || !self->acceptor || error == boost::asio::error::operation_aborted) return;
    if (error) {
      self->retry.expires_after(kAcceptRetryDelay);
      self->retry.async_wait([weak](const error_code& cancelled) {
        const auto state = weak.lock();
        if (state && state->acceptor && !cancelled) state->accept();
      });
      return;
    }
    if (self->connections.size() < kConnectionsMax) {
      auto connection = std::make_shared<Connection>(
          std::move(socket),
          [weak](const HttpRequest& request) {
            const auto state = weak.lock();
            return state ? state->answer(request) : text(503, "stopping");
          },
          [weak](const std::shared_ptr<Connection>& done) {
            if (const auto state = weak.lock()) state->connections.erase(done);
          });
      self->connections.insert(connection);
      connection->read();
    }  // else: the socket closes here; a monitoring system tries again
    self->accept();
  });
}

bool AdminServer::State::authorised(const HttpRequest& request, std::string_view path) const {
  if (options.token.empty() || path == "/livez" || path == "/readyz") return true;
  static constexpr std::string_view kScheme = "Bearer ";
  const auto header = request[http::field::authorization];
  const std::string_view value(header.data(), header.size());
  return value.starts_with(kScheme) && options.token.equals(value.substr(kScheme.size()));
}

Response AdminServer::State::probe(bool good) const {
  if (good) return text(200, "ok");
  std::string body = "not ready";
  for (const std::string& reason : probes.reasons()) body += "\n" + reason;
  return text(503, std::move(body));
}

Response AdminServer::State::answer(const HttpRequest& request) const {
  const std::string_view target(request.target().data(), request.target().size());
  const std::size_t mark = std::min(target.find('?'), target.size());
  const std::string_view path = target.substr(0, mark);
  const std::string_view query = target.substr(std::min(mark + 1, target.size()));
  if (!authorised(request, path))
    return text(401, "send the token of --token-file as 'Authorization: Bearer <token>'");
  const auto handler = handlers.find(path);
  if (handler == handlers.end()) {
    std::string body = "no such path; there are:";
    for (const auto& [name, unused] : handlers) body += " " + name;
    return text(404, std::move(body));
  }
  if (request.method() != http::verb::get && request.method() != http::verb::head)
    return text(405, "only GET and HEAD");
  return handler->second(query);
}

AdminServer::AdminServer(boost::asio::io_context& io, metrics::Registry& registry, Probes probes,
                         Options options)
    : state_(std::make_shared<State>(io, registry, std::move(probes), std::move(options))) {
  // Handlers live in the state, so a plain pointer to it is safe inside them.
  State* const state = state_.get();
  add_handler("/livez", [state](std::string_view) {
    return state->probes.live() ? text(200, "ok") : text(503, "not alive");
  });
  add_handler("/readyz", [state](std::string_view) { return state->probe(state->probes.ready()); });
  add_handler("/metrics", [state](std::string_view) {
    return Response{200, "text/plain; version=0.0.4; charset=utf-8", state->registry.expose()};
  });
}

AdminServer::~AdminServer() {
  stop();
}

void AdminServer::add_handler(std::string path, Handler handler) {
  state_->handlers[std::move(path)] = std::move(handler);
}

Result<void> AdminServer::start() {
  const Options& options = state_->options;
  if (options.address.empty()) return {};
  if (!is_loopback_listener(options.address) && options.token.empty() && !options.insecure)
    return make_error(
        boost::system::errc::operation_not_permitted,
        fmt::format(
            "{} {} can be reached from other machines: give --token-file FILE, or --insecure "
            "to allow everybody, or listen on 127.0.0.1",
            kFlag, options.address));
  auto acceptor = async::open_listener(state_->io, options.address, std::string(kFlag));
  if (!acceptor) return acceptor.error();
  state_->acceptor = std::move(*acceptor);
  state_->accept();
  return {};
}

std::string AdminServer::address() const {
  return state_->acceptor ? async::local_address(*state_->acceptor) : std::string();
}

void AdminServer::stop() {
  state_->acceptor.reset();
  state_->retry.cancel();
  const auto connections = std::exchange(state_->connections, {});
  for (const auto& connection : connections) connection->close();
}

}  // namespace weir::admin
