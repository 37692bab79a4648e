#include "tests/support/srs/srs_api.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "tests/support/rtmp/json.h"

namespace weir::tests {
namespace {

constexpr int kVhostNotFound = 2014;
constexpr int kClientNotFound = 2049;

std::string identity(const SrsSelf& self) {
  return fmt::format("\"code\":0,\"server\":{},\"service\":{},\"pid\":{}", json_string(self.server),
                     json_string(self.service), json_string(self.pid));
}

std::string kbps() {
  return "\"kbps\":{\"recv_30s\":0,\"send_30s\":0}";
}

std::int64_t wall_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string stream_json(const SrsStream& stream, const SrsState& state) {
  const auto vhost = state.vhosts().find(stream.name.vhost);
  std::string publish = fmt::format("{{\"active\":{}", !stream.publisher.empty());
  if (!stream.publisher.empty()) publish += ",\"cid\":" + json_string(stream.publisher);
  return fmt::format(
      "{{\"id\":{},\"name\":{},\"vhost\":{},\"app\":{},\"tcUrl\":{},\"url\":{},\"live_ms\":{},"
      "\"clients\":{},\"frames\":0,\"send_bytes\":{},\"recv_bytes\":{},{},\"publish\":{}}},"
      "\"video\":{},\"audio\":{}}}",
      json_string(stream.id), json_string(stream.name.stream),
      json_string(vhost == state.vhosts().end() ? "" : vhost->second), json_string(stream.name.app),
      json_string(stream.name.tc_url), json_string(stream.name.url()), wall_ms(),
      stream.clients.size(), stream.sent, stream.received, kbps(), publish,
      stream.has_video ? "{\"codec\":\"H264\",\"profile\":\"Baseline\",\"level\":\"1.3\","
                         "\"width\":320,\"height\":240}"
                       : "null",
      stream.has_audio ? "{\"codec\":\"AAC\",\"sample_rate\":44100,\"channel\":2,"
                         "\"profile\":\"LC\"}"
                       : "null");
}

std::string client_json(const SrsClient& client, const SrsState& state) {
  const auto vhost = state.vhosts().find(client.name.vhost);
  const double alive =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - client.since).count();
  return fmt::format(
      "{{\"id\":{},\"vhost\":{},\"stream\":{},\"ip\":\"127.0.0.1\",\"pageUrl\":{},\"swfUrl\":{},"
      "\"tcUrl\":{},\"url\":{},\"name\":{},\"type\":{},\"publish\":{},\"alive\":{:.2f},"
      "\"send_bytes\":{},\"recv_bytes\":{},{}}}",
      json_string(client.id), json_string(vhost == state.vhosts().end() ? "" : vhost->second),
      json_string(client.stream_id), json_string(client.page_url), json_string(client.swf_url),
      json_string(client.name.tc_url), json_string(client.name.url()),
      json_string(client.name.stream), json_string(client.type), client.publish, alive, client.sent,
      client.received, kbps());
}

std::string vhost_json(const std::string& name, const std::string& id, const SrsState& state) {
  std::size_t clients = 0, streams = 0;
  for (const auto& [_, stream] : state.streams()) {
    if (stream.name.vhost != name) continue;
    ++streams;
    clients += stream.clients.size();
  }
  return fmt::format(
      "{{\"id\":{},\"name\":{},\"enabled\":true,\"clients\":{},\"streams\":{},\"send_bytes\":0,"
      "\"recv_bytes\":0,{},\"hls\":{{\"enabled\":false}}}}",
      json_string(id), json_string(name), clients, streams, kbps());
}

/// As atoi: what is no number is 0.
std::size_t query_number(std::string_view query, std::string_view key) {
  const std::string wanted = std::string(key) + "=";
  std::size_t at = query.find(wanted);
  if (at == std::string_view::npos) return 0;
  at += wanted.size();
  std::size_t value = 0;
  std::from_chars(query.data() + at, query.data() + query.size(), value);
  return value;
}

template <typename Map, typename Show>
std::string page(const Map& all, std::string_view query, const Show& show) {
  const std::size_t start = query_number(query, "start");
  const std::size_t count = std::max<std::size_t>(10, query_number(query, "count"));
  std::string out;
  std::size_t index = 0;
  for (const auto& [key, value] : all) {
    if (index >= start + count) break;
    if (index++ < start) continue;
    if (!out.empty()) out += ',';
    out += show(key, value);
  }
  return out;
}

std::string summaries(const SrsSelf& self) {
  return fmt::format(
      "\"data\":{{\"ok\":true,\"now_ms\":{},\"self\":{{\"version\":{},\"pid\":{},\"ppid\":1,"
      "\"argv\":\"srs -c srs.conf\",\"cwd\":\"/srs\",\"mem_kbyte\":13776,\"mem_percent\":0.00,"
      "\"cpu_percent\":{:.2f},\"srs_uptime\":{:.0f}}},\"system\":{{\"cpu_percent\":0.01,"
      "\"disk_read_KBps\":0,\"disk_write_KBps\":0,\"disk_busy_percent\":0.00,"
      "\"mem_ram_kbyte\":24684092,\"mem_ram_percent\":0.06,\"mem_swap_kbyte\":0,"
      "\"mem_swap_percent\":0.00,\"cpus\":2,\"cpus_online\":2,\"uptime\":23389.09,"
      "\"ilde_time\":12069.51,\"load_1m\":0.16,\"load_5m\":0.83,\"load_15m\":1.04,"
      "\"net_sample_time\":{},\"net_recv_bytes\":0,\"net_send_bytes\":0,\"net_recvi_bytes\":0,"
      "\"net_sendi_bytes\":0,\"srs_sample_time\":{},\"srs_recv_bytes\":0,\"srs_send_bytes\":0,"
      "\"conn_sys\":3,\"conn_sys_et\":0,\"conn_sys_tw\":0,\"conn_sys_udp\":0,\"conn_srs\":{}}}}}",
      wall_ms(), json_string(self.version), self.pid, self.cpu_percent, self.uptime_seconds,
      wall_ms(), wall_ms(), self.connections);
}

SrsApiAnswer refusal(int code) {
  return {200, fmt::format("{{\"code\":{}}}", code), {}, {}};
}

SrsApiAnswer answer_clients(const SrsSelf& self, SrsState& state, SrsAsked& asked,
                            std::string_view method, std::string_view id, std::string_view query) {
  const std::string head = "{" + identity(self);
  if (id.empty()) {
    ++asked.client_lists;
    return {200,
            head + ",\"clients\":[" +
                page(state.clients(), query,
                     [&](const auto&, const SrsClient& c) { return client_json(c, state); }) +
                "]}",
            {},
            {}};
  }
  const SrsClient* client = state.client(id);
  if (!client) return refusal(kClientNotFound);
  if (method == "DELETE") {
    ++asked.kicks;
    return {200, head + "}", {}, client->id};
  }
  ++asked.clients;
  return {200, head + ",\"client\":" + client_json(*client, state) + "}", {}, {}};
}

std::string port_list(std::string_view name, const std::vector<std::string>& ports) {
  if (ports.empty()) return {};
  std::string out = fmt::format(",\"{}\":[", name);
  for (std::size_t i = 0; i < ports.size(); ++i) out += (i == 0 ? "" : ",") + json_string(ports[i]);
  return out + "]";
}

}  // namespace

SrsApiAnswer answer_api(const SrsSelf& self, SrsState& state, SrsAsked& asked,
                        std::string_view method, std::string_view target) {
  ++asked.requests;
  const std::size_t mark = target.find('?');
  const std::string_view path = target.substr(0, mark);
  const std::string_view query =
      mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
  const std::string head = "{" + identity(self) + ",";
  for (const std::string_view listing : {"vhosts", "streams", "clients"}) {
    const std::string bare = "/api/v1/" + std::string(listing);
    if (path == bare)
      return {302,
              "Redirect to " + bare + "/",
              bare + "/" + (query.empty() ? "" : "?" + std::string(query)),
              {}};
  }
  if (path == "/api/v1/versions") {
    return {200,
            fmt::format("{}\"data\":{{\"major\":7,\"minor\":0,\"revision\":18,\"version\":{}}}}}",
                        head, json_string(self.version)),
            {},
            {}};
  }
  if (path == "/api/v1/summaries") return {200, head + summaries(self) + "}", {}, {}};
  if (path.starts_with("/api/v1/vhosts/")) {
    const std::string_view id = path.substr(15);
    std::string all;
    for (const auto& [name, vhost] : state.vhosts()) {
      if (id == vhost)
        return {200, head + "\"vhost\":" + vhost_json(name, vhost, state) + "}", {}, {}};
      all += (all.empty() ? "" : ",") + vhost_json(name, vhost, state);
    }
    if (!id.empty()) return refusal(kVhostNotFound);
    return {200, head + "\"vhosts\":[" + all + "]}", {}, {}};
  }
  if (path == "/api/v1/streams/") {
    return {200,
            head + "\"streams\":[" +
                page(state.streams(), query,
                     [&](const auto&, const SrsStream& s) { return stream_json(s, state); }) +
                "]}",
            {},
            {}};
  }
  if (path.starts_with("/api/v1/clients/"))
    return answer_clients(self, state, asked, method, path.substr(16), query);
  return {404, "Not Found", {}, {}};
}

std::string heartbeat_body(const SrsSelf& self, std::string_view device_id, std::string_view ip,
                           const SrsPorts* ports) {
  std::string body =
      fmt::format("{{\"device_id\":{},\"ip\":{},\"server\":{},\"service\":{},\"pid\":{}",
                  json_string(device_id), json_string(ip), json_string(self.server),
                  json_string(self.service), json_string(self.pid));
  if (ports) {
    body += port_list("rtmp", ports->rtmp);
    body += port_list("http", ports->http);
    body += port_list("api", ports->api);
  }
  return body + "}";
}

}  // namespace weir::tests
