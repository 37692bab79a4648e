#pragma once
// Client::State: the machine behind a Client, in two files: client_link.cc finds, opens and leaves
// connections; client.cc moves commands over the one that is open.
// Threading: the io_context's thread. Lifetime: shared with what is pending on the io_context;
// after stop() nothing is called any more.

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/async/backoff.h"
#include "controlplane/store/redis/client.h"
#include "controlplane/store/redis/client_metrics.h"
#include "controlplane/store/redis/commands.h"
#include "controlplane/store/redis/connection.h"
#include "controlplane/store/redis/login.h"
#include "controlplane/store/redis/primary_finder.h"
#include "controlplane/store/redis/sentinel_watch.h"
#include "controlplane/store/redis/trouble.h"

namespace weir::store::redis {

struct Client::State final : ConnectionHandler, std::enable_shared_from_this<Client::State> {
  enum class Phase : std::uint8_t {
    kNew,
    kFinding,     ///< sentinels are asked
    kConnecting,  ///< dial, TLS, log-in
    kOpen,
    kLeaving,  ///< open, nothing more is written; closed when what was written is answered
    kPausing,  ///< before the next attempt
    kStopped,
  };

  State(boost::asio::io_context& io_in, const Clock& clock_in, Random& random_in,
        Options options_in, log::Logger log_in, metrics::Registry& registry);

  // --- client_link.cc
  Result<void> start(ClientEvents events_in);
  void attempt();
  void found(Found what);
  void try_next();
  void candidate_failed(const std::string& why);
  void logged_in();
  /// Closes what is open, answers what was written, and pauses.
  void lose(std::string why);
  void leave(const std::string& why);
  void pause();
  void sentinel_says(const NamedPrimary& primary, bool switched);
  void note_trouble();

  void on_open() override;
  void on_reply(Reply reply) override;
  void on_idle() override;
  void on_closed(const std::string& why) override;

  // --- client.cc
  void submit(Command command);
  void write(Command command);
  void flush_waiting();
  void answered(Reply reply);
  void refused(Command command, std::string text);
  void finish(Command& command, Answer answer);
  void fail_written(const std::string& why);
  void fail_waiting();
  void arm_deadline(MonotonicTime due);
  void expire();
  void stop();

  boost::asio::io_context& io;
  const Clock& clock;
  Random& random;
  const Options options;
  const log::Logger log;
  ClientMetrics metrics;
  ClientEvents events;
  Phase phase = Phase::kNew;
  std::optional<boost::asio::ssl::context> tls;
  async::Backoff backoff;
  boost::asio::steady_timer pause_timer;
  std::optional<PrimaryFinder> finder;
  std::vector<std::unique_ptr<SentinelWatch>> watches;

  std::vector<NamedPrimary> candidates;  ///< still to try in this attempt
  std::string attempt_trouble;           ///< why those before failed
  NamedPrimary current;                  ///< being tried, or open
  std::optional<NamedPrimary> opened;    ///< the last one, with the newest epoch heard for it
  /// The newest configuration epoch that was heard of: primaries of older ones were deposed.
  std::uint64_t newest_epoch = 0;
  std::unique_ptr<Connection> connection;
  std::optional<Login> login;  ///< until it is done
  std::string run_id;
  std::string leaving_because;
  MonotonicTime opened_at{};
  /// Scripts whose text was written to this connection, by SHA-1.
  std::set<std::string> texts_written;

  Commands commands;
  boost::asio::steady_timer deadline_timer;
  MonotonicTime expected_expiry{};
  bool deadline_armed = false;
  std::string scratch;
  Trouble trouble;
  std::string logged_topic;
};

}  // namespace weir::store::redis
