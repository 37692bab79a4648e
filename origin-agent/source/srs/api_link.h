#pragma once
// ApiLink: the requests of everybody who asks one SRS, over its one connection.
//
// Purpose: SRS counts API connections against max_connections, so there is one; a look at the
// origin takes several requests, and a publisher that must go cannot wait for the end of it.
// Threading: the io_context's one thread. Lifetime: the io_context and clock outlive it; destroying
// it drops completions that are open.

#include <deque>
#include <memory>
#include <string>

#include "common/base/clock.h"
#include "origin-agent/source/http_client.h"

namespace weir::agent::srs {

class ApiLink {
 public:
  using Done = Callback<void(Result<std::string>)>;
  enum class Urgency { kNormal, kBeforeAllNormal };

  ApiLink(boost::asio::io_context& io, const Clock& clock, HttpUrl server, Secret credentials)
      : io_(io), clock_(clock), client_(io, std::move(server), std::move(credentials)) {}

  /// Ends at `deadline` at the latest, waiting for others included. The completion runs later,
  /// never inside this call.
  void ask(HttpClient::Method method, std::string target, MonotonicTime deadline, Urgency urgency,
           Done done);

 private:
  struct Request {
    HttpClient::Method method;
    std::string target;
    MonotonicTime deadline;
    Urgency urgency;
    Done done;
  };

  void next();
  void fail(Done done, std::string why);

  boost::asio::io_context& io_;
  const Clock& clock_;
  std::deque<Request> waiting_;
  HttpClient client_;
  // Completions that are posted and come after this object is gone find this expired.
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace weir::agent::srs
