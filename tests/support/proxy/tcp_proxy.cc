#include "tests/support/proxy/tcp_proxy.h"

#include <array>
#include <string_view>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/write.hpp>

namespace weir::tests {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t kPieceBytes = 64 * 1024;
/// A replica of Redis says who it is within its first commands.
constexpr std::string_view kReplicaSays = "REPLCONF";
constexpr std::size_t kLookedAtBytes = 4'096;

void close_by_reset(tcp::socket& socket) {
  error_code ignored;
  socket.set_option(boost::asio::socket_base::linger(true, 0), ignored);
  socket.close(ignored);
}

}  // namespace

class TcpProxy::Link : public std::enable_shared_from_this<Link> {
 public:
  Link(tcp::socket client, LinkMode mode)
      : client_(std::move(client)), server_(client_.get_executor()), mode_(mode) {}

  void start(const tcp::endpoint& to) {
    server_.async_connect(to, [self = shared_from_this()](error_code error) {
      if (error) return self->reset();
      error_code ignored;
      self->server_.set_option(tcp::no_delay(true), ignored);
      self->client_.set_option(tcp::no_delay(true), ignored);
      self->connected_ = true;
      self->go_on();
    });
  }

  void set_mode(LinkMode mode) {
    mode_ = mode;
    if (connected_) go_on();
  }
  void reset() {
    if (std::exchange(ended_, true)) return;
    close_by_reset(client_);
    close_by_reset(server_);
  }
  bool ended() const { return ended_; }

 private:
  struct Way {
    std::array<char, kPieceBytes> piece;
    std::size_t held = 0;  ///< read, and not passed on
    bool reading = false;
    bool writing = false;
    bool over = false;  ///< its sender has ended, and said so
  };

  bool held(const Way& way) const {
    if (mode_ == LinkMode::kHold) return true;
    return mode_ == LinkMode::kHoldReplication && replication_ && &way == &down_;
  }
  void go_on() {
    move(up_, client_, server_);
    move(down_, server_, client_);
  }

  void move(Way& way, tcp::socket& from, tcp::socket& to) {
    if (ended_ || held(way) || way.writing) return;
    if (way.held > 0) return write(way, from, to);
    if (way.over || way.reading) return;
    way.reading = true;
    from.async_read_some(
        boost::asio::buffer(way.piece),
        [self = shared_from_this(), &way, &from, &to](error_code error, std::size_t count) {
          way.reading = false;
          if (error == boost::asio::error::eof) return self->sender_ended(way, to);
          if (error) return self->reset();
          if (&way == &self->up_) self->look_at(std::string_view(way.piece.data(), count));
          way.held = count;
          self->move(way, from, to);
        });
  }

  void write(Way& way, tcp::socket& from, tcp::socket& to) {
    way.writing = true;
    boost::asio::async_write(
        to, boost::asio::buffer(way.piece.data(), way.held),
        [self = shared_from_this(), &way, &from, &to](error_code error, std::size_t) {
          way.writing = false;
          way.held = 0;
          if (error) return self->reset();
          self->move(way, from, to);
        });
  }

  void sender_ended(Way& way, tcp::socket& to) {
    way.over = true;
    error_code ignored;
    to.shutdown(tcp::socket::shutdown_send, ignored);
    if (!up_.over || !down_.over) return;
    ended_ = true;
    client_.close(ignored);
    server_.close(ignored);
  }

  void look_at(std::string_view sent) {
    if (looked_at_ >= kLookedAtBytes) return;
    looked_at_ += sent.size();
    replication_ |= sent.find(kReplicaSays) != std::string_view::npos;
  }

  tcp::socket client_;
  tcp::socket server_;
  LinkMode mode_;
  bool connected_ = false;
  bool ended_ = false;
  bool replication_ = false;
  std::size_t looked_at_ = 0;
  Way up_;
  Way down_;
};

TcpProxy::TcpProxy(boost::asio::io_context& context, std::uint16_t listen, std::string host,
                   std::uint16_t port)
    : context_(context), acceptor_(context), listen_(listen), host_(std::move(host)), port_(port) {}

TcpProxy::~TcpProxy() {
  reset();
}

std::string TcpProxy::start() {
  error_code error;
  const tcp::endpoint at(boost::asio::ip::address_v4::loopback(), listen_);
  acceptor_.open(at.protocol(), error);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.bind(at, error);
  if (!error) acceptor_.listen(boost::asio::socket_base::max_listen_connections, error);
  if (error) return error.message();
  accept();
  return {};
}

void TcpProxy::accept() {
  acceptor_.async_accept(context_, [this](error_code error, tcp::socket client) {
    if (error == boost::asio::error::operation_aborted) return;
    drop_ended();
    if (!error && mode_ == LinkMode::kRefuse) {
      close_by_reset(client);
    } else if (!error) {
      links_.push_back(std::make_shared<Link>(std::move(client), mode_));
      error_code wrong;
      const auto address = boost::asio::ip::make_address(host_, wrong);
      links_.back()->start({address, port_});
    }
    accept();
  });
}

void TcpProxy::drop_ended() {
  links_.remove_if([](const auto& link) { return link->ended(); });
}

void TcpProxy::set_mode(LinkMode mode) {
  mode_ = mode;
  for (const auto& link : links_) link->set_mode(mode);
}

void TcpProxy::reset() {
  for (const auto& link : links_) link->reset();
  links_.clear();
}

}  // namespace weir::tests
