#include "origin-agent/source/nginx_rtmp/nginx_source.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "common/base/listen_address.h"
#include "common/base/stream_key.h"
#include "origin-agent/source/limits.h"
#include "origin-agent/source/procfs.h"

namespace weir::agent {
namespace {

/// nginx knows names as clients sent them; nothing when that names no stream.
std::optional<std::string> key_of(const StatStream& stream) {
  // nginx has no virtual hosts in RTMP: everything is of the default one.
  const auto key = stream_key_from_rtmp({}, stream.app, stream.name, VhostRules());
  if (!key) return std::nullopt;
  return key->str();
}

}  // namespace

Observation observe_page(const StatPage& page) {
  Observation observation;
  observation.ingress_bytes = page.ingress_bytes;
  observation.egress_bytes = page.egress_bytes;
  std::vector<ReportedStream>& streams = observation.streams.emplace();
  std::uint32_t players = 0;
  std::uint32_t publishers = 0;
  for (const StatStream& stream : page.streams) {
    players += stream.players;
    publishers += stream.publishing ? 1 : 0;
    if (!stream.publishing) continue;
    auto key = key_of(stream);
    if (!key) continue;
    ReportedStream reported;
    reported.key = std::move(*key);
    if (stream.publisher_swf_url.starts_with("weir:")) reported.tag = stream.publisher_swf_url;
    reported.ingress_bits_per_second = static_cast<double>(stream.ingress_bits_per_second);
    reported.egress_bits_per_second = static_cast<double>(stream.egress_bits_per_second);
    reported.players = stream.players;
    streams.push_back(std::move(reported));
  }
  observation.players = players;
  observation.connections = players + publishers;
  // The same app and name in two `server` blocks are one stream to everybody else.
  std::sort(streams.begin(), streams.end(), [](const auto& a, const auto& b) {
    return std::tie(a.key, a.tag) < std::tie(b.key, b.tag);
  });
  streams.erase(std::unique(streams.begin(), streams.end(),
                            [](const auto& a, const auto& b) { return a.key == b.key; }),
                streams.end());
  return observation;
}

std::vector<StatStream> fenced_publishers(const StatPage& page, const EpochTable& epochs) {
  std::vector<StatStream> fenced;
  for (const StatStream& stream : page.streams) {
    if (fenced.size() == kFencedAtOnceMax) break;
    if (!stream.publishing || stream.publisher_id == 0) continue;
    const auto key = key_of(stream);
    if (key && epochs.fences(*key, stream.publisher_swf_url)) fenced.push_back(stream);
  }
  return fenced;
}

HttpUrl drop_url(const HttpUrl& control, const StatStream& publisher) {
  HttpUrl url = control;
  while (url.target.ends_with('/')) url.target.pop_back();
  // By nginx's own client number alone: a name could meanwhile be another publisher's.
  url.target +=
      fmt::format("/drop/client?srv={}&clientid={}", publisher.server, publisher.publisher_id);
  return url;
}

NginxRtmpSource::NginxRtmpSource(boost::asio::io_context& io, const Clock& clock, Random& random,
                                 EpochTable& epochs, NginxRtmpOptions options, log::Logger logger)
    : io_(io),
      clock_(clock),
      random_(random),
      epochs_(epochs),
      options_(std::move(options)),
      logger_(std::move(logger)),
      watch_(epochs, [this](const std::string&) { look_again(); }) {}

void NginxRtmpSource::observe(const std::optional<ProcessIdentity>&,
                              Callback<void(Observation)> done) {
  stat_ = HttpGet::start(io_, options_.stat, kHttpTimeout,
                         [this, done = std::move(done)](Result<std::string> answer) mutable {
                           done(read_answer(answer));
                         });
}

Observation NginxRtmpSource::read_answer(const Result<std::string>& answer) {
  std::string trouble;
  if (answer) {
    const Result<StatPage> page = parse_stat_page(*answer);
    if (page) {
      fence(*page);
      Observation observation = observe_page(*page);
      observation.process = process_identity(page->pid);
      if (!observation.process)
        observation.trouble = fmt::format("worker {} does not run on this host", page->pid);
      return observation;
    }
    trouble = page.error().message;
  } else {
    trouble = fmt::format("statistics page: {}", answer.error().message);
  }
  const FoundProcess found = find_without_stat();
  Observation observation;
  observation.process = found.process;
  observation.trouble = found.process ? trouble : fmt::format("{}; {}", trouble, found.trouble);
  return observation;
}

FoundProcess NginxRtmpSource::find_without_stat() const {
  if (!options_.pid_file.empty()) {
    FoundProcess found = find_by_pid_file(options_.pid_file, true);
    if (found.process) return found;
  }
  const auto address = parse_host_port(options_.rtmp);
  if (!address) return {std::nullopt, address.error().message};
  return find_by_port(address->port);
}

void NginxRtmpSource::look_again() {
  if (std::exchange(looking_again_, true)) {
    raised_meanwhile_ = true;
    return;
  }
  fencing_look_ =
      HttpGet::start(io_, options_.stat, kHttpTimeout, [this](const Result<std::string>& answer) {
        looking_again_ = false;
        if (answer) {
          if (const Result<StatPage> page = parse_stat_page(*answer)) fence(*page);
        }
        // One that fails is made up for by the next regular look.
        if (std::exchange(raised_meanwhile_, false)) look_again();
      });
}

void NginxRtmpSource::fence(const StatPage& page) {
  if (!options_.control) return;
  std::vector<std::string> tagged;
  for (const StatStream& stream : page.streams) {
    if (!stream.publishing || !epoch_of_tag(stream.publisher_swf_url)) continue;
    if (auto key = key_of(stream)) tagged.push_back(std::move(*key));
  }
  watch_.watch(std::move(tagged));
  drops_.remove_if([](const Drop& drop) { return drop.done; });
  for (const StatStream& publisher : fenced_publishers(page, epochs_)) {
    if (drops_.size() >= kFencedAtOnceMax) break;
    // Asked for a moment ago: the answer is under way.
    if (std::any_of(drops_.begin(), drops_.end(),
                    [&](const Drop& d) { return d.publisher_id == publisher.publisher_id; }))
      continue;
    logger_.warning("client {} publishes {}/{} with the outdated tag {}: dropped",
                    publisher.publisher_id, publisher.app, publisher.name,
                    publisher.publisher_swf_url);
    Drop& drop = drops_.emplace_back(Drop{publisher.publisher_id, false, {}});
    drop.request = HttpGet::start(io_, drop_url(*options_.control, publisher), kHttpTimeout,
                                  [this, &drop](const Result<std::string>& answer) {
                                    drop.done = true;
                                    if (!answer)
                                      logger_.warning("dropping a publisher failed: {}",
                                                      answer.error().message);
                                  });
  }
}

void NginxRtmpSource::probe(Callback<void(probe::ProbeResult)> done) {
  auto shared = std::make_shared<Callback<void(probe::ProbeResult)>>(std::move(done));
  probe_ = probe::async_probe_rtmp(
      io_, clock_, options_.rtmp, random_,
      [shared](probe::ProbeResult result) { (*shared)(std::move(result)); }, kProbeTimeout,
      options_.client_address);
}

}  // namespace weir::agent
