#include "origin-agent/source/srs/api_answer.h"

#include <limits>
#include <utility>

#include <fmt/format.h>

#include "origin-agent/source/srs/heartbeat.h"
#include "origin-agent/source/srs/json_walk.h"
#include "origin-agent/source/srs/limits.h"

namespace weir::agent::srs {
namespace {

/// `code` of an answer about a client that SRS does not know.
constexpr std::int64_t kNoSuchClient = 2049;

Error unreadable(std::string_view what, std::string why) {
  return make_error(boost::system::errc::bad_message, fmt::format("{}: {}", what, std::move(why)),
                    Side::kOrigin, true);
}

void take_text(std::string& into, const JsonScalar& value) {
  if (value.kind == JsonScalar::Kind::kText) into = value.text;
}

/// Kilobits to bits.
double from_kbps(const JsonScalar& value) {
  return static_cast<double>(value.as_count()) * 1000;
}

/// What stands in every answer.
class AnswerWalk : public JsonVisitor {
 public:
  void scalar(JsonPath path, const JsonScalar& value) override {
    if (path.size() == 1) {
      const std::string& key = path[0];
      if (key == "code" && value.kind == JsonScalar::Kind::kNumber)
        code = static_cast<std::int64_t>(value.number);
      if (key == "server") take_text(life.server, value);
      if (key == "service") take_text(life.service, value);
      if (key == "pid" && value.as_count() <= std::numeric_limits<std::int32_t>::max())
        life.pid = static_cast<std::int32_t>(value.as_count());
    }
    inner(path, value);
  }

  std::optional<std::int64_t> code;
  Life life;

 protected:
  virtual void inner(JsonPath, const JsonScalar&) {}
};

/// Reads the text; errors name `what`. `may_lack_client`: that code is no error.
Result<void> read(std::string_view what, std::string_view json, AnswerWalk& walk,
                  bool may_lack_client = false) {
  if (auto walked = walk_json(json, walk); !walked) return unreadable(what, walked.error().message);
  if (!walk.code) return unreadable(what, "it has no `code`: what answers there is no SRS");
  if (may_lack_client && *walk.code == kNoSuchClient) return {};
  if (*walk.code != 0)
    return unreadable(what, fmt::format("SRS answered with code {}", *walk.code));
  if (walk.life.server.empty())
    return unreadable(what,
                      "it names no `server`: what answers there is no SRS, or one before 4.0");
  for (const std::string* name : {&walk.life.server, &walk.life.service}) {
    if (!name->empty() && !is_srs_name(*name))
      return unreadable(what, "its `server` or `service` is none: what answers there is no SRS");
  }
  return {};
}

class SummariesWalk final : public AnswerWalk {
 public:
  Summaries summaries;
  bool has_self = false;

 private:
  void inner(JsonPath path, const JsonScalar& value) override {
    if (path.size() != 3 || path[0] != "data") return;
    const std::string& key = path[2];
    if (path[1] == "self") {
      has_self = true;
      if (key == "version" && is_srs_name(value.text)) take_text(summaries.version, value);
      if (key == "mem_kbyte") summaries.resident_bytes = value.as_count() * 1024;
      if (key == "cpu_percent" && value.kind == JsonScalar::Kind::kNumber && value.number >= 0)
        summaries.used_cores = value.number;
      if (key == "srs_uptime") summaries.uptime_seconds = value.as_count();
    } else if (path[1] == "system" && key == "conn_srs" &&
               value.as_count() <= std::numeric_limits<std::uint32_t>::max()) {
      summaries.connections = static_cast<std::uint32_t>(value.as_count());
    }
  }
};

class StreamsWalk final : public AnswerWalk {
 public:
  void begin(JsonPath path) override {
    if (path.size() == 1 && path[0] == "streams") has_list = true;
    if (is_stream(path)) stream_ = {};
  }
  void end(JsonPath path) override {
    if (is_stream(path)) streams.push_back(std::move(stream_));
  }
  std::vector<ApiStream> streams;
  bool has_list = false;

 private:
  static bool is_stream(JsonPath path) {
    return path.size() == 2 && path[0] == "streams" && path[1] == "[]";
  }
  void inner(JsonPath path, const JsonScalar& value) override {
    if (path.size() < 3 || !is_stream(path.first(2))) return;
    const std::string& key = path.back();
    if (path.size() == 3) return field(key, value);
    if (path.size() != 4) return;
    if (path[2] == "kbps") {
      if (key == "recv_30s") stream_.recv_bits_per_second = from_kbps(value);
      if (key == "send_30s") stream_.send_bits_per_second = from_kbps(value);
    } else if (path[2] == "publish") {
      if (key == "active") stream_.active = value.boolean;
      if (key == "cid") identifier(stream_.publisher, value);
    }
  }
  void field(const std::string& key, const JsonScalar& value) {
    if (key == "id") identifier(stream_.id, value);
    if (key == "name") take_text(stream_.name, value);
    if (key == "vhost") identifier(stream_.vhost, value);
    if (key == "app") take_text(stream_.app, value);
    if (key == "url") take_text(stream_.url, value);
    if (key == "clients") stream_.clients = value.as_count();
    if (key == "send_bytes") stream_.send_bytes = value.as_count();
    if (key == "recv_bytes") stream_.recv_bytes = value.as_count();
  }
  /// Older versions count where newer ones draw a random text.
  static void identifier(std::string& into, const JsonScalar& value) {
    if (value.kind == JsonScalar::Kind::kNumber) {
      into = fmt::format("{}", value.as_count());
    } else {
      take_text(into, value);
    }
  }

  ApiStream stream_;
};

class VhostsWalk final : public AnswerWalk {
 public:
  void begin(JsonPath path) override {
    if (is_vhost(path)) vhost_ = {};
  }
  void end(JsonPath path) override {
    if (is_vhost(path)) vhosts.push_back(std::move(vhost_));
  }
  std::vector<Vhost> vhosts;

 private:
  static bool is_vhost(JsonPath path) {
    return path.size() == 2 && path[0] == "vhosts" && path[1] == "[]";
  }
  void inner(JsonPath path, const JsonScalar& value) override {
    if (path.size() != 3 || !is_vhost(path.first(2))) return;
    if (path[2] == "id") {
      vhost_.id = value.kind == JsonScalar::Kind::kNumber ? fmt::format("{}", value.as_count())
                                                          : std::string(value.text);
    }
    if (path[2] == "name") take_text(vhost_.name, value);
  }
  Vhost vhost_;
};

class ClientWalk final : public AnswerWalk {
 public:
  std::optional<ApiClient> client;

 private:
  void inner(JsonPath path, const JsonScalar& value) override {
    if (path.size() != 2 || path[0] != "client") return;
    if (!client) client.emplace();
    if (path[1] == "id") take_text(client->id, value);
    if (path[1] == "name") take_text(client->name, value);
    if (path[1] == "swfUrl") take_text(client->swf_url, value);
    if (path[1] == "publish") client->publishes = value.boolean;
  }
};

}  // namespace

Result<Summaries> parse_summaries(std::string_view json) {
  SummariesWalk walk;
  if (auto done = read("summaries", json, walk); !done) return done.error();
  if (!walk.has_self) return unreadable("summaries", "it has no `data.self`");
  walk.summaries.life = std::move(walk.life);
  return std::move(walk.summaries);
}

Result<StreamPage> parse_stream_page(std::string_view json) {
  StreamsWalk walk;
  if (auto done = read("streams", json, walk); !done) return done.error();
  if (!walk.has_list) return unreadable("streams", "it has no `streams`");
  return StreamPage{std::move(walk.life), std::move(walk.streams)};
}

Result<VhostList> parse_vhosts(std::string_view json) {
  VhostsWalk walk;
  if (auto done = read("vhosts", json, walk); !done) return done.error();
  return VhostList{std::move(walk.life), std::move(walk.vhosts)};
}

Result<ClientAnswer> parse_client(std::string_view json) {
  ClientWalk walk;
  if (auto done = read("client", json, walk, true); !done) return done.error();
  if (*walk.code == kNoSuchClient) return ClientAnswer{};
  if (!walk.client) return unreadable("client", "it has no `client`");
  return ClientAnswer{std::move(walk.life), std::move(walk.client)};
}

Result<bool> parse_kick(std::string_view json) {
  AnswerWalk walk;
  if (auto done = read("kick", json, walk, true); !done) return done.error();
  return *walk.code == 0;
}

}  // namespace weir::agent::srs
