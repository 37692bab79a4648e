#include "controlplane/store/redis/sentinel_watch.h"

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/async/backoff.h"
#include "controlplane/store/redis/connection.h"
#include "controlplane/store/redis/limits.h"
#include "controlplane/store/redis/resp.h"

namespace weir::store::redis {

class SentinelWatch::State final : public ConnectionHandler,
                                   public std::enable_shared_from_this<SentinelWatch::State> {
 public:
  State(boost::asio::io_context& io, const Clock& clock, Random& random, const Options& options,
        boost::asio::ssl::context* tls, HostPort sentinel, Told told)
      : io_(io),
        clock_(clock),
        options_(options),
        tls_(tls),
        sentinel_(std::move(sentinel)),
        told_(std::move(told)),
        retry_(io),
        backoff_(kWatchRetryFirst, kWatchRetryMax, random) {}

  void connect();
  void stop();

  void on_open() override;
  void on_reply(Reply reply) override;
  void on_idle() override { send({"PING"}); }
  void on_closed(const std::string& why) override;

 private:
  void send(const std::vector<std::string>& words);
  void subscribed();

  boost::asio::io_context& io_;
  const Clock& clock_;
  const Options& options_;
  boost::asio::ssl::context* const tls_;
  const HostPort sentinel_;
  Told told_;
  boost::asio::steady_timer retry_;
  async::Backoff backoff_;
  std::optional<SentinelGreeting> greeting_;  ///< until it is done
  bool subscribed_ = false;
  std::unique_ptr<Connection> connection_;
};

void SentinelWatch::State::connect() {
  greeting_.emplace(options_.sentinel_credentials, options_.primary_name);
  subscribed_ = false;
  connection_ = std::make_unique<Connection>(
      io_, clock_,
      ConnectionTimes{options_.connect_deadline, options_.silence_max, options_.ping_interval},
      tls_, options_.tls ? options_.tls->server_name : std::string(), *this);
  connection_->open(sentinel_);
}

void SentinelWatch::State::stop() {
  told_ = nullptr;
  retry_.cancel();
  connection_.reset();
}

void SentinelWatch::State::send(const std::vector<std::string>& words) {
  std::string bytes;
  const std::vector<std::string_view> views(words.begin(), words.end());
  append_command(views, bytes);
  connection_->write(bytes);
}

void SentinelWatch::State::on_open() {
  for (const auto& words : greeting_->commands()) send(words);
}

void SentinelWatch::State::on_reply(Reply reply) {
  // Whoever is told may drop the watch.
  const auto self = shared_from_this();
  const Told told = told_;
  if (greeting_) {
    const auto step = greeting_->feed(reply);
    if (step == SentinelGreeting::Step::kMore) return;
    if (step == SentinelGreeting::Step::kFailed) {
      // Whoever needs the primary asks by itself, and tells people what is wrong.
      connection_->close();
      return on_closed(greeting_->failure());
    }
    const NamedPrimary named = greeting_->named();
    greeting_.reset();
    send({"SUBSCRIBE", "+switch-master"});
    return told(named, false);
  }
  if (!subscribed_) return subscribed();
  if (const auto address = switched_to(reply, options_.primary_name))
    told(NamedPrimary{*address, 0}, true);
}

void SentinelWatch::State::subscribed() {
  subscribed_ = true;
  backoff_.reset();
  connection_->established();
}

void SentinelWatch::State::on_closed(const std::string&) {
  retry_.expires_after(backoff_.next());
  retry_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (!error && self->told_) self->connect();
  });
}

SentinelWatch::SentinelWatch(boost::asio::io_context& io, const Clock& clock, Random& random,
                             const Options& options, boost::asio::ssl::context* tls,
                             HostPort sentinel, Told told)
    : state_(std::make_shared<State>(io, clock, random, options, tls, std::move(sentinel),
                                     std::move(told))) {}

SentinelWatch::~SentinelWatch() {
  state_->stop();
}

void SentinelWatch::start() {
  state_->connect();
}

}  // namespace weir::store::redis
