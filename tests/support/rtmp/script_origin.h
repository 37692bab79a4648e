#pragma once
// Scripted runs: a client that dials and follows a script, an origin whose answers are rules.
//
// Threading: the io_context's one thread. Lifetime: ScriptOrigin outlives its sessions; close()
// first.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "tests/support/rtmp/script_session.h"

namespace weir::tests {

/// The lines of a script file (`-` = standard input): one JSON object each, `#` begins a comment.
bool read_script(const std::string& path, std::vector<Json>& lines, std::string& why);

/// Rules from the lines of a script, in front of what an accommodating server does.
bool make_rules(const std::vector<Json>& lines, std::vector<ScriptRule>& rules, std::string& why);

class ScriptOrigin {
 public:
  ScriptOrigin(boost::asio::io_context& context, const boost::asio::ip::tcp::endpoint& listen,
               ScriptOptions options, const EventLog& log, Random& random);

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  /// Ends `wait_signal` steps.
  void go_on();
  void close();

 private:
  void accept();

  ScriptOptions options_;
  const EventLog& log_;
  Random& random_;
  boost::asio::ip::tcp::acceptor acceptor_;
  std::map<std::uint64_t, std::weak_ptr<ScriptSession>> sessions_;
  std::uint64_t next_session_ = 0;
};

}  // namespace weir::tests
