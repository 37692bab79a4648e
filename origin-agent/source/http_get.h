#pragma once
// One HTTP GET with a deadline and a bounded body: for the statistics and control pages of origins.
//
// Threading: call and completion on the io_context's one thread.
// Lifetime: the handle cancels; a cancelled or dropped request never completes.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/callback.h"
#include "common/base/clock.h"
#include "common/base/result.h"

namespace boost::asio {
class io_context;
}

namespace weir::agent {

/// `http://host[:port]/path`; IPv6 hosts in brackets.
struct HttpUrl {
  std::string host;  ///< without brackets
  std::uint16_t port = 80;
  std::string target = "/";  ///< path and query

  bool operator==(const HttpUrl&) const = default;
};

/// Errors (invalid_argument): another scheme, user information, spaces, a bad port.
Result<HttpUrl> parse_http_url(std::string_view text);

class HttpGet {
 public:
  HttpGet() = default;
  HttpGet(HttpGet&&) noexcept = default;
  HttpGet& operator=(HttpGet&& other) noexcept;
  ~HttpGet() { cancel(); }
  void cancel();

  /// The body of a 200 answer. Errors, side kOrigin: cannot connect, another status
  /// (protocol_error), too large (message_size), no whole answer within `timeout` (timed_out). The
  /// completion runs later, never inside this call.
  [[nodiscard]] static HttpGet start(boost::asio::io_context& io, const HttpUrl& url,
                                     Duration timeout, Callback<void(Result<std::string>)> done);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace weir::agent
