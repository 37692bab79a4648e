#include "controlplane/store/redis/primary_finder.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>

#include "controlplane/store/redis/connection.h"
#include "controlplane/store/redis/limits.h"
#include "controlplane/store/redis/resp.h"

namespace weir::store::redis {
namespace {

/// The question to one sentinel; the connection ends with its answer.
class Question final : public ConnectionHandler {
 public:
  using Done = Callback<void(std::optional<NamedPrimary>, const std::string& failure)>;

  Question(boost::asio::io_context& io, const Clock& clock, const Options& options,
           boost::asio::ssl::context* tls, Done done)
      : greeting_(options.sentinel_credentials, options.primary_name),
        connection_(io, clock,
                    {options.connect_deadline, options.silence_max, options.ping_interval}, tls,
                    options.tls ? options.tls->server_name : std::string(), *this),
        done_(std::move(done)) {}

  void ask(const HostPort& sentinel) { connection_.open(sentinel); }

  void on_open() override {
    std::string bytes;
    for (const auto& words : greeting_.commands()) {
      const std::vector<std::string_view> views(words.begin(), words.end());
      append_command(views, bytes);
    }
    connection_.write(bytes, greeting_.commands().size());
  }
  void on_reply(Reply reply) override {
    const auto step = greeting_.feed(reply);
    if (step == SentinelGreeting::Step::kMore) return;
    connection_.close();
    if (step == SentinelGreeting::Step::kDone) return done_(greeting_.named(), {});
    done_(std::nullopt, greeting_.failure());
  }
  void on_idle() override {}
  void on_closed(const std::string& why) override { done_(std::nullopt, why); }

 private:
  SentinelGreeting greeting_;
  Connection connection_;
  Done done_;
};

}  // namespace

Found judge_words(const std::vector<NamedPrimary>& said, std::size_t sentinels) {
  struct Tally {
    NamedPrimary named;
    std::size_t votes = 0;
    std::size_t place = 0;  ///< in the order of answers
  };
  std::vector<Tally> tallies;
  for (const NamedPrimary& word : said) {
    const auto same = std::ranges::find_if(tallies, [&](const Tally& tally) {
      return tally.named.address.host == word.address.host &&
             tally.named.address.port == word.address.port;
    });
    if (same == tallies.end()) {
      tallies.push_back({word, 1, tallies.size()});
      continue;
    }
    same->named.epoch = std::max(same->named.epoch, word.epoch);
    ++same->votes;
  }
  std::ranges::sort(tallies, [](const Tally& a, const Tally& b) {
    if (a.named.epoch != b.named.epoch) return a.named.epoch > b.named.epoch;
    return a.votes != b.votes ? a.votes > b.votes : a.place < b.place;
  });
  Found out;
  for (const Tally& tally : tallies) {
    if (tally.named.epoch == tallies.front().named.epoch) out.candidates.push_back(tally.named);
  }
  out.majority = !tallies.empty() && tallies.front().votes > sentinels / 2;
  return out;
}

struct PrimaryFinder::Round : std::enable_shared_from_this<PrimaryFinder::Round> {
  Round(boost::asio::io_context& io, Callback<void(Found)> done_in)
      : grace(io), done(std::move(done_in)) {}

  void answered(const HostPort& sentinel, std::optional<NamedPrimary> named,
                const std::string& failure);
  void finish();

  boost::asio::steady_timer grace;
  Callback<void(Found)> done;
  std::vector<std::unique_ptr<Question>> questions;
  std::size_t sentinels = 0;
  std::size_t open = 0;
  std::vector<NamedPrimary> said;
  std::string trouble;
};

void PrimaryFinder::Round::answered(const HostPort& sentinel, std::optional<NamedPrimary> named,
                                    const std::string& failure) {
  --open;
  if (named) {
    said.push_back(*named);
  } else {
    trouble += fmt::format("{}sentinel {}: {}", trouble.empty() ? "" : "; ",
                           format_host_port(sentinel.host, sentinel.port), failure);
  }
  if (open == 0) return finish();
  if (named && said.size() == 1) {
    grace.expires_after(kOtherSentinels);
    grace.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error) self->finish();
    });
  }
}

void PrimaryFinder::Round::finish() {
  grace.cancel();
  if (!done) return;
  auto told = std::exchange(done, {});
  Found found = judge_words(said, sentinels);
  if (said.empty()) found.trouble = trouble;
  told(std::move(found));
}

PrimaryFinder::PrimaryFinder(boost::asio::io_context& io, const Clock& clock,
                             const Options& options, boost::asio::ssl::context* tls)
    : io_(io), clock_(clock), options_(options), tls_(tls) {}

PrimaryFinder::~PrimaryFinder() {
  cancel();
}

void PrimaryFinder::find(Callback<void(Found)> done) {
  cancel();
  round_ = std::make_shared<Round>(io_, std::move(done));
  round_->sentinels = round_->open = options_.addresses.size();
  for (const HostPort& sentinel : options_.addresses) {
    round_->questions.push_back(std::make_unique<Question>(
        io_, clock_, options_, tls_,
        // The round may be dropped by what its completion does.
        [weak = std::weak_ptr(round_), sentinel](std::optional<NamedPrimary> named,
                                                 const std::string& failure) {
          if (const auto round = weak.lock()) round->answered(sentinel, std::move(named), failure);
        }));
    round_->questions.back()->ask(sentinel);
  }
}

void PrimaryFinder::cancel() {
  if (!round_) return;
  round_->done = {};
  round_->grace.cancel();
  // Not at once: this may run inside the answer to one of its questions.
  round_.reset();
}

}  // namespace weir::store::redis
