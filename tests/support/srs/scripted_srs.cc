#include "tests/support/srs/scripted_srs.h"

#include <algorithm>
#include <array>
#include <utility>

#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "tests/support/rtmp/json.h"
#include "tests/support/srs/srs_api_connection.h"
#include "tests/support/srs/srs_heartbeat.h"
#include "tests/support/srs/srs_session.h"

namespace weir::tests {
namespace {

using boost::asio::ip::tcp;

constexpr auto kFrameEvery = std::chrono::milliseconds(40);
constexpr std::size_t kFrameBytes = 1024;
constexpr std::uint64_t kKeyFrameEvery = 25;
constexpr std::size_t kHeadersMax = 8;

/// "@setDataFrame" as AMF0: SRS takes it off.
constexpr std::array<std::uint8_t, 16> kSetDataFrame = {0x02, 0x00, 0x0D, '@', 's', 'e', 't', 'D',
                                                        'a',  't',  'a',  'F', 'r', 'a', 'm', 'e'};

bool listen_on(tcp::acceptor& acceptor, const std::string& host, std::uint16_t port,
               std::string& why) {
  boost::system::error_code error;
  const tcp::endpoint at(boost::asio::ip::make_address(host, error), port);
  if (!error) acceptor.open(at.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(at, error);
  if (!error) acceptor.listen(512, error);
  if (error) why = fmt::format("{}:{}: {}", host, port, error.message());
  return !error;
}

ScriptedMessage copied(const rtmp::Message& message) {
  rtmp::Bytes payload = message.payload;
  if (rtmp::is_data(message.header.type) && payload.size() >= kSetDataFrame.size() &&
      std::ranges::equal(payload.first(kSetDataFrame.size()), kSetDataFrame))
    payload = payload.subspan(kSetDataFrame.size());
  ScriptedMessage out{message.header, {payload.begin(), payload.end()}};
  out.header.length = static_cast<std::uint32_t>(out.payload.size());
  return out;
}

}  // namespace

ScriptedSrs::ScriptedSrs(boost::asio::io_context& context, ScriptedSrsOptions options,
                         const EventLog& log, Random& random)
    : context_(context),
      options_(std::move(options)),
      log_(log),
      random_(random),
      state_(random),
      rtmp_(context),
      api_(context),
      beat_timer_(context),
      media_timer_(context) {
  if (options_.server.empty()) options_.server = state_.long_id();
  if (options_.pid.empty()) options_.pid = std::to_string(getpid());
}

ScriptedSrs::~ScriptedSrs() {
  stop();
}

bool ScriptedSrs::start(std::string& why) {
  if (running_) return true;
  if (!listen_on(rtmp_, options_.host, options_.rtmp_port, why) ||
      !listen_on(api_, options_.host, options_.api_port, why)) {
    stop();
    return false;
  }
  running_ = true;
  frozen_ = false;
  service_ = state_.token();
  started_ = std::chrono::steady_clock::now();
  for (const std::string& vhost : options_.vhosts) state_.configure_vhost(vhost);
  accept_rtmp();
  accept_api();
  if (!options_.heartbeat_host.empty()) heartbeat_after(options_.first_ms);
  return true;
}

void ScriptedSrs::stop() {
  running_ = false;
  ++life_;
  boost::system::error_code ignored;
  rtmp_.close(ignored);
  api_.close(ignored);
  beat_timer_.cancel();
  media_timer_.cancel();
  for (const auto& connection : api_connections_) connection->close();
  api_connections_.clear();
  // Destroying a session closes it; each is out of the set before it can ask for it.
  std::exchange(sessions_, {}).clear();
  state_.clear();
  headers_.clear();
  invented_.clear();
}

void ScriptedSrs::freeze(bool frozen) {
  if (!running_ || frozen_ == frozen) return;
  frozen_ = frozen;
  for (const auto& session : sessions_) session->freeze(frozen);
  if (frozen) return;
  for (const auto& connection : std::set(api_connections_)) connection->thaw();
  accept_rtmp();
  accept_api();
}

bool ScriptedSrs::full() const {
  return sessions_.size() + api_connections_.size() >= options_.max_connections;
}

void ScriptedSrs::accept_rtmp() {
  // Polled readiness, not an accept under way: the kernel alone must take connections while frozen.
  rtmp_.async_wait(tcp::acceptor::wait_read, [this, life = life_](boost::system::error_code error) {
    if (error || life != life_ || frozen_) return;
    boost::system::error_code failed;
    tcp::socket socket = rtmp_.accept(failed);
    if (!failed && !full()) {
      auto session = std::make_shared<SrsSession>(*this, std::move(socket));
      sessions_.insert(session);
      session->start();
    }
    accept_rtmp();
  });
}

void ScriptedSrs::accept_api() {
  api_.async_wait(tcp::acceptor::wait_read, [this, life = life_](boost::system::error_code error) {
    if (error || life != life_ || frozen_) return;
    boost::system::error_code failed;
    tcp::socket socket = api_.accept(failed);
    if (!failed && !full()) {
      ++asked_.connections;
      auto connection = std::make_shared<SrsApiConnection>(*this, std::move(socket));
      api_connections_.insert(connection);
      connection->start();
    }
    accept_api();
  });
}

SrsSelf ScriptedSrs::self() const {
  const double uptime =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
  SrsSelf self;
  self.server = options_.server;
  self.service = service_;
  self.pid = options_.pid;
  self.cpu_percent = options_.cpu_percent;
  self.uptime_seconds = uptime;
  self.connections = state_.clients().size();
  return self;
}

void ScriptedSrs::heartbeat_after(std::uint32_t ms) {
  beat_timer_.expires_after(std::chrono::milliseconds(ms));
  beat_timer_.async_wait([this, life = life_](boost::system::error_code error) {
    if (error || life != life_) return;
    if (!frozen_) beat();
    heartbeat_after(options_.interval_ms);
  });
}

void ScriptedSrs::beat() {
  SrsPorts ports = options_.said;
  if (ports.rtmp.empty()) ports.rtmp = {std::to_string(options_.rtmp_port)};
  if (ports.api.empty()) ports.api = {std::to_string(options_.api_port)};
  ++beats_;
  post_heartbeat(
      context_, options_.heartbeat_host, options_.heartbeat_port, options_.heartbeat_path,
      heartbeat_body(self(), options_.device_id, options_.ip, options_.ports_on ? &ports : nullptr),
      [this, life = life_](int status, const std::string& answer) {
        if (life != life_) return;
        last_answer_ = fmt::format("{} {}", status, answer);
        if (status == 200) ++beats_accepted_;
      });
}

bool ScriptedSrs::publish_directly(const std::string& app, const std::string& stream,
                                   const std::string& swf_url) {
  SrsClient client;
  client.name =
      state_.name_of(fmt::format("rtmp://127.0.0.1:{}/{}", options_.rtmp_port, app), stream);
  client.swf_url = swf_url;
  client.type = "fmle-publish";
  client.publish = true;
  const std::string id = state_.add_client(std::move(client)).id;
  if (!state_.publish(id)) {
    state_.remove_client(id);
    return false;
  }
  const SrsStream* made = state_.stream_of(*state_.client(id));
  headers_[made->id] = {metadata_message(1, false), avc_sequence_header(1)};
  invented_[id] = 0;
  if (invented_.size() == 1) tick();
  return true;
}

void ScriptedSrs::end_publisher(const std::string& app, const std::string& stream) {
  const std::string url =
      state_.name_of(fmt::format("rtmp://127.0.0.1:{}/{}", options_.rtmp_port, app), stream).url();
  for (const auto& [id, known] : state_.streams()) {
    if (known.name.url() != url || known.publisher.empty()) continue;
    return kick(std::string(known.publisher));
  }
}

void ScriptedSrs::tick() {
  if (invented_.empty()) return;
  if (!frozen_) {
    for (auto& [id, frames] : invented_) {
      SrsClient* client = state_.client(id);
      if (!client) continue;
      const ScriptedMessage frame = video_frame(1, static_cast<std::uint32_t>(frames * 40), frames,
                                                kFrameBytes, frames % kKeyFrameEvery == 0);
      ++frames;
      relay(*client, {frame.header, frame.payload});
    }
  }
  media_timer_.expires_after(kFrameEvery);
  media_timer_.async_wait([this, life = life_](boost::system::error_code error) {
    if (!error && life == life_) tick();
  });
}

void ScriptedSrs::relay(SrsClient& from, const rtmp::Message& message) {
  SrsStream* stream = state_.stream_of(from);
  if (!stream) return;
  from.received += message.payload.size();
  stream->received += message.payload.size();
  const auto kind = rtmp::media_kind(message.header.type, message.payload);
  const bool video = message.header.type == rtmp::MessageType::kVideo;
  stream->has_video = stream->has_video || video;
  stream->has_audio = stream->has_audio || message.header.type == rtmp::MessageType::kAudio;
  const bool kept = kind.sequence_header || rtmp::is_data(message.header.type);
  if (!kept && stream->clients.size() < 2) return;
  const ScriptedMessage copy = copied(message);
  if (kept) {
    auto& headers = headers_[stream->id];
    std::erase_if(headers,
                  [&](const ScriptedMessage& had) { return had.header.type == copy.header.type; });
    if (headers.size() < kHeadersMax) headers.push_back(copy);
  }
  for (const auto& session : sessions_) {
    if (!session->plays(stream->id)) continue;
    session->send_media(copy);
    stream->sent += copy.payload.size();
  }
}

void ScriptedSrs::kick(const std::string& client_id) {
  if (invented_.erase(client_id) > 0) return state_.remove_client(client_id);
  for (const auto& session : std::set(sessions_))
    if (session->client() == client_id) session->close();
}

void ScriptedSrs::ended(SrsSession& session) {
  if (!session.client().empty()) {
    const SrsClient* client = state_.client(session.client());
    const std::string stream = client ? client->stream_id : std::string();
    state_.remove_client(session.client());
    if (!state_.streams().contains(stream)) headers_.erase(stream);
  }
  const auto found = sessions_.find(session.shared_from_this());
  if (found == sessions_.end()) return;
  // The session is still on the stack: the last reference goes with the posted one.
  boost::asio::post(context_, [kept = *found] {});
  sessions_.erase(found);
}

std::string ScriptedSrs::report() const {
  std::string streams;
  for (const auto& [_, stream] : state_.streams()) {
    const auto publisher = state_.clients().find(stream.publisher);
    streams += fmt::format(
        "{}{{\"url\":{},\"clients\":{},\"received\":{},\"publisher\":{}}}",
        streams.empty() ? "" : ",", json_string(stream.name.url()), stream.clients.size(),
        stream.received,
        publisher == state_.clients().end()
            ? "null"
            : fmt::format("{{\"cid\":{},\"swf_url\":{}}}", json_string(publisher->first),
                          json_string(publisher->second.swf_url)));
  }
  return fmt::format(
      "\"name\":{},\"running\":{},\"server\":{},\"service\":{},\"beats\":{},\"accepted\":{},"
      "\"answer\":{},\"streams\":[{}],\"requests\":{},\"client_lists\":{},\"client_reads\":{},"
      "\"kicks\":{},\"api_connections\":{}",
      json_string(options_.name), running_, json_string(options_.server), json_string(service_),
      beats_, beats_accepted_, json_string(last_answer_), streams, asked_.requests,
      asked_.client_lists, asked_.clients, asked_.kicks, asked_.connections);
}

}  // namespace weir::tests
