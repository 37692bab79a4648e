#pragma once
// HttpClient: requests to one server over one connection that is kept open.
//
// Purpose: a server that counts its connections (SRS: max_connections, the API's included) sees one
// of ours, and neither side pays for a new one each second. A server may close a kept connection at
// any time; a GET that meets that is sent once more over a new one, anything else is an error, for
// it may have been done.
// Threading: calls and completions on the io_context's one thread. Lifetime: the io_context
// outlives it; destroying it cancels: completions that are open are dropped.

#include <memory>
#include <string>

#include "common/base/callback.h"
#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/base/secret.h"
#include "origin-agent/source/http_get.h"

namespace weir::agent {

class HttpClient {
 public:
  enum class Method { kGet, kDelete };

  /// `credentials`: `user:password` for basic authentication; empty = none.
  HttpClient(boost::asio::io_context& io, HttpUrl server, Secret credentials = {});
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// One at a time. The body of a 200 answer. Errors, side kOrigin: cannot connect, another status
  /// (protocol_error), too large (message_size), no whole answer within `timeout` (timed_out); the
  /// connection is then closed. The completion runs later, never inside this call.
  void request(Method method, const std::string& target, Duration timeout,
               Callback<void(Result<std::string>)> done);
  bool is_busy() const;
  /// Closes the connection and drops what is open; the next request opens another.
  void close();

 private:
  struct Wire;
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace weir::agent
