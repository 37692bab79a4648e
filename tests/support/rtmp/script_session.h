#pragma once
// ScriptSession: one RTMP connection, as client or as server, that does what a script says, step by
// step, and records everything that comes.
//
// Purpose: any byte-exact sequence and any expectation can be written down (docs/testing.md has the
// language). A client runs its steps and ends; a server runs the steps of the rules that what comes
// sets off. Threading: the io_context's one thread. Lifetime: shared_ptr, kept alive by its pending
// operations; `on_end` is called once, last.

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/base/random.h"
#include "dataplane/protocol/rtmp/handshake.h"
#include "tests/support/rtmp/amf_text.h"
#include "tests/support/rtmp/event_log.h"
#include "tests/support/rtmp/flv_file.h"
#include "tests/support/rtmp/json.h"
#include "tests/support/rtmp/script_handshake.h"
#include "tests/support/rtmp/wire.h"

namespace weir::tests {

/// {"on": WHAT, "session": N, "steps": […]}
struct ScriptRule {
  std::string on;
  std::optional<std::uint64_t> session;
  std::vector<Json> steps;
};

struct ScriptOptions {
  bool server = false;
  bool nginx_format3 = false;  ///< read what comes as nginx-rtmp writes it
  bool quiet = false;          ///< no event per media message
  std::string flv;             ///< media that came goes to this file; `{n}` = session
  std::string raw;             ///< every byte that came goes to this file; `{n}` = session
  std::vector<ScriptRule> rules;
};

class ScriptSession : public std::enable_shared_from_this<ScriptSession> {
 public:
  using Socket = boost::asio::ip::tcp::socket;
  using OnEnd = std::function<void(bool failed)>;

  ScriptSession(Socket socket, std::uint64_t id, const ScriptOptions& options, const EventLog& log,
                Random& random, OnEnd on_end);

  /// A client runs `steps`; a server begins with the rule `accept`.
  void start(const std::vector<Json>& steps);
  /// Ends a `wait_signal` step.
  void go_on();
  void close();

 private:
  enum class Wait : std::uint8_t {
    kNothing,
    kHandshake,
    kMatch,
    kClose,
    kSilence,
    kPause,
    kSignal,
    kDrain,
  };
  struct QueuedStep {
    Json step;
    double transaction = 0;  ///< of what set the rule off
    std::uint32_t stream_id = 0;
  };
  /// What is known of a message that came, for expectations.
  struct Seen {
    std::uint8_t type = 0;
    std::uint32_t chunk_stream = 0, stream_id = 0, time = 0, length = 0;
    std::string sha256, command, code, level;
    double transaction = -1;
    std::optional<std::uint32_t> value, event;
    bool used = false;
  };

  // Steps (script_steps.cc).
  void run();
  void execute(const QueuedStep& queued);
  bool send_step(const QueuedStep& queued);
  bool wait_step(const Json& step);
  bool other_step(const Json& step);
  void command(const QueuedStep& queued);
  void message(const QueuedStep& queued);
  void control(const QueuedStep& queued);
  void chunk(const Json& step);
  void handshake(const Json& step);
  void flv(const Json& step);
  void pump_flv();
  void begin(WireMessage message, const Json& step, std::uint32_t stream_id);
  void wait_for(Wait what, const Json& step, double seconds);
  static bool matches(const Seen& seen, const Json& wanted);
  void look_for_match();
  void timed_out();
  void bad_step(std::string_view why);
  void finish();

  // Connection (script_session.cc).
  void flush();
  void wait_readable();
  void on_readable();
  void consume(std::span<const std::uint8_t> input);
  bool consume_handshake(std::span<const std::uint8_t>& input);
  void on_message(const RecordedMessage& recorded);
  Seen describe(const RecordedMessage& recorded) const;
  void record(const RecordedMessage& recorded, const Seen& seen);
  void answer_by_itself(const WireMessage& message, const Seen& seen);
  void set_off(std::string_view what, double transaction, std::uint32_t stream_id);
  void acknowledge();
  void lost(std::string_view reason);
  void end(bool failed);
  std::size_t queued() const { return out_.size() - sent_; }

  Socket socket_;
  std::uint64_t id_;
  const ScriptOptions& options_;
  const EventLog& log_;
  Random& random_;
  OnEnd on_end_;
  boost::asio::steady_timer timer_;
  std::deque<QueuedStep> steps_;
  std::size_t step_number_ = 0;

  Wait wait_ = Wait::kNothing;
  Json wanted_;
  std::uint32_t wanted_count_ = 0;
  std::deque<Seen> inbox_;

  ChunkEncoder encoder_;
  ChunkRecorder recorder_;
  AmfContext amf_;
  std::unique_ptr<ScriptHandshake> client_;
  std::unique_ptr<rtmp::ServerHandshake> server_;
  std::vector<std::uint8_t> out_;
  std::vector<std::uint8_t> held_back_;  ///< a C2 that goes with what follows it
  std::size_t sent_ = 0;
  std::size_t piece_ = 0;  ///< bytes of one write; 0 = as many as the socket takes
  std::unique_ptr<FlvWriter> flv_out_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> raw_out_{nullptr, &std::fclose};

  std::vector<WireMessage> feed_;  ///< tags of an flv step, in order
  Json feed_step_;
  std::size_t fed_ = 0;
  WireMessage feed_previous_;  ///< type and length of what was fed last
  std::chrono::steady_clock::time_point feed_began_;

  std::uint64_t received_ = 0, acknowledged_ = 0, messages_ = 0;
  std::uint32_t window_ = 0;
  bool answer_pings_ = true, send_acks_ = true;
  bool media_seen_ = false;
  bool reading_ = false, read_paused_ = false, writing_ = false;
  bool finishing_ = false, peer_closed_ = false, ended_ = false;
};

}  // namespace weir::tests
