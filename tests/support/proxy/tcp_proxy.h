#pragma once
// TcpProxy: a link between two processes that can be held, reset and refused.
//
// Purpose: what a network does to connections, without network namespaces. A link that is held
// takes nothing more from either side, so its kernel buffers fill as on a network that drops
// everything; what it has taken and not passed on is lost when it is reset. Replication of Redis
// can be held alone: those connections are known by their first command.
// Threading: the io_context's one thread. Lifetime: the io_context outlives it.

#include <cstdint>
#include <list>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

namespace weir::tests {

enum class LinkMode {
  kPass,
  kHold,             ///< nothing gets through, either way; new connections are accepted
  kHoldReplication,  ///< nothing gets through from a Redis to its replicas
  kRefuse,           ///< new connections are reset
};

class TcpProxy {
 public:
  TcpProxy(boost::asio::io_context& context, std::uint16_t listen, std::string host,
           std::uint16_t port);
  ~TcpProxy();
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;

  /// Empty, or why it cannot listen.
  std::string start();
  void set_mode(LinkMode mode);
  /// Ends all connections by RST; what was not passed on is gone.
  void reset();
  std::size_t connections() const { return links_.size(); }

 private:
  class Link;
  void accept();
  void drop_ended();

  boost::asio::io_context& context_;
  boost::asio::ip::tcp::acceptor acceptor_;
  const std::uint16_t listen_;
  const std::string host_;
  const std::uint16_t port_;
  LinkMode mode_ = LinkMode::kPass;
  std::list<std::shared_ptr<Link>> links_;
};

}  // namespace weir::tests
