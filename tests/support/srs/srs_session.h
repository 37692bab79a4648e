#pragma once
// SrsSession: one RTMP connection of a scripted SRS.
//
// Purpose: the order of SRS's answers: onFCPublish before it looks whether the name is busy,
// Publish.Start only behind, and a close without a status where it refuses. Threading: the
// io_context's one thread. Lifetime: kept by its ScriptedSrs until ended().

#include <memory>
#include <string>
#include <string_view>

#include "dataplane/protocol/rtmp/command.h"
#include "tests/support/rtmp/rtmp_peer.h"
#include "tests/support/srs/scripted_srs.h"

namespace weir::tests {

class SrsSession final : public RtmpPeerHandler, public std::enable_shared_from_this<SrsSession> {
 public:
  SrsSession(ScriptedSrs& origin, boost::asio::ip::tcp::socket socket);
  ~SrsSession() override;

  void start() { peer_->start(); }
  void freeze(bool frozen) { peer_->pause_reading(frozen); }
  void send_media(const ScriptedMessage& message);
  void close();
  const std::string& client() const { return client_; }
  bool plays(const std::string& stream_id) const { return playing_ && stream_ == stream_id; }

  void on_ready() override {}
  void on_drained() override {}
  void on_message(const rtmp::Message& message) override;
  void on_closed(std::string_view reason) override;

 private:
  void send(std::uint32_t stream_id, const std::vector<std::uint8_t>& payload);
  void on_command(const rtmp::Command& command);
  void on_connect(const rtmp::Command& command);
  void on_publish(const rtmp::Command& command);
  void on_play(const rtmp::Command& command);
  SrsClient identified(const rtmp::Command& command) const;

  ScriptedSrs& origin_;
  std::shared_ptr<RtmpPeer> peer_;
  std::string tc_url_;
  std::string swf_url_;
  std::string page_url_;
  std::string client_;  ///< once it publishes or plays
  std::string stream_;
  bool fmle_ = false;
  bool playing_ = false;
};

}  // namespace weir::tests
