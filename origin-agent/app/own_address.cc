#include "origin-agent/app/own_address.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

namespace weir::agent {

bool is_own_address(const std::string& host) {
  using boost::asio::ip::tcp;
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(host, error);
  if (error || address.is_unspecified() || address.is_multicast()) return false;
  if (address.is_loopback()) return true;
  // Only an address of the machine can be bound.
  boost::asio::io_context io;
  tcp::socket socket(io);
  socket.open(address.is_v4() ? tcp::v4() : tcp::v6(), error);
  if (!error) socket.bind({address, 0}, error);
  return !error;
}

}  // namespace weir::agent
