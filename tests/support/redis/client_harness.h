#pragma once
// A client in an event loop that the test turns, with what it was told.
// Threading: the test's thread. Lifetime: one test.

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/telemetry/metrics.h"
#include "controlplane/store/redis/client.h"
#include "tests/support/redis/scripted_redis.h"

namespace weir::store::redis {

/// An answer as a word: "1", "'text'", "nil", "array", "no answer", "not connected", "refused: …".
inline std::string shown(const Answer& answer) {
  if (const auto* const error = std::get_if<CommandError>(&answer)) {
    switch (error->failure) {
      case Failure::kNoAnswer:
        return "no answer";
      case Failure::kNotConnected:
        return "not connected";
      case Failure::kRefused:
        return "refused: " + error->message;
    }
  }
  const Reply& reply = std::get<Reply>(answer);
  if (reply.is_integer()) return std::to_string(reply.integer);
  if (reply.is_text()) return "'" + reply.text + "'";
  return reply.is_nil() ? "nil" : "array";
}

class ClientHarness : public ::testing::Test {
 protected:
  static constexpr auto kPatience = std::chrono::seconds(10);

  ClientHarness() {
    using namespace std::chrono_literals;
    options_.name = "redis://test";
    options_.command_deadline = 2s;
    options_.connect_deadline = 2s;
    options_.reconnect_first = 5ms;
    options_.reconnect_max = 20ms;
  }

  void start(std::vector<HostPort> addresses) {
    options_.addresses = std::move(addresses);
    client_ =
        std::make_unique<Client>(io_, clock_, random_, options_, log::Logger("test"), registry_);
    const auto started = client_->start(
        {.connected = [this](const std::string& run_id) { connected_.push_back(run_id); },
         .lost = [this](const std::string& why) { lost_.push_back(why); }});
    ASSERT_TRUE(started) << started.error().message;
  }
  void start(const testing::ScriptedRedis& server) { start({{"127.0.0.1", server.port()}}); }

  /// Turns the loop until `holds`; false when it never does.
  template <class Condition>
  bool until(Condition holds) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!holds()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      io_.restart();
      io_.run_one_for(std::chrono::milliseconds(5));
    }
    return true;
  }
  bool until_connected(std::size_t times = 1) {
    return until([&] { return connected_.size() >= times; });
  }
  bool until_answered(std::size_t count) {
    return until([&] { return answers_.size() >= count; });
  }

  void command(std::vector<std::string> words) {
    client_->command(std::move(words),
                     [this](const Answer& answer) { answers_.push_back(shown(answer)); });
  }
  void run(const Script& script, std::vector<std::string> keys = {},
           std::vector<std::string> args = {}) {
    client_->run(script, std::move(keys), std::move(args),
                 [this](const Answer& answer) { answers_.push_back(shown(answer)); });
  }

  boost::asio::io_context io_;
  SystemClock clock_;
  SeededRandom random_{1};
  metrics::Registry registry_;
  Options options_;
  std::unique_ptr<Client> client_;
  std::vector<std::string> connected_;
  std::vector<std::string> lost_;
  std::vector<std::string> answers_;
};

}  // namespace weir::store::redis
