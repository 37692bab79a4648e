#pragma once
// What a scripted SRS knows of its streams and clients, as its HTTP API shows it.
//
// Purpose: the values behind the answers of /api/v1, apart from sockets. Ids are random text as in
// SRS, and lists are in the order of ids, so pages shift when a stream comes in between.
// Threading: values, one thread. Lifetime: self-contained.

#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "common/base/random.h"

namespace weir::tests {

struct SrsName {
  std::string vhost;  ///< as configured: __defaultVhost__ for one that is not
  std::string app;
  std::string stream;
  std::string tc_url;  ///< without query

  /// What SRS knows the stream by: without its default vhost and without the name's extension, so
  /// that two names can be one stream.
  std::string url() const;
};

struct SrsClient {
  std::string id;
  std::string stream_id;
  SrsName name;
  std::string swf_url;
  std::string page_url;
  std::string type;  ///< fmle-publish, flash-publish, rtmp-play
  bool publish = false;
  std::chrono::steady_clock::time_point since;
  std::uint64_t received = 0;
  std::uint64_t sent = 0;
};

struct SrsStream {
  std::string id;
  SrsName name;
  std::string publisher;          ///< client id; empty = nobody publishes
  std::set<std::string> clients;  ///< by id, publisher included
  std::uint64_t received = 0;
  std::uint64_t sent = 0;
  bool has_video = false;
  bool has_audio = false;
};

/// Counted for the tests: what an agent asks costs SRS its one thread.
struct SrsAsked {
  std::uint64_t requests = 0;
  std::uint64_t client_lists = 0;
  std::uint64_t clients = 0;
  std::uint64_t kicks = 0;
  std::uint64_t connections = 0;
};

class SrsState {
 public:
  explicit SrsState(Random& random) : random_(random) {}

  /// A vhost that is not configured is the default one.
  void configure_vhost(const std::string& vhost);
  SrsName name_of(std::string_view tc_url, std::string_view stream_with_query) const;

  /// Registers the client with its stream, which begins to exist with it.
  SrsClient& add_client(SrsClient client);
  /// The stream ends to exist with its last client.
  void remove_client(const std::string& id);
  /// False: somebody publishes already (StreamBusy).
  bool publish(const std::string& client_id);

  SrsStream* stream_of(const SrsClient& client);
  SrsClient* client(std::string_view id);
  const std::map<std::string, SrsStream>& streams() const { return streams_; }
  const std::map<std::string, SrsClient>& clients() const { return clients_; }
  const std::map<std::string, std::string>& vhosts() const { return vhosts_; }
  void clear();

  /// Eight characters, as SRS names clients and lives.
  std::string token() { return random_.token(8); }
  std::string long_id() { return "vid-" + random_.token(7); }

 private:
  Random& random_;
  std::map<std::string, SrsStream> streams_;   // by random id
  std::map<std::string, std::string> by_url_;  // url -> stream id
  std::map<std::string, SrsClient> clients_;
  std::map<std::string, std::string> vhosts_;  // name -> random id
};

}  // namespace weir::tests
