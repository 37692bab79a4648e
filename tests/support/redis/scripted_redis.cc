#include "tests/support/redis/scripted_redis.h"

#include <algorithm>
#include <array>
#include <list>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

#include "common/base/contract.h"
#include "controlplane/store/redis/resp.h"

namespace weir::testing {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;
using Words = ScriptedRedis::Words;

}  // namespace

std::string bulk(std::string_view text) {
  return fmt::format("${}\r\n{}\r\n", text.size(), text);
}

std::string array(const std::vector<std::string>& elements) {
  std::string out = fmt::format("*{}\r\n", elements.size());
  for (const std::string& element : elements) out += element;
  return out;
}

struct ScriptedRedis::State : std::enable_shared_from_this<ScriptedRedis::State> {
  struct Peer {
    explicit Peer(tcp::socket accepted) : socket(std::move(accepted)) {}
    tcp::socket socket;
    store::redis::RespReader reader;
    std::array<char, 65536> input{};
    bool subscribed = false;
  };

  explicit State(boost::asio::io_context& io) : acceptor(io) {}

  void listen() {
    acceptor.open(tcp::v4());
    acceptor.set_option(tcp::acceptor::reuse_address(true));
    acceptor.bind({boost::asio::ip::address_v4::loopback(), port});
    acceptor.listen();
    port = acceptor.local_endpoint().port();
    accept();
  }

  void accept() {
    acceptor.async_accept([self = shared_from_this()](const error_code& error, tcp::socket socket) {
      if (error) return;
      ++self->accepted;
      self->peers.push_back(std::make_shared<Peer>(std::move(socket)));
      self->read(self->peers.back());
      self->accept();
    });
  }

  void read(const std::shared_ptr<Peer>& peer) {
    peer->socket.async_read_some(
        boost::asio::buffer(peer->input),
        [self = shared_from_this(), peer](const error_code& error, std::size_t count) {
          if (error) {
            self->peers.remove(peer);
            return;
          }
          // A command is an array of texts, as a reply can be.
          peer->reader.feed({peer->input.data(), count});
          while (auto command = peer->reader.next()) {
            Words words;
            for (store::redis::Reply& word : command->items) words.push_back(std::move(word.text));
            self->answer(*peer, words);
          }
          self->read(peer);
        });
  }

  void answer(Peer& peer, const Words& words) {
    commands.push_back(words);
    if (words.front() == "SUBSCRIBE") peer.subscribed = true;
    std::optional<std::string> reply = decide ? decide(words) : std::nullopt;
    if (!reply) reply = healthy(words);
    write(peer, *reply);
  }

  static void write(Peer& peer, const std::string& bytes) {
    if (bytes.empty()) return;
    error_code ignored;
    boost::asio::write(peer.socket, boost::asio::buffer(bytes), ignored);
  }

  std::string healthy(const Words& words) const {
    const std::string& name = words.front();
    if (name == "INFO")
      return bulk(fmt::format(
          "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\nrun_id:{}\r\n", run_id));
    if (name == "ROLE") return array({bulk("master"), ":0\r\n", array({})});
    if (name == "PING") return "+PONG\r\n";
    if (name == "EVAL" || name == "EVALSHA") return ":1\r\n";
    return "+OK\r\n";
  }

  tcp::acceptor acceptor;
  std::uint16_t port = 0;
  std::list<std::shared_ptr<Peer>> peers;
  std::size_t accepted = 0;
  Decide decide;
  std::string run_id = "run-1";
  std::vector<Words> commands;
};

ScriptedRedis::ScriptedRedis(boost::asio::io_context& io) : state_(std::make_shared<State>(io)) {
  listen();
}

ScriptedRedis::~ScriptedRedis() {
  stop_listening();
  drop();
}

std::uint16_t ScriptedRedis::port() const {
  return state_->port;
}

void ScriptedRedis::decide(Decide decide) {
  state_->decide = std::move(decide);
}

void ScriptedRedis::set_run_id(std::string run_id) {
  state_->run_id = std::move(run_id);
}

void ScriptedRedis::send(const std::string& bytes) {
  for (const auto& peer : state_->peers) State::write(*peer, bytes);
}

void ScriptedRedis::publish(const std::string& bytes) {
  for (const auto& peer : state_->peers) {
    if (peer->subscribed) State::write(*peer, bytes);
  }
}

void ScriptedRedis::drop() {
  error_code ignored;
  for (const auto& peer : state_->peers) peer->socket.close(ignored);
}

void ScriptedRedis::stop_listening() {
  error_code ignored;
  state_->acceptor.close(ignored);
}

void ScriptedRedis::listen() {
  state_->listen();
}

const std::vector<Words>& ScriptedRedis::commands() const {
  return state_->commands;
}

std::size_t ScriptedRedis::count(std::string_view name) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      state_->commands, [name](const Words& words) { return words.front() == name; }));
}

std::size_t ScriptedRedis::connections() const {
  return state_->accepted;
}

}  // namespace weir::testing
