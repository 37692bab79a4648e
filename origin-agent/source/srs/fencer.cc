#include "origin-agent/source/srs/fencer.h"

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>

#include "origin-agent/source/limits.h"
#include "origin-agent/source/srs/api_answer.h"
#include "origin-agent/source/srs/limits.h"

namespace weir::agent::srs {

struct Fencer::Kick {
  Kick(boost::asio::io_context& io, TaggedPublisher p) : publisher(std::move(p)), retry(io) {}

  const TaggedPublisher publisher;
  boost::asio::steady_timer retry;
  int tries = 0;
};

Fencer::Fencer(boost::asio::io_context& io, const Clock& clock, ApiLink& link,
               const EpochTable& epochs, log::Logger logger)
    : io_(io), clock_(clock), link_(link), epochs_(epochs), logger_(std::move(logger)) {}

Fencer::~Fencer() = default;

void Fencer::judge(const TaggedPublisher& publisher) {
  if (!epochs_.fences(publisher.key, publisher.tag)) return;
  if (kicks_.size() >= kKicksAtOnceMax || kicks_.contains(publisher.client)) return;
  const auto kick = std::make_shared<Kick>(io_, publisher);
  kicks_.emplace(publisher.client, kick);
  begin(kick);
}

void Fencer::begin(const std::shared_ptr<Kick>& kick) {
  ++kick->tries;
  link_.ask(HttpClient::Method::kGet, "/api/v1/clients/" + kick->publisher.client,
            clock_.now() + kHttpTimeout, ApiLink::Urgency::kBeforeAllNormal,
            [this, guard = std::weak_ptr<int>(alive_), kick](const Result<std::string>& answer) {
              if (!guard.expired()) client_read(kick, answer);
            });
}

void Fencer::client_read(const std::shared_ptr<Kick>& kick, const Result<std::string>& answer) {
  const TaggedPublisher& publisher = kick->publisher;
  if (!answer) return failed(kick, answer.error().message);
  const auto read = parse_client(*answer);
  if (!read) return failed(kick, read.error().message);
  // Gone by itself, or another one by now.
  if (!read->client || read->client->id != publisher.client || !read->client->publishes ||
      !epochs_.fences(publisher.key, read->client->swf_url))
    return ended(kick);
  if (kick->tries == 1)
    logger_.warning("client {} publishes {} with the outdated tag {}: kicked", publisher.client,
                    publisher.key, read->client->swf_url);
  link_.ask(HttpClient::Method::kDelete, "/api/v1/clients/" + publisher.client,
            clock_.now() + kHttpTimeout, ApiLink::Urgency::kBeforeAllNormal,
            [this, guard = std::weak_ptr<int>(alive_), kick](const Result<std::string>& reply) {
              if (!guard.expired()) kicked(kick, reply);
            });
}

void Fencer::kicked(const std::shared_ptr<Kick>& kick, const Result<std::string>& answer) {
  if (!answer) return failed(kick, answer.error().message);
  if (const auto done = parse_kick(*answer); !done) return failed(kick, done.error().message);
  // Whether it went shows in the next listing, which begins anew when it did not.
  ended(kick);
}

void Fencer::failed(const std::shared_ptr<Kick>& kick, const std::string& why) {
  logger_.warning("kicking client {} of {} failed, try {} of {}: {}", kick->publisher.client,
                  kick->publisher.key, kick->tries, kKickTriesMax, why);
  if (kick->tries >= kKickTriesMax) return ended(kick);
  kick->retry.expires_after(kKickRetryDelay);
  kick->retry.async_wait(
      [this, guard = std::weak_ptr<int>(alive_), kick](const boost::system::error_code& error) {
        if (!error && !guard.expired()) begin(kick);
      });
}

void Fencer::ended(const std::shared_ptr<Kick>& kick) {
  kicks_.erase(kick->publisher.client);
}

}  // namespace weir::agent::srs
