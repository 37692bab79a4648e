#include "tests/support/srs/srs_session.h"

#include <utility>

#include "dataplane/protocol/amf/reader.h"

namespace weir::tests {
namespace {

constexpr std::uint32_t kWindow = 2'500'000;
constexpr std::uint32_t kChunkSize = 60'000;
/// A player that is slower loses frames, as in SRS.
constexpr std::size_t kQueueMax = 4 << 20;

}  // namespace

SrsSession::SrsSession(ScriptedSrs& origin, boost::asio::ip::tcp::socket socket)
    : origin_(origin),
      peer_(std::make_shared<RtmpPeer>(std::move(socket), RtmpPeer::Role::kServer, *this,
                                       origin.random_)) {}

SrsSession::~SrsSession() {
  peer_->close();
}

void SrsSession::send(std::uint32_t stream_id, const std::vector<std::uint8_t>& payload) {
  peer_->send({rtmp::MessageType::kCommandAmf0, 0, static_cast<std::uint32_t>(payload.size()),
               stream_id, stream_id == 0 ? 3U : 5U},
              payload);
}

void SrsSession::send_media(const ScriptedMessage& message) {
  if (peer_->closed() || peer_->queued() > kQueueMax) return;
  rtmp::MessageHeader header = message.header;
  header.stream_id = 1;
  header.chunk_stream = rtmp::is_data(header.type)                 ? 5U
                        : header.type == rtmp::MessageType::kVideo ? 6U
                                                                   : 7U;
  peer_->send(header, message.payload);
}

void SrsSession::close() {
  peer_->close();
  origin_.ended(*this);
}

void SrsSession::on_message(const rtmp::Message& message) {
  if (const auto command = rtmp::parse_command(message)) return on_command(*command);
  if (!rtmp::is_media(message.header.type) && !rtmp::is_data(message.header.type)) return;
  SrsClient* client = origin_.state_.client(client_);
  if (client && client->publish) origin_.relay(*client, message);
}

void SrsSession::on_command(const rtmp::Command& command) {
  if (command.name == "connect") return on_connect(command);
  if (command.name == "releaseStream" || command.name == "FCPublish") {
    fmle_ = true;
    return send(0, rtmp::empty_result(command.transaction));
  }
  if (command.name == "createStream")
    return send(0, rtmp::create_stream_result(command.transaction, 1));
  if (command.name == "publish") return on_publish(command);
  if (command.name == "play") return on_play(command);
  if (command.name == "FCUnpublish" || command.name == "deleteStream" ||
      command.name == "closeStream")
    close();
}

void SrsSession::on_connect(const rtmp::Command& command) {
  if (const auto object = command.argument(0)) {
    tc_url_ = amf::string_property(*object, "tcUrl");
    swf_url_ = amf::string_property(*object, "swfUrl");
    page_url_ = amf::string_property(*object, "pageUrl");
  }
  peer_->send(rtmp::window_ack_size(kWindow));
  peer_->send(rtmp::set_peer_bandwidth(kWindow, rtmp::PeerBandwidthLimit::kDynamic));
  peer_->set_chunk_size(kChunkSize);
  send(0, rtmp::connect_result(command.transaction));
  send(0, rtmp::on_bw_done());
}

SrsClient SrsSession::identified(const rtmp::Command& command) const {
  SrsClient client;
  client.name = origin_.state_.name_of(tc_url_, command.string_argument(1));
  client.swf_url = swf_url_;
  client.page_url = page_url_;
  return client;
}

void SrsSession::on_publish(const rtmp::Command& command) {
  if (!client_.empty()) return;
  SrsClient client = identified(command);
  client.type = fmle_ ? "fmle-publish" : "flash-publish";
  client.publish = true;
  if (fmle_)
    send(1, rtmp::on_fc_publish("onFCPublish", rtmp::status::kPublishStart,
                                "Started publishing stream."));
  SrsClient& added = origin_.state_.add_client(std::move(client));
  client_ = added.id;
  stream_ = added.stream_id;
  if (!origin_.state_.publish(client_)) {
    // What is queued leaves before the close, and no status does.
    peer_->flush();
    return close();
  }
  origin_.headers_.erase(stream_);
  send(1, rtmp::on_status("status", rtmp::status::kPublishStart, "Started publishing stream."));
}

void SrsSession::on_play(const rtmp::Command& command) {
  if (!client_.empty()) return;
  SrsClient client = identified(command);
  client.type = "rtmp-play";
  const SrsClient& added = origin_.state_.add_client(std::move(client));
  client_ = added.id;
  stream_ = added.stream_id;
  peer_->send(rtmp::user_control({rtmp::UserEvent::kStreamBegin, 1, 0}));
  send(1, rtmp::on_status("status", rtmp::status::kPlayReset, "Playing and resetting stream."));
  send(1, rtmp::on_status("status", rtmp::status::kPlayStart, "Started playing stream."));
  const std::vector<std::uint8_t> access = rtmp::rtmp_sample_access();
  peer_->send({rtmp::MessageType::kDataAmf0, 0, static_cast<std::uint32_t>(access.size()), 1, 5},
              access);
  playing_ = true;
  for (const ScriptedMessage& message : origin_.headers_[stream_]) send_media(message);
}

void SrsSession::on_closed(std::string_view) {
  origin_.ended(*this);
}

}  // namespace weir::tests
