// Answers of the HTTP API of an SRS, or of whatever took its port: no crash, what is accepted stays
// within the limits, and what is reported of it are keys and client ids that can be used. The input
// is several answers, split at NUL bytes. Seeds: tests/vectors/srs.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/base/contract.h"
#include "common/base/stream_key.h"
#include "common/base/utf8.h"
#include "origin-agent/source/srs/api_answer.h"
#include "origin-agent/source/srs/limits.h"
#include "origin-agent/source/srs/publishers.h"
#include "origin-agent/source/srs/server_process.h"
#include "origin-agent/source/srs/stream_listing.h"

namespace {

using namespace weir::agent::srs;

class Origin {
 public:
  void answer(std::string_view text) {
    if (const auto summaries = parse_summaries(text)) {
      WEIR_ASSERT(summaries->used_cores >= 0);
      for (const std::string* name :
           {&summaries->life.server, &summaries->life.service, &summaries->version})
        WEIR_ASSERT(name->size() <= kHeartbeatTextBytesMax && weir::is_utf8(*name));
    }
    if (auto list = parse_vhosts(text)) {
      for (Vhost& vhost : list->vhosts) vhosts_.emplace(vhost.id, vhost.name);
    }
    (void)parse_kick(text);
    (void)parse_max_connections(text);
    if (const auto client = parse_client(text); client && client->client) {
      for (const std::string& unread : publishers_.unread(kTagReadsPerLookMax)) {
        WEIR_ASSERT(is_client_id(unread));
        publishers_.read(unread, *client->client);
        break;
      }
    }
    if (auto page = parse_stream_page(text)) add(std::move(page->streams));
    check();
  }

 private:
  void add(std::vector<ApiStream> page) {
    const auto step = listing_.add(std::move(page));
    if (step == StreamListing::Step::kMore) return;
    std::vector<ApiStream> streams = listing_.take();
    WEIR_ASSERT(streams.size() <= kStreamsMax);
    listing_ = StreamListing(kPageStreamsMin);
    if (step == StreamListing::Step::kGivenUp) return;
    now_ += std::chrono::seconds(1);
    publishers_.listed(now_, std::move(streams), vhosts_);
  }
  void check() const {
    std::string last;
    for (const auto& stream : publishers_.report()) {
      WEIR_ASSERT(weir::parse_stream_key(stream.key));
      WEIR_ASSERT(last < stream.key);
      WEIR_ASSERT(stream.ingress_bits_per_second >= 0);
      last = stream.key;
    }
    for (const TaggedPublisher& publisher : publishers_.tagged())
      WEIR_ASSERT(publisher.tag.starts_with("weir:") && is_client_id(publisher.client));
  }

  weir::MonotonicTime now_{std::chrono::hours(1)};
  StreamListing listing_{kPageStreamsMin};
  std::map<std::string, std::string> vhosts_;
  Publishers publishers_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  Origin origin;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\0'), rest.size());
    origin.answer(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return 0;
}
