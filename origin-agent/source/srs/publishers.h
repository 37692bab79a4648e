#pragma once
// Publishers: who publishes at one SRS, what their tags are, and what is reported of the streams.
// Pure.
//
// Purpose: a listing names streams and the client ids of their publishers; name as written and tag
// stand with the client alone, and one request for each publisher that ever comes is all that may
// be spent on that.
// Threading: one thread. Lifetime: of one life of the SRS.

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/base/clock.h"
#include "origin-agent/report/messages.h"
#include "origin-agent/sampling/rate_meter.h"
#include "origin-agent/source/srs/api_answer.h"

namespace weir::agent::srs {

/// Name of a stream's vhost as SRS resolved it: from its `url`, else by id; nothing when neither
/// tells it.
std::optional<std::string> vhost_of(const ApiStream& stream,
                                    const std::map<std::string, std::string>& names_by_id);

/// True for a client id that may stand in a path.
bool is_client_id(const std::string& text);

struct TaggedPublisher {
  std::string client;
  std::string key;
  std::string tag;
};

class Publishers {
 public:
  /// A complete listing, made at `now`. Who is not in it is forgotten.
  void listed(MonotonicTime now, std::vector<ApiStream> streams,
              const std::map<std::string, std::string>& vhost_names);
  /// Client ids whose tag is to be read, at most `max`: those first that failed least often, so
  /// that some whose answers are never readable do not keep the others from being read.
  std::vector<std::string> unread(std::size_t max) const;
  /// It is left alone for some listings, more with every time.
  void failed_to_read(const std::string& client);
  bool all_read() const;
  void read(const std::string& client, const ApiClient& found);

  /// The live streams, each once.
  std::vector<ReportedStream> report() const;
  std::vector<TaggedPublisher> tagged() const;
  bool is_anybody_there() const { return !live_.empty(); }

  std::uint32_t players() const { return players_; }
  std::uint32_t clients() const { return clients_; }
  /// Of all streams of this life, also of those that ended. They stand still between two of SRS's
  /// own samples; `counters_fresh` tells whether a rate may be taken now.
  std::uint64_t recv_bytes() const { return recv_bytes_; }
  std::uint64_t send_bytes() const { return send_bytes_; }
  bool counters_fresh() const { return counters_fresh_; }

 private:
  struct Traffic {
    std::uint64_t recv_bytes = 0, send_bytes = 0;
    MonotonicTime moved;
    RateMeter recv, send;
    bool listed = false;
  };
  struct Live {
    std::string vhost;
    std::string app;
    std::optional<std::string> key;  ///< by the publisher's own name once it was looked at
    std::string client;
    std::string stream;  ///< id
    std::string tag;
    std::uint32_t players = 0;
    bool read = false;
    std::uint64_t failures = 0;  ///< to read it
    std::uint64_t retry_at = 0;  ///< listing
  };

  void take_traffic(MonotonicTime now, const ApiStream& stream);
  static std::optional<std::string> key_of(const Live& live, const std::string& name);

  std::vector<Live> live_;
  std::unordered_map<std::string, Traffic> traffic_;  ///< by stream id
  std::uint64_t recv_bytes_ = 0, send_bytes_ = 0;
  std::uint64_t listings_ = 0;
  std::uint32_t players_ = 0, clients_ = 0;
  MonotonicTime moved_;
  bool counters_fresh_ = false;
};

}  // namespace weir::agent::srs
