#pragma once
// RecordingOrigin: an RTMP server that accepts every publisher, records exactly what it was told,
// and serves numbered media to every player.
//
// Purpose: the other end of exactness checks, and a sink and source for benchmarks that costs
// little. It does not relay publishers to players: nginx-rtmp does that in the end-to-end tests.
// Threading: the io_context's one thread. Lifetime: outlives its pending operations; close() first.

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "common/base/random.h"
#include "tests/support/rtmp/event_log.h"

namespace weir::tests {

struct OriginOptions {
  boost::asio::ip::tcp::endpoint listen;
  bool digest = false;      ///< of every message after publish
  double serve_kbps = 500;  ///< to each player
  double serve_frames_per_second = 25;
  bool serve_flat_out = false;
  std::uint64_t serve_mixed = 0;  ///< serve this many messages of MixedScript, then the end
  std::uint32_t chunk_size = 4096;
  std::string refuse;  ///< status code sent instead of Publish.Start; empty = accept
  bool quiet = false;  ///< no event per session, for thousands of them
};

class RecordingOrigin {
 public:
  RecordingOrigin(boost::asio::io_context& context, OriginOptions options, const EventLog& log,
                  Random& random);
  ~RecordingOrigin();

  /// The port in use.
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  void close();

  std::uint64_t bytes_received() const { return bytes_received_; }
  std::uint64_t bytes_served() const { return bytes_served_; }

 private:
  class Session;
  void accept();
  void ended(std::uint64_t session);

  boost::asio::io_context& context_;
  OriginOptions options_;
  const EventLog& log_;
  Random& random_;
  boost::asio::ip::tcp::acceptor acceptor_;
  std::map<std::uint64_t, std::unique_ptr<Session>> sessions_;
  std::uint64_t next_session_ = 0;
  std::uint64_t bytes_received_ = 0;
  std::uint64_t bytes_served_ = 0;
};

}  // namespace weir::tests
