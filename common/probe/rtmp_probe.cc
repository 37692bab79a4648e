#include "common/probe/rtmp_probe.h"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

#include "common/base/listen_address.h"

namespace weir::probe {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

/// RTMP 1.0, 5.2: C0/S0 is the version byte, C1/S1 has 1536 bytes.
constexpr std::uint8_t kVersion = 3;
constexpr std::size_t kHandshakeBytes = 1 + 1536;
constexpr std::size_t kC1HeaderBytes = 8;  // time and zero: the simple handshake

Outcome outcome_of(const error_code& error) {
  namespace ae = boost::asio::error;
  if (error == ae::connection_refused) return Outcome::kRefused;
  if (error == ae::connection_reset || error == ae::eof || error == ae::broken_pipe)
    return Outcome::kReset;
  if (error == ae::timed_out) return Outcome::kTimedOut;
  return Outcome::kUnreachable;
}

std::string text_of(const tcp::endpoint& endpoint) {
  return format_host_port(endpoint.address().to_string(), endpoint.port());
}

}  // namespace

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::kAnswered:
      return "answered";
    case Outcome::kRefused:
      return "refused";
    case Outcome::kReset:
      return "reset";
    case Outcome::kTimedOut:
      return "timed out";
    case Outcome::kUnreachable:
      return "unreachable";
    case Outcome::kTurnedAway:
      return "turned away";
  }
  return "unknown";
}

/// Pending operations hold it; the handle's cancel() and finish() close everything, so they end at
/// once.
struct ProbeHandle::State : std::enable_shared_from_this<ProbeHandle::State> {
  State(boost::asio::io_context& io, const Clock& clock_in, ClientAddressMode mode,
        std::function<void(ProbeResult)> done)
      : clock(clock_in),
        client_address(mode),
        socket(io),
        resolver(io),
        deadline(io),
        completion(std::move(done)),
        started(clock.now()) {}

  void start(const std::string& endpoint, Random& random, Duration timeout);
  void resolve(const std::string& host, std::uint16_t port);
  void connect(std::vector<tcp::endpoint> endpoints, std::size_t index);
  void exchange();
  void broken(const error_code& error, std::size_t answered);
  void finish(Outcome outcome, std::string message);
  void close();

  const Clock& clock;
  const ClientAddressMode client_address;
  tcp::socket socket;
  tcp::resolver resolver;
  boost::asio::steady_timer deadline;
  std::function<void(ProbeResult)> completion;
  const MonotonicTime started;
  std::vector<std::uint8_t> prefix;
  std::array<std::uint8_t, kHandshakeBytes> sent{};
  std::array<std::uint8_t, kHandshakeBytes> received{};
};

void ProbeHandle::State::start(const std::string& endpoint, Random& random, Duration timeout) {
  sent[0] = kVersion;
  // Nothing depends on these bytes being hard to guess: the kernel need not be asked for each.
  SeededRandom(random.next()).fill(std::span(sent).subspan(1 + kC1HeaderBytes));
  deadline.expires_after(timeout);
  deadline.async_wait([self = shared_from_this(), timeout](const error_code& error) {
    if (error) return;
    self->finish(
        Outcome::kTimedOut,
        fmt::format("no RTMP answer within {} ms",
                    std::chrono::duration_cast<std::chrono::milliseconds>(timeout).count()));
  });
  const auto target = parse_host_port(endpoint);
  if (!target) {
    // Posted: the completion never runs inside the caller's frame.
    boost::asio::post(socket.get_executor(),
                      [self = shared_from_this(), message = target.error().message] {
                        self->finish(Outcome::kUnreachable, message);
                      });
    return;
  }
  error_code not_literal;
  const auto address = boost::asio::ip::make_address(target->host, not_literal);
  if (not_literal)
    resolve(target->host, target->port);
  else
    connect({tcp::endpoint(address, target->port)}, 0);
}

void ProbeHandle::State::resolve(const std::string& host, std::uint16_t port) {
  resolver.async_resolve(host, std::to_string(port), tcp::resolver::numeric_service,
                         [self = shared_from_this(), host](
                             const error_code& error, const tcp::resolver::results_type& results) {
                           if (!self->completion) return;
                           if (error)
                             return self->finish(
                                 Outcome::kUnreachable,
                                 fmt::format("cannot resolve '{}': {}", host, error.message()));
                           std::vector<tcp::endpoint> endpoints;
                           for (const auto& entry : results) endpoints.push_back(entry.endpoint());
                           self->connect(std::move(endpoints), 0);
                         });
}

void ProbeHandle::State::connect(std::vector<tcp::endpoint> endpoints, std::size_t index) {
  const tcp::endpoint target = endpoints[index];
  error_code ignored;
  socket.close(ignored);
  socket.async_connect(target, [self = shared_from_this(), endpoints = std::move(endpoints),
                                index](const error_code& error) mutable {
    if (!self->completion) return;
    if (!error) return self->exchange();
    if (index + 1 < endpoints.size()) return self->connect(std::move(endpoints), index + 1);
    self->finish(outcome_of(error), fmt::format("connect: {}", error.message()));
  });
}

void ProbeHandle::State::exchange() {
  if (client_address != ClientAddressMode::kNone) {
    error_code gone;
    const tcp::endpoint here = socket.local_endpoint(gone);
    const tcp::endpoint there = socket.remote_endpoint(gone);
    if (gone) return finish(outcome_of(gone), fmt::format("connect: {}", gone.message()));
    prefix = client_address_prefix(client_address, text_of(here), text_of(there));
  }
  const std::array<boost::asio::const_buffer, 2> opening{boost::asio::buffer(prefix),
                                                         boost::asio::buffer(sent)};
  boost::asio::async_write(socket, opening,
                           [self = shared_from_this()](const error_code& error, std::size_t) {
                             if (self->completion && error) self->broken(error, 0);
                           });
  boost::asio::async_read(socket, boost::asio::buffer(received),
                          [self = shared_from_this()](const error_code& error, std::size_t count) {
                            if (!self->completion) return;
                            if (error)
                              self->broken(error, count);
                            else if (self->received[0] != kVersion)
                              self->finish(
                                  Outcome::kUnreachable,
                                  fmt::format("not RTMP: version byte {}", self->received[0]));
                            else
                              self->finish(Outcome::kAnswered, {});
                          });
}

/// An accepted connection has ended, `answered` bytes into the answer.
void ProbeHandle::State::broken(const error_code& error, std::size_t answered) {
  const Outcome outcome = outcome_of(error);
  if (outcome == Outcome::kReset && answered == 0)
    return finish(Outcome::kTurnedAway, "accepted and closed without an answer: full?");
  finish(outcome, fmt::format("handshake: {}", error.message()));
}

void ProbeHandle::State::finish(Outcome outcome, std::string message) {
  if (!completion) return;
  const auto done = std::exchange(completion, nullptr);
  close();
  done({outcome, clock.now() - started, std::move(message)});
}

void ProbeHandle::State::close() {
  completion = nullptr;
  error_code ignored;
  socket.close(ignored);
  resolver.cancel();
  deadline.cancel();
}

ProbeHandle& ProbeHandle::operator=(ProbeHandle&& other) noexcept {
  if (this != &other) {
    cancel();
    state_ = std::move(other.state_);
  }
  return *this;
}

void ProbeHandle::cancel() {
  if (const auto state = std::exchange(state_, nullptr)) state->close();
}

ProbeHandle async_probe_rtmp(boost::asio::io_context& io, const Clock& clock,
                             const std::string& endpoint, Random& random,
                             std::function<void(ProbeResult)> completion, Duration timeout,
                             ClientAddressMode client_address) {
  auto state =
      std::make_shared<ProbeHandle::State>(io, clock, client_address, std::move(completion));
  state->start(endpoint, random, timeout);
  return ProbeHandle(std::move(state));
}

}  // namespace weir::probe
