#pragma once
// SrsApiConnection: one HTTP connection to a scripted SRS's API.
//
// Purpose: requests one after the other; every answer says `Connection: Close` and the connection
// stays open all the same, as SRS has it. Threading: the io_context's one thread. Lifetime:
// shared_ptr, kept by its pending operations and by its ScriptedSrs.

#include <memory>
#include <string>

#include <boost/asio/ip/tcp.hpp>

#include "tests/support/srs/scripted_srs.h"

namespace weir::tests {

class SrsApiConnection : public std::enable_shared_from_this<SrsApiConnection> {
 public:
  SrsApiConnection(ScriptedSrs& origin, boost::asio::ip::tcp::socket socket);

  void start() { read(); }
  /// Answers what came while the origin was frozen.
  void thaw();
  void close();

 private:
  void read();
  void answer();
  void end();

  ScriptedSrs* origin_;  ///< nullptr once it is gone
  boost::asio::ip::tcp::socket socket_;
  std::string in_;
  std::string out_;
  bool waiting_ = false;  ///< a request came while frozen
};

}  // namespace weir::tests
