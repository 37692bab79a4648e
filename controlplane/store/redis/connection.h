#pragma once
// Connection: one socket to a Redis or a sentinel, plain or TLS, from its dial to its end.
//
// Purpose: bytes out (what is written in one turn of the event loop goes out as one write, one
// write at a time) and replies in. Whom a reply belongs to is its owner's business. It watches for
// silence: a peer that owes an answer and sends nothing for `silence_max` is left.
//
// Threading: the io_context's thread; the handler is called from the event loop only, never inside
// a call. Lifetime: close() and the destructor end all calls of the handler. The io_context, clock
// and TLS context outlive it.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/listen_address.h"
#include "controlplane/store/redis/reply.h"

namespace boost::asio {
class io_context;
namespace ssl {
class context;
}
}  // namespace boost::asio

namespace weir::store::redis {

class ConnectionHandler {
 public:
  virtual ~ConnectionHandler() = default;
  /// The socket (and TLS) is up: log in now.
  virtual void on_open() = 0;
  /// Replies in order. An error reply has kind kError.
  virtual void on_reply(Reply reply) = 0;
  /// Nothing was received for `ping_interval`: ask for a sign of life.
  virtual void on_idle() = 0;
  /// It failed or ended; it has closed itself.
  virtual void on_closed(const std::string& why) = 0;
};

struct ConnectionTimes {
  Duration connect_deadline{};  ///< from open() to established()
  Duration silence_max{};
  Duration ping_interval{};
};

class Connection {
 public:
  /// `tls` is null for a plain one; `server_name`: see TlsOptions.
  Connection(boost::asio::io_context& io, const Clock& clock, ConnectionTimes times,
             boost::asio::ssl::context* tls, std::string server_name, ConnectionHandler& handler);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Once.
  void open(const HostPort& address);
  /// The owner has logged in: the connect deadline no longer counts, silence does.
  void established();
  /// Only between on_open() and the end. `answers`: how many the peer owes for it.
  void write(std::string_view bytes, std::size_t answers = 1);
  void close();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace weir::store::redis
