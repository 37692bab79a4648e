#pragma once
// RtmpPeer: one end of an RTMP connection for tests and benchmarks, on our own codec.
//
// Purpose: what ffmpeg on two cores cannot do: thousands of connections in one process, exact
// messages, exact times. Ends the handshake, assembles messages, answers pings, acknowledges by the
// peer's window. Threading: everything on the io_context's one thread. Lifetime: shared_ptr, kept
// alive by its pending operations; the handler must outlive the peer or be detached with close().

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/ip/tcp.hpp>

#include "common/base/random.h"
#include "dataplane/protocol/rtmp/handshake.h"
#include "dataplane/protocol/rtmp/message.h"
#include "dataplane/protocol/rtmp/message_assembler.h"

namespace weir::tests {

class RtmpPeerHandler {
 public:
  virtual ~RtmpPeerHandler() = default;
  /// The handshake is done: commands may be sent.
  virtual void on_ready() = 0;
  /// Every message except those that the peer answers itself (acknowledgement, ping, window).
  virtual void on_message(const rtmp::Message& message) = 0;
  /// Everything queued has been taken by the socket.
  virtual void on_drained() = 0;
  /// The connection ended, once; not after close().
  virtual void on_closed(std::string_view reason) = 0;
};

class RtmpPeer : public std::enable_shared_from_this<RtmpPeer> {
 public:
  using Socket = boost::asio::ip::tcp::socket;
  enum class Role { kClient, kServer };

  RtmpPeer(Socket socket, Role role, RtmpPeerHandler& handler, Random& random);

  /// Begins reading; a client sends C0C1.
  void start();
  void send(const rtmp::MessageHeader& header, rtmp::Bytes payload);
  void send(const rtmp::ControlMessage& message);
  /// Announces and uses another chunk size from here on.
  void set_chunk_size(std::uint32_t size);
  /// Takes what is queued to the socket now instead of at the end of the turn.
  void flush();
  /// Stops reading, as a client that does not keep up.
  void pause_reading(bool paused);
  /// Ends the connection and all callbacks.
  void close();

  bool closed() const { return closed_; }
  std::size_t queued() const { return out_.size() - sent_; }
  std::uint64_t bytes_received() const { return received_; }
  std::uint64_t bytes_sent() const { return total_sent_; }

 private:
  void wait_readable();
  void on_readable();
  bool consume(rtmp::Bytes input);
  bool handshake(rtmp::Bytes& input);
  void dispatch(const rtmp::Message& message);
  void acknowledge();
  void schedule_flush();
  void fail(std::string_view reason);

  Socket socket_;
  Role role_;
  RtmpPeerHandler* handler_;
  Random& random_;
  std::unique_ptr<rtmp::ServerHandshake> server_;
  std::unique_ptr<rtmp::ClientHandshake> client_;
  /// It reads media whole, which a conversation of the relay never does.
  rtmp::MessageAssembler assembler_{rtmp::Dialect::kSpecification, 2 * rtmp::kMediaBytesMax};
  std::vector<std::uint8_t> out_;
  std::size_t sent_ = 0;
  std::uint32_t chunk_size_out_ = rtmp::kChunkSizeDefault;
  std::uint32_t window_ = 0;  ///< announced by the other end; 0 = never acknowledge
  std::uint64_t received_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::uint64_t total_sent_ = 0;
  bool flush_scheduled_ = false;
  bool writing_ = false;
  bool reading_ = false;
  bool paused_ = false;
  bool closed_ = false;
};

}  // namespace weir::tests
