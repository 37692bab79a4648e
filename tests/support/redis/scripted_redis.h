#pragma once
// ScriptedRedis: the server's side of Redis as a test wants it, on a loopback socket, in the test's
// own event loop. Whatever the test does not decide is answered as a healthy primary does.
//
// Threading: the io_context's thread. Lifetime: the io_context outlives it.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/io_context.hpp>

namespace weir::testing {

/// RESP2 texts.
std::string bulk(std::string_view text);
std::string array(const std::vector<std::string>& elements);

class ScriptedRedis {
 public:
  using Words = std::vector<std::string>;
  /// Bytes to answer; an empty text answers nothing; nullopt leaves it to this class.
  using Decide = std::function<std::optional<std::string>(const Words& command)>;

  explicit ScriptedRedis(boost::asio::io_context& io);
  ~ScriptedRedis();
  ScriptedRedis(const ScriptedRedis&) = delete;
  ScriptedRedis& operator=(const ScriptedRedis&) = delete;

  std::uint16_t port() const;
  void decide(Decide decide);
  void set_run_id(std::string run_id);
  /// To every connection that is open.
  void send(const std::string& bytes);
  /// To those that have subscribed.
  void publish(const std::string& bytes);
  /// Closes every connection.
  void drop();
  /// Refuses new connections, and takes them again on the same port.
  void stop_listening();
  void listen();

  /// Every command so far, log-ins included.
  const std::vector<Words>& commands() const;
  std::size_t count(std::string_view name) const;
  std::size_t connections() const;  ///< accepted so far

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace weir::testing
