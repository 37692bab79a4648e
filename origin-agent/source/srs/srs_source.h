#pragma once
// SrsSource: the adapter for SRS, over its HTTP API on one kept-alive connection.
//
// Purpose: SRS is one thread, so it is asked as little as will do: streams each second while there
// are any (less often when there are none or listing takes long), a publisher's tag once, summaries
// rarely (a process of this host is measured in /proc). Its `service` in every answer names the
// life of it. Publishers whose epoch is outdated are kicked, at once when a newer epoch is learnt.
// Threading: the io_context's one thread. Lifetime: io_context, clock, random and epochs outlive
// it.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/random.h"
#include "common/base/secret.h"
#include "common/probe/rtmp_probe.h"
#include "common/telemetry/log.h"
#include "origin-agent/report/epoch_table.h"
#include "origin-agent/source/http_get.h"
#include "origin-agent/source/origin_source.h"
#include "origin-agent/source/srs/api_answer.h"
#include "origin-agent/source/srs/api_link.h"
#include "origin-agent/source/srs/fencer.h"
#include "origin-agent/source/srs/limits.h"
#include "origin-agent/source/srs/publishers.h"
#include "origin-agent/source/srs/stream_listing.h"

namespace weir::agent::srs {

/// Where one SRS is to be found, and what is known of it.
struct SrsOptions {
  std::string rtmp;                   ///< `host:port` as this host reaches it
  std::optional<HttpUrl> api;         ///< host and port count; absent: neither streams nor fencing
  Secret api_credentials;             ///< `user:password` of `http_api { auth … }`; empty = none
  std::string server;                 ///< SRS's own id; empty = whichever answers
  std::string service;                ///< of the life that is known already; empty = none
  std::int32_t pid = 0;               ///< of that life
  std::uint32_t max_connections = 0;  ///< configured; 0 = found out, else SRS's default
  ClientAddressMode client_address = ClientAddressMode::kNone;
};

class SrsSource final : public OriginSource {
 public:
  SrsSource(boost::asio::io_context& io, const Clock& clock, Random& random, EpochTable& epochs,
            SrsOptions options, log::Logger logger);

  void observe(const std::optional<ProcessIdentity>& watched,
               Callback<void(Observation)> done) override;
  void probe(Callback<void(probe::ProbeResult)> done) override;

  /// A heartbeat of this origin named `life` (its start is not known there): should the API not
  /// answer, that is who serves.
  void announced(const ProcessIdentity& life) override;
  /// Something was published or unpublished there, as a hook says: the next look asks for it.
  /// As often as hints come, they never make it listed more often than is fair to SRS.
  void hinted() override { hinted_ = true; }

 private:
  /// One look, which takes several requests.
  struct Look {
    std::optional<ProcessIdentity> watched;
    Callback<void(Observation)> done;
    MonotonicTime started;
    MonotonicTime deadline;
    std::optional<StreamListing> listing;
    std::vector<ApiStream> streams;
    std::vector<std::string> unread;
    std::optional<Summaries> summaries;
    bool restarted = false;   ///< another life answered meanwhile
    bool taken_over = false;  ///< another server answered
    bool life_alone = false;  ///< nothing is listed unless it is another one
  };
  using Answered = void (SrsSource::*)(const Result<std::string>&);

  bool may_rest(MonotonicTime now) const;
  void answer_later(const std::optional<ProcessIdentity>& watched, Callback<void(Observation)> done,
                    std::string trouble);
  void ask(std::string target, Answered answered);

  void read_summaries();
  void summaries_read(const Result<std::string>& answer);
  void list();
  void page_read(const Result<std::string>& answer);
  void list_smaller_pages();
  void read_vhosts();
  void vhosts_read(const Result<std::string>& answer);
  void listed();
  void read_tag();
  void tag_read(const Result<std::string>& answer);
  void complete();
  void fail(const std::string& trouble);
  void end(Observation observation);

  /// False when the look is over or begins anew: another server answered, or another life of it.
  /// `summaries`: where the answer was that.
  bool take_life(const Life& life, const Summaries* summaries);
  void forget_life();
  void find_process(const Summaries& summaries);
  /// Who serves as far as it can be told without the API.
  Observation without_api(const std::optional<ProcessIdentity>& watched, std::string trouble) const;
  void epoch_raised(const std::string& stream);
  /// Logs it unless it is what was logged last. Parts of it are what strangers chose.
  void tell(const std::string& trouble);

  boost::asio::io_context& io_;
  const Clock& clock_;
  Random& random_;
  const SrsOptions options_;
  log::Logger logger_;
  std::uint16_t rtmp_port_ = 0;

  std::optional<Life> life_;                  ///< who answered last
  std::optional<ProcessIdentity> process_;    ///< of life_
  std::optional<MonotonicTime> answered_at_;  ///< by life_, last
  std::uint32_t max_connections_ = 0;
  std::string software_;
  ProcessIdentity announced_;  ///< by heartbeat or options; pid 0 = none
  Publishers publishers_;
  std::map<std::string, std::string> vhosts_;  ///< names by id, where streams do not tell them
  std::unique_ptr<Look> look_;                 ///< the one under way
  std::size_t page_streams_ = kPageStreams;
  MonotonicTime next_listing_;
  MonotonicTime hints_from_;  ///< a hint waits until then
  MonotonicTime quiet_from_;
  MonotonicTime next_summaries_;
  bool hinted_ = false;
  bool renewed_ = false;  ///< announced() named another life
  std::string told_;      ///< the last trouble in the log, without its figures
  log::Every told_every_{kTroubleLogInterval};

  EpochWatch watch_;
  std::optional<ApiLink> link_;
  std::optional<Fencer> fencer_;
  probe::ProbeHandle probe_;
  // Posted work that runs after this object is gone finds this expired.
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace weir::agent::srs
