#pragma once
// ScriptedSrs: one origin that answers as SRS 7.0.18 does: RTMP, HTTP API and heartbeats.
//
// Purpose: hundreds of origins in one process for a few percent of a core, and the faults that a
// real SRS shows only by luck: busy streams, half-open publishers, frozen, restarted, cloned. It
// relays publishers to players, closes without a status when it refuses, and serves numbered media
// of publishers that it invents. Threading: the io_context's one thread. Lifetime: outlives its
// pending operations; stop() first.

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/base/random.h"
#include "tests/support/rtmp/event_log.h"
#include "tests/support/rtmp/media_script.h"
#include "tests/support/srs/srs_api.h"
#include "tests/support/srs/srs_state.h"

namespace weir::tests {

class SrsApiConnection;
class SrsSession;

struct ScriptedSrsOptions {
  std::string name;
  std::string host = "127.0.0.1";
  std::uint16_t rtmp_port = 0;
  std::uint16_t api_port = 0;
  std::string server;  ///< kept over restarts, as SRS keeps it in a file; empty = random
  std::string pid;     ///< as told; empty = the process's own
  std::vector<std::string> vhosts;
  std::size_t max_connections = 1000;
  double cpu_percent = 0;

  std::string heartbeat_host;  ///< empty = none
  std::uint16_t heartbeat_port = 0;
  std::string heartbeat_path;
  std::uint32_t interval_ms = 9000;
  std::uint32_t first_ms = 0;  ///< until the first one: SRS sends it as it starts
  std::string device_id;
  std::string ip = "192.0.2.2";
  bool ports_on = true;
  SrsPorts said;  ///< instead of the ports in use, where not empty
};

class ScriptedSrs {
 public:
  ScriptedSrs(boost::asio::io_context& context, ScriptedSrsOptions options, const EventLog& log,
              Random& random);
  ~ScriptedSrs();

  /// Listens and sends heartbeats, as a new life (`service`). False: a port is taken.
  bool start(std::string& why);
  /// As a process that is killed: listeners and connections are gone, no heartbeat any more.
  void stop();
  /// As SIGSTOP: the kernel still accepts, nobody answers.
  void freeze(bool frozen);
  /// A publisher that no connection carries. False: the name is busy.
  bool publish_directly(const std::string& app, const std::string& stream,
                        const std::string& swf_url);
  void end_publisher(const std::string& app, const std::string& stream);
  void set_cpu(double percent) { options_.cpu_percent = percent; }
  /// Who publishes and plays, and what was asked, as members of a JSON object.
  std::string report() const;

  const ScriptedSrsOptions& options() const { return options_; }

 private:
  friend class SrsApiConnection;
  friend class SrsSession;

  void accept_rtmp();
  void accept_api();
  bool full() const;
  SrsSelf self() const;
  void heartbeat_after(std::uint32_t ms);
  void beat();
  void tick();

  // --- for sessions
  void relay(SrsClient& from, const rtmp::Message& message);
  void kick(const std::string& client_id);
  void ended(SrsSession& session);

  boost::asio::io_context& context_;
  ScriptedSrsOptions options_;
  const EventLog& log_;
  Random& random_;
  SrsState state_;
  SrsAsked asked_;
  std::string service_;
  std::chrono::steady_clock::time_point started_;
  bool running_ = false;
  bool frozen_ = false;
  std::uint64_t life_ = 0;  ///< handlers of an earlier one do nothing
  std::uint64_t beats_ = 0;
  std::uint64_t beats_accepted_ = 0;
  std::string last_answer_;
  boost::asio::ip::tcp::acceptor rtmp_;
  boost::asio::ip::tcp::acceptor api_;
  boost::asio::steady_timer beat_timer_;
  boost::asio::steady_timer media_timer_;
  std::set<std::shared_ptr<SrsSession>> sessions_;
  std::set<std::shared_ptr<SrsApiConnection>> api_connections_;
  std::map<std::string, std::vector<ScriptedMessage>> headers_;  ///< by stream id, for late joiners
  std::map<std::string, std::uint64_t>
      invented_;  ///< publishers that no connection carries: frames
};

}  // namespace weir::tests
