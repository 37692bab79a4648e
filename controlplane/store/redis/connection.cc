#include "controlplane/store/redis/connection.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

#include "controlplane/store/redis/limits.h"
#include "controlplane/store/redis/resp.h"
#include "controlplane/store/redis/tls.h"

namespace weir::store::redis {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

auto in_ms(Duration time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
}

}  // namespace

/// Pending operations hold it; a null handler means that nobody wants to hear of them any more.
struct Connection::State : std::enable_shared_from_this<Connection::State> {
  State(boost::asio::io_context& io, const Clock& clock_in, ConnectionTimes times_in,
        boost::asio::ssl::context* context, std::string name, ConnectionHandler& handler_in)
      : clock(clock_in),
        times(times_in),
        server_name(std::move(name)),
        handler(&handler_in),
        resolver(io),
        socket(io),
        timer(io) {
    if (context != nullptr) tls.emplace(socket, *context);
  }

  void open(const HostPort& address);
  void connect(std::vector<tcp::endpoint> endpoints);
  void connected();
  void ready();
  void read();
  void received(std::size_t count);
  void write(std::string_view bytes, std::size_t answers);
  void flush();
  void look(Duration after);
  void judge();
  std::string_view to_what() const;
  void broken(std::string_view while_doing, const error_code& error);
  void fail(const std::string& why);
  void close();

  const Clock& clock;
  const ConnectionTimes times;
  const std::string server_name;
  ConnectionHandler* handler;
  std::string host;
  tcp::resolver resolver;
  tcp::socket socket;
  std::optional<TlsStream> tls;
  boost::asio::steady_timer timer;
  MonotonicTime expected_look{};
  MonotonicTime opened_at{};
  enum class Step : std::uint8_t { kResolve, kConnect, kTls, kUp } step = Step::kResolve;
  bool established = false;
  bool answered = false;
  MonotonicTime last_received{};
  std::size_t owed = 0;  ///< answers
  /// Since when the peer has let an answer wait without sending anything.
  std::optional<MonotonicTime> owed_since;
  bool ping_due = true;  ///< on_idle() was not called since the last bytes
  RespReader reader;
  std::array<char, kReadBytes> input{};
  std::string gathered;  ///< for the next write
  std::string writing;
  bool flush_posted = false;
};

void Connection::State::open(const HostPort& address) {
  host = address.host;
  opened_at = clock.now();
  look(times.connect_deadline);
  error_code not_literal;
  const auto literal = boost::asio::ip::make_address(host, not_literal);
  if (!not_literal) return connect({tcp::endpoint(literal, address.port)});
  resolver.async_resolve(host, std::to_string(address.port), tcp::resolver::numeric_service,
                         [self = shared_from_this()](const error_code& error,
                                                     const tcp::resolver::results_type& results) {
                           if (self->handler == nullptr) return;
                           if (error)
                             return self->broken(fmt::format("cannot resolve '{}'", self->host),
                                                 error);
                           std::vector<tcp::endpoint> endpoints;
                           for (const auto& entry : results) endpoints.push_back(entry.endpoint());
                           self->connect(std::move(endpoints));
                         });
}

void Connection::State::connect(std::vector<tcp::endpoint> endpoints) {
  step = Step::kConnect;
  // The vector must outlive the operation; the handler holds it.
  const auto kept = std::make_shared<std::vector<tcp::endpoint>>(std::move(endpoints));
  boost::asio::async_connect(socket, kept->begin(), kept->end(),
                             [self = shared_from_this(), kept](const error_code& error, auto) {
                               if (self->handler == nullptr) return;
                               if (error) return self->broken("cannot connect", error);
                               self->connected();
                             });
}

void Connection::State::connected() {
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  if (!tls) return ready();
  step = Step::kTls;
  const std::string& name = server_name.empty() ? host : server_name;
  if (!expect_peer(*tls, name))
    return fail(fmt::format("TLS: no certificate can name '{}': set redis.server_name", name));
  tls->async_handshake(boost::asio::ssl::stream_base::client,
                       [self = shared_from_this()](const error_code& error) {
                         if (self->handler == nullptr) return;
                         if (error) return self->broken("TLS handshake", error);
                         self->ready();
                       });
}

void Connection::State::ready() {
  step = Step::kUp;
  last_received = clock.now();
  read();
  handler->on_open();
}

void Connection::State::read() {
  auto done = [self = shared_from_this()](const error_code& error, std::size_t count) {
    if (self->handler == nullptr) return;
    if (error) return self->broken("connection lost", error);
    self->received(count);
  };
  if (tls)
    tls->async_read_some(boost::asio::buffer(input), std::move(done));
  else
    socket.async_read_some(boost::asio::buffer(input), std::move(done));
}

void Connection::State::received(std::size_t count) {
  last_received = clock.now();
  owed_since.reset();
  ping_due = true;
  answered = true;
  reader.feed({input.data(), count});
  while (auto reply = reader.next()) {
    // A message of a subscription is owed by nobody.
    if (owed > 0) --owed;
    handler->on_reply(std::move(*reply));
    if (handler == nullptr) return;
  }
  if (owed > 0 && !owed_since) owed_since = last_received;
  if (!reader.failure().empty()) return fail(reader.failure());
  read();
}

void Connection::State::write(std::string_view bytes, std::size_t answers) {
  gathered += bytes;
  owed += answers;
  if (!owed_since) owed_since = clock.now();
  if (flush_posted || !writing.empty()) return;
  flush_posted = true;
  // What is written in this turn of the loop goes out together: one system call, one TLS record.
  boost::asio::post(socket.get_executor(), [self = shared_from_this()] {
    self->flush_posted = false;
    if (self->handler != nullptr) self->flush();
  });
}

void Connection::State::flush() {
  if (gathered.empty() || !writing.empty()) return;
  std::swap(writing, gathered);
  auto done = [self = shared_from_this()](const error_code& error, std::size_t) {
    self->writing.clear();
    if (self->handler == nullptr) return;
    if (error) return self->broken("connection lost", error);
    self->flush();
  };
  if (tls)
    boost::asio::async_write(*tls, boost::asio::buffer(writing), std::move(done));
  else
    boost::asio::async_write(socket, boost::asio::buffer(writing), std::move(done));
}

/// Arms the one timer, for whatever can be due first.
void Connection::State::look(Duration after) {
  expected_look = clock.now() + after;
  timer.expires_after(after);
  timer.async_wait([self = shared_from_this()](const error_code& error) {
    if (!error && self->handler != nullptr) self->judge();
  });
}

void Connection::State::judge() {
  const MonotonicTime now = clock.now();
  if (now > expected_look + kStoodStill) return look(kLookAgain);
  if (!established) {
    const MonotonicTime due = opened_at + times.connect_deadline;
    if (now < due) return look(due - now);
    return fail(
        fmt::format("no answer {} within {} ms{}", to_what(), in_ms(times.connect_deadline),
                    // A plain Redis takes a handshake for a line without its end.
                    step == Step::kTls ? ": does this port speak TLS? (redis:// if not)" : ""));
  }
  if (owed_since && now - *owed_since >= times.silence_max)
    return fail(fmt::format("silent for {} ms", in_ms(now - *owed_since)));
  if (ping_due && now - last_received >= times.ping_interval) {
    ping_due = false;
    handler->on_idle();
    if (handler == nullptr) return;
  }
  MonotonicTime due = ping_due ? last_received + times.ping_interval : now + times.ping_interval;
  due = std::min(due, owed_since.value_or(now) + times.silence_max);
  look(std::max<Duration>(due - now, std::chrono::milliseconds(1)));
}

std::string_view Connection::State::to_what() const {
  switch (step) {
    case Step::kResolve:
      return "from the name servers";
    case Step::kConnect:
      return "to the dial";
    case Step::kTls:
      return "to the TLS handshake";
    case Step::kUp:
      break;
  }
  return "to the log-in";
}

void Connection::State::broken(std::string_view while_doing, const error_code& error) {
  if (tls && is_tls_error(error)) return fail(tls_failure(*tls, error));
  const bool ended =
      error == boost::asio::error::eof || error == boost::asio::error::connection_reset;
  if (step == Step::kUp && !answered && ended)
    return fail(tls ? "closed by the peer before it said anything"
                    : "closed by the peer before it said anything: does this port want TLS? "
                      "(rediss://)");
  fail(fmt::format("{}: {}", while_doing, error.message()));
}

void Connection::State::fail(const std::string& why) {
  ConnectionHandler* const told = handler;
  close();
  if (told != nullptr) told->on_closed(why);
}

void Connection::State::close() {
  handler = nullptr;
  error_code ignored;
  socket.close(ignored);
  resolver.cancel();
  timer.cancel();
}

Connection::Connection(boost::asio::io_context& io, const Clock& clock, ConnectionTimes times,
                       boost::asio::ssl::context* tls, std::string server_name,
                       ConnectionHandler& handler)
    : state_(std::make_shared<State>(io, clock, times, tls, std::move(server_name), handler)) {}

Connection::~Connection() {
  state_->close();
}

void Connection::open(const HostPort& address) {
  state_->open(address);
}

void Connection::established() {
  state_->established = true;
  state_->owed_since.reset();
  state_->look(std::min(state_->times.ping_interval, state_->times.silence_max));
}

void Connection::write(std::string_view bytes, std::size_t answers) {
  state_->write(bytes, answers);
}

void Connection::close() {
  state_->close();
}

}  // namespace weir::store::redis
