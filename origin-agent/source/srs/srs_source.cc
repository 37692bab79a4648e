#include "origin-agent/source/srs/srs_source.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include "common/base/listen_address.h"
#include "origin-agent/source/limits.h"
#include "origin-agent/source/procfs.h"
#include "origin-agent/source/srs/server_process.h"

namespace weir::agent::srs {
namespace {

/// Looks come once per interval and a little: one that is due within this is made now.
constexpr std::chrono::milliseconds kSlack{100};

}  // namespace

SrsSource::SrsSource(boost::asio::io_context& io, const Clock& clock, Random& random,
                     EpochTable& epochs, SrsOptions options, log::Logger logger)
    : io_(io),
      clock_(clock),
      random_(random),
      options_(std::move(options)),
      logger_(std::move(logger)),
      announced_{options_.pid, 0, options_.service},
      watch_(epochs, [this](const std::string& stream) { epoch_raised(stream); }) {
  if (const auto rtmp = parse_host_port(options_.rtmp)) rtmp_port_ = rtmp->port;
  if (!options_.api) return;
  link_.emplace(io_, clock_, *options_.api, options_.api_credentials);
  fencer_.emplace(io_, clock_, *link_, epochs, logger_);
}

void SrsSource::announced(const ProcessIdentity& life) {
  announced_ = life;
  if (!life_ || life_->service != life.service || life_->pid != life.pid) renewed_ = true;
}

void SrsSource::probe(Callback<void(probe::ProbeResult)> done) {
  auto shared = std::make_shared<Callback<void(probe::ProbeResult)>>(std::move(done));
  probe_ = probe::async_probe_rtmp(
      io_, clock_, options_.rtmp, random_,
      [shared](probe::ProbeResult result) { (*shared)(std::move(result)); }, kProbeTimeout,
      options_.client_address);
}

// ---- one look
// ----------------------------------------------------------------------------------

bool SrsSource::may_rest(MonotonicTime now) const {
  if (!life_ || !process_ || now + kSlack >= next_listing_) return false;
  return !hinted_ || now < hints_from_;
}

void SrsSource::observe(const std::optional<ProcessIdentity>& watched,
                        Callback<void(Observation)> done) {
  if (!link_) return answer_later(watched, std::move(done), {});
  const MonotonicTime now = clock_.now();
  // Who has lost its process wants to know what is there now.
  const bool rests = watched && may_rest(now);
  const bool renewed = std::exchange(renewed_, false);
  if (rests && !renewed) return answer_later(watched, std::move(done), {});
  if (!rests) hinted_ = false;
  look_ = std::make_unique<Look>();
  look_->watched = watched;
  look_->done = std::move(done);
  look_->started = now;
  look_->deadline = now + kHttpTimeout;
  look_->life_alone = rests;
  if (!life_ || renewed || now >= next_summaries_) return read_summaries();
  list();
}

void SrsSource::answer_later(const std::optional<ProcessIdentity>& watched,
                             Callback<void(Observation)> done, std::string trouble) {
  boost::asio::post(io_, [this, guard = std::weak_ptr<int>(alive_), watched, done = std::move(done),
                          trouble = std::move(trouble)]() mutable {
    if (guard.expired()) return;
    if (!link_) return done(without_api(watched, std::move(trouble)));
    Observation observation;
    observation.process = process_;
    observation.answered_at = answered_at_;
    observation.resting = !publishers_.is_anybody_there();
    done(std::move(observation));
  });
}

void SrsSource::ask(std::string target, Answered answered) {
  link_->ask(HttpClient::Method::kGet, std::move(target), look_->deadline,
             ApiLink::Urgency::kNormal,
             [this, answered](const Result<std::string>& answer) { (this->*answered)(answer); });
}

void SrsSource::read_summaries() {
  ask("/api/v1/summaries", &SrsSource::summaries_read);
}

void SrsSource::summaries_read(const Result<std::string>& answer) {
  if (!answer && answer.error().message == "HTTP status 401")
    return fail(
        "it asks for a user and password (`http_api { auth ... }`): give them to the agent "
        "(srs.api_auth_file; they go to APIs of this host and to those that `origins` names)");
  if (!answer) return fail(fmt::format("summaries: {}", answer.error().message));
  auto summaries = parse_summaries(*answer);
  if (!summaries) return fail(summaries.error().message);
  const std::optional<Life> before = life_;
  if (!take_life(summaries->life, &*summaries)) return;
  software_ = summaries->version.empty() ? "SRS" : "SRS/" + summaries->version;
  next_summaries_ =
      look_->started + (process_ && process_->is_visible() ? Duration(kLocalSummariesInterval)
                                                           : Duration(kSummariesInterval));
  if (look_->life_alone && life_ == before) {
    Observation observation;
    observation.process = process_;
    observation.answered_at = answered_at_;
    return end(std::move(observation));
  }
  look_->summaries = std::move(*summaries);
  list();
}

void SrsSource::list() {
  if (!look_->listing) look_->listing.emplace(page_streams_);
  ask(fmt::format("/api/v1/streams/?start={}&count={}", look_->listing->start(),
                  look_->listing->count()),
      &SrsSource::page_read);
}

void SrsSource::page_read(const Result<std::string>& answer) {
  if (!answer && answer.error().code == boost::system::errc::message_size)
    return list_smaller_pages();
  if (!answer) return fail(fmt::format("streams: {}", answer.error().message));
  auto page = parse_stream_page(*answer);
  if (!page) return fail(page.error().message);
  if (!take_life(page->life, nullptr)) return;
  switch (look_->listing->add(std::move(page->streams))) {
    case StreamListing::Step::kMore:
      return list();
    case StreamListing::Step::kGivenUp:
      return fail("streams: no two pages of its list fit together");
    case StreamListing::Step::kComplete:
      break;
  }
  look_->streams = look_->listing->take();
  const bool all_named = std::all_of(
      look_->streams.begin(), look_->streams.end(),
      [this](const ApiStream& stream) { return vhost_of(stream, vhosts_).has_value(); });
  if (!all_named) return read_vhosts();
  listed();
}

void SrsSource::list_smaller_pages() {
  if (page_streams_ <= kPageStreamsMin)
    return fail("streams: a page of the fewest streams is too large to be taken");
  page_streams_ = std::max(kPageStreamsMin, page_streams_ / 2);
  look_->listing.reset();
  list();
}

void SrsSource::read_vhosts() {
  ask("/api/v1/vhosts/", &SrsSource::vhosts_read);
}

void SrsSource::vhosts_read(const Result<std::string>& answer) {
  if (!answer) return fail(fmt::format("vhosts: {}", answer.error().message));
  auto list = parse_vhosts(*answer);
  if (!list) return fail(list.error().message);
  if (!take_life(list->life, nullptr)) return;
  vhosts_.clear();
  for (Vhost& vhost : list->vhosts) vhosts_.emplace(std::move(vhost.id), std::move(vhost.name));
  listed();
}

void SrsSource::listed() {
  const Duration fair = std::min<Duration>(
      static_cast<int>(look_->streams.size()) * kListingIntervalPerStream, kListingIntervalMax);
  publishers_.listed(clock_.now(), std::move(look_->streams), vhosts_);
  if (publishers_.is_anybody_there()) quiet_from_ = look_->started + kQuietAfter;
  const Duration pause =
      look_->started < quiet_from_ ? Duration(kListingInterval) : Duration(kQuietListingInterval);
  next_listing_ = look_->started + std::max(pause, fair);
  hints_from_ = look_->started + std::max<Duration>(kHintPause, fair);
  look_->unread = publishers_.unread(kTagReadsPerLookMax);
  std::reverse(look_->unread.begin(), look_->unread.end());
  read_tag();
}

void SrsSource::read_tag() {
  // What is left unread when the time is up is told as such, and read at the next look.
  if (look_->unread.empty() || clock_.now() >= look_->deadline) return complete();
  ask("/api/v1/clients/" + look_->unread.back(), &SrsSource::tag_read);
}

void SrsSource::tag_read(const Result<std::string>& answer) {
  const std::string& client = look_->unread.back();
  if (!answer) {
    publishers_.failed_to_read(client);
    return complete();
  }
  const auto read = parse_client(*answer);
  if (!read) tell(fmt::format("a publisher cannot be looked at: {}", read.error().message));
  if (read && read->client && read->life == *life_) {
    publishers_.read(client, *read->client);
  } else {
    publishers_.failed_to_read(client);
  }
  look_->unread.pop_back();
  read_tag();
}

void SrsSource::complete() {
  Observation observation;
  observation.process = process_;
  observation.answered_at = answered_at_;
  observation.streams = publishers_.report();
  observation.players = publishers_.players();
  observation.connections = publishers_.clients();
  if (publishers_.counters_fresh()) {
    observation.ingress_bytes = publishers_.recv_bytes();
    observation.egress_bytes = publishers_.send_bytes();
  }
  observation.connections_max = max_connections_;
  observation.software = software_;
  if (const auto& summaries = look_->summaries) {
    if (summaries->connections) observation.connections = *summaries->connections;
    if (process_ && !process_->is_visible()) {
      observation.used_cores = summaries->used_cores;
      observation.resident_bytes = summaries->resident_bytes;
    }
  }
  const std::vector<TaggedPublisher> tagged = publishers_.tagged();
  std::vector<std::string> keys;
  for (const TaggedPublisher& publisher : tagged) {
    keys.push_back(publisher.key);
    fencer_->judge(publisher);
  }
  watch_.watch(std::move(keys));
  if (publishers_.all_read()) told_.clear();
  end(std::move(observation));
}

void SrsSource::fail(const std::string& trouble) {
  const std::string whole = fmt::format(
      "API of SRS at {}: {}", format_host_port(options_.api->host, options_.api->port), trouble);
  tell(whole);
  Observation observation = without_api(look_->watched, whole);
  observation.taken_over = look_->taken_over;
  end(std::move(observation));
}

void SrsSource::end(Observation observation) {
  auto done = std::move(look_->done);
  look_.reset();
  done(std::move(observation));
}

// ---- who answers
// -------------------------------------------------------------------------------

bool SrsSource::take_life(const Life& life, const Summaries* summaries) {
  if (!options_.server.empty() && life.server != options_.server) {
    forget_life();
    announced_ = {};
    look_->taken_over = true;
    fail(fmt::format("server '{}' answers there, not '{}': its port was taken over", life.server,
                     options_.server));
    return false;
  }
  if (life_ == life) {
    answered_at_ = clock_.now();
    return true;
  }
  forget_life();
  if (summaries != nullptr) {
    life_ = life;
    answered_at_ = clock_.now();
    find_process(*summaries);
    return true;
  }
  // It restarted since it was asked last: this look begins anew, once.
  if (std::exchange(look_->restarted, true)) {
    fail("it restarts again and again");
    return false;
  }
  look_->listing.reset();
  read_summaries();
  return false;
}

void SrsSource::forget_life() {
  life_.reset();
  process_.reset();
  answered_at_.reset();
  publishers_ = Publishers();
  watch_.watch({});
  vhosts_.clear();
  page_streams_ = kPageStreams;
}

void SrsSource::find_process(const Summaries& summaries) {
  if (life_->pid > 0) {
    process_ = local_process(life_->pid, rtmp_port_, summaries.uptime_seconds);
    if (!process_) process_ = ProcessIdentity{life_->pid, 0, {}};
  } else {
    // An older SRS does not name its process.
    process_ = find_by_port(rtmp_port_).process;
  }
  max_connections_ = options_.max_connections;
  if (process_) process_->service = life_->service;
  if (max_connections_ == 0 && process_ && process_->is_visible())
    max_connections_ = max_connections_of(*process_).value_or(0);
  if (max_connections_ == 0) max_connections_ = kMaxConnectionsDefault;
}

Observation SrsSource::without_api(const std::optional<ProcessIdentity>& watched,
                                   std::string trouble) const {
  Observation observation;
  observation.trouble = std::move(trouble);
  const auto runs = [](const ProcessIdentity& process) {
    const auto now = process_identity(process.pid);
    return now && now->start_ticks == process.start_ticks;
  };
  if (watched && watched->is_visible() && runs(*watched)) {
    observation.process = watched;
  } else if (announced_.pid > 0) {
    // By its heartbeat, or as it was when this agent last ran; only what can be seen to be true,
    // but where nothing else is to be had.
    observation.process = local_process(announced_.pid, rtmp_port_, std::nullopt);
    if (!observation.process && !link_)
      observation.process = ProcessIdentity{announced_.pid, 0, {}};
    if (observation.process) observation.process->service = announced_.service;
  }
  if (!observation.process && !link_) {
    FoundProcess found = find_by_port(rtmp_port_);
    observation.process = found.process;
    if (observation.trouble.empty()) observation.trouble = std::move(found.trouble);
  }
  return observation;
}

void SrsSource::epoch_raised(const std::string& stream) {
  for (const TaggedPublisher& publisher : publishers_.tagged()) {
    if (publisher.key == stream && fencer_) fencer_->judge(publisher);
  }
}

void SrsSource::tell(const std::string& trouble) {
  // Positions and sizes differ from one answer to the next.
  std::string kind = trouble;
  std::erase_if(kind, [](unsigned char c) { return std::isdigit(c) != 0; });
  if (kind == told_ || !told_every_.allow(clock_.now())) return;
  told_ = std::move(kind);
  logger_.warning("{}", trouble);
}

}  // namespace weir::agent::srs
