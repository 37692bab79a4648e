#include "origin-agent/source/srs/register_server.h"

#include <list>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <fmt/format.h>

#include "common/async/listen.h"
#include "origin-agent/source/srs/limits.h"

namespace weir::agent::srs {
namespace {

namespace http = boost::beast::http;
using boost::asio::ip::tcp;
using boost::system::error_code;
using HttpRequest = http::request<http::string_body>;
using HttpResponse = http::response<http::string_body>;

constexpr std::string_view kFlag = "--srs-register";

struct Answer {
  unsigned status = 200;
  std::string body;
};

/// What SRS takes for success, of a heartbeat and of a hook alike.
Answer accepted() {
  return {200, R"({"code":0})"};
}

Answer refused(unsigned status, std::string why) {
  return {status, std::move(why) + "\n"};
}

class Connection;
using Connections = std::list<std::shared_ptr<Connection>>;

}  // namespace

struct RegisterServer::State : std::enable_shared_from_this<RegisterServer::State> {
  State(boost::asio::io_context& context, const Clock& the_clock,
        RegisterListener& register_listener, log::Logger log)
      : io(context),
        clock(the_clock),
        listener(register_listener),
        logger(std::move(log)),
        retry(context) {}

  void accept();
  void take(tcp::socket socket);
  Answer answer(const HttpRequest& request, const std::string& peer);
  Answer heartbeat(const std::string& body, const std::string& peer);
  Answer hook(const std::string& body, const std::string& peer);
  void log_once(const std::string& peer, const std::string& whose, const std::string& why);
  bool may_log(const std::string& peer);

  struct Lines {
    MonotonicTime since;
    std::size_t count = 0;
  };

  boost::asio::io_context& io;
  const Clock& clock;
  RegisterListener& listener;
  log::Logger logger;
  std::optional<tcp::acceptor> acceptor;
  boost::asio::steady_timer retry;
  Connections connections;  ///< oldest first
  std::set<std::string> logged;
  std::map<std::string, Lines> lines;  ///< by peer; of all others under an empty one
};

namespace {

/// One request. Held by its pending operation and by the server's list; close() ends both.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Answering = std::function<Answer(const HttpRequest&, const std::string& peer)>;
  using Ended = std::function<void(const std::shared_ptr<Connection>&)>;

  Connection(tcp::socket socket, Answering answering, Ended ended)
      : stream_(std::move(socket)), answering_(std::move(answering)), ended_(std::move(ended)) {
    error_code gone;
    const auto remote = stream_.socket().remote_endpoint(gone);
    if (!gone) peer_ = remote.address().to_string();
  }

  void read() {
    parser_.header_limit(kRegisterHeaderBytesMax);
    parser_.body_limit(kRegisterBodyBytesMax);
    stream_.expires_after(kRegisterRequestTimeout);
    http::async_read(stream_, buffer_, parser_,
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
      return write(refused(431, "the request header is too large"));
    if (error == http::error::body_limit) return write(refused(413, "the body is too large"));
    if (error && error.category() == http::make_error_code(http::error::bad_method).category() &&
        error != http::error::end_of_stream && error != http::error::partial_message)
      return write(refused(400, "not an HTTP/1.1 request"));
    if (error) return end();
    write(answering_(parser_.get(), peer_));
  }

  void write(Answer answer) {
    response_.version(11);
    response_.result(answer.status);
    response_.set(http::field::content_type,
                  answer.status == 200 ? "application/json" : "text/plain; charset=utf-8");
    if (answer.status == 405) response_.set(http::field::allow, "POST");
    response_.keep_alive(false);
    response_.body() = std::move(answer.body);
    response_.prepare_payload();
    http::async_write(stream_, response_,
                      [self = shared_from_this()](const error_code&, std::size_t) { self->end(); });
  }

  void end() {
    close();
    if (auto ended = std::exchange(ended_, nullptr)) ended(shared_from_this());
  }

  boost::beast::tcp_stream stream_;
  boost::beast::flat_buffer buffer_{kRegisterHeaderBytesMax + kRegisterBodyBytesMax};
  http::request_parser<http::string_body> parser_;
  HttpResponse response_;
  Answering answering_;
  Ended ended_;
  std::string peer_;
};

}  // namespace

void RegisterServer::State::accept() {
  acceptor->async_accept([weak = weak_from_this()](const error_code& error, tcp::socket socket) {
    const auto self = weak.lock();
    if (!self || !self->acceptor || error == boost::asio::error::operation_aborted) return;
    if (error) {
      self->retry.expires_after(kRegisterAcceptRetryDelay);
      self->retry.async_wait([weak](const error_code& cancelled) {
        const auto state = weak.lock();
        if (state && state->acceptor && !cancelled) state->accept();
      });
      return;
    }
    self->take(std::move(socket));
    self->accept();
  });
}

void RegisterServer::State::take(tcp::socket socket) {
  // The oldest has had longest to say something; whoever comes now may be a hook that SRS holds a
  // publisher for.
  if (connections.size() >= kRegisterConnectionsMax) {
    const auto oldest = connections.front();
    connections.pop_front();
    oldest->close();
  }
  const auto weak = weak_from_this();
  auto connection = std::make_shared<Connection>(
      std::move(socket),
      [weak](const HttpRequest& request, const std::string& peer) {
        const auto state = weak.lock();
        return state && state->acceptor ? state->answer(request, peer) : refused(503, "stopping");
      },
      [weak](const std::shared_ptr<Connection>& done) {
        if (const auto state = weak.lock()) state->connections.remove(done);
      });
  connections.push_back(connection);
  connection->read();
}

Answer RegisterServer::State::answer(const HttpRequest& request, const std::string& peer) {
  const std::string_view target(request.target().data(), request.target().size());
  std::string_view path = target.substr(0, std::min(target.find('?'), target.size()));
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const bool is_hook = path == kHooksPath;
  if (!is_hook && path != kRegisterPath && path != kServersPath)
    return refused(404, fmt::format("no such path; there are: {} {} {}", kRegisterPath,
                                    kServersPath, kHooksPath));
  if (request.method() != http::verb::post) return refused(405, "only POST");
  return is_hook ? hook(request.body(), peer) : heartbeat(request.body(), peer);
}

Answer RegisterServer::State::heartbeat(const std::string& body, const std::string& peer) {
  const Result<Heartbeat> parsed = parse_heartbeat(body);
  const Result<void> taken =
      parsed ? listener.registered(*parsed, peer) : Result<void>(parsed.error());
  if (taken) return accepted();
  log_once(peer, parsed ? fmt::format("SRS {} at {}", parsed->server, peer) : peer,
           taken.error().message);
  return refused(400, taken.error().message);
}

Answer RegisterServer::State::hook(const std::string& body, const std::string& peer) {
  const Result<HookEvent> event = parse_hook(body);
  if (!event) {
    log_once(peer, peer, "hook: " + event.error().message);
  } else if (event->action == HookEvent::Action::kPublish) {
    listener.published(*event);
  } else if (event->action == HookEvent::Action::kUnpublish) {
    listener.unpublished(*event);
  }
  return accepted();
}

void RegisterServer::State::log_once(const std::string& peer, const std::string& whose,
                                     const std::string& why) {
  const std::string line = whose + ' ' + why;
  if (logged.contains(line) || !may_log(peer)) return;
  if (logged.size() >= kRefusalsRememberedMax) logged.clear();
  logged.insert(line);
  logger.warning("{} {}: not registered: {}", kFlag, whose, why);
}

bool RegisterServer::State::may_log(const std::string& peer) {
  const MonotonicTime now = clock.now();
  const auto is_over = [now](const auto& entry) {
    return now - entry.second.since >= kRefusalLinesPer;
  };
  if (lines.size() >= kRefusalPeersMax) std::erase_if(lines, is_over);
  const bool is_new = !lines.contains(peer);
  auto& [since, count] = lines[is_new && lines.size() >= kRefusalPeersMax ? std::string() : peer];
  if (count == 0 || now - since >= kRefusalLinesPer) {
    since = now;
    count = 0;
  }
  if (count >= kRefusalLinesMax) return false;
  if (++count == kRefusalLinesMax)
    logger.warning("{} {}: more of its refusals are not logged for {} s", kFlag, peer,
                   kRefusalLinesPer.count());
  return true;
}

RegisterServer::RegisterServer(boost::asio::io_context& io, const Clock& clock,
                               RegisterListener& listener, log::Logger logger)
    : state_(std::make_shared<State>(io, clock, listener, std::move(logger))) {}

RegisterServer::~RegisterServer() {
  stop();
}

Result<void> RegisterServer::start(const std::string& address) {
  if (address.empty()) return {};
  auto acceptor = async::open_listener(state_->io, address, std::string(kFlag));
  if (!acceptor) return acceptor.error();
  state_->acceptor = std::move(*acceptor);
  state_->accept();
  return {};
}

std::string RegisterServer::address() const {
  return state_->acceptor ? async::local_address(*state_->acceptor) : std::string();
}

void RegisterServer::stop() {
  state_->acceptor.reset();
  state_->retry.cancel();
  const auto connections = std::exchange(state_->connections, {});
  for (const auto& connection : connections) connection->close();
}

}  // namespace weir::agent::srs
