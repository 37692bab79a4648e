#pragma once
// FakeSrsApi: an HTTP server in the test's own io_context that answers as a test tells it to.
// Threading: the io_context's one thread. Lifetime: the io_context outlives it.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

#include "origin-agent/source/http_get.h"

namespace weir::test {

class FakeSrsApi {
 public:
  /// Gets `METHOD target`; nothing = no answer, ever.
  using Answer = std::function<std::optional<std::string>(const std::string& request)>;

  explicit FakeSrsApi(boost::asio::io_context& io)
      : acceptor_(io, {boost::asio::ip::address_v4::loopback(), 0}) {
    accept();
  }

  agent::HttpUrl url() const { return {"127.0.0.1", port(), "/"}; }
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  /// Nobody is answered or accepted any more.
  void stop() {
    acceptor_.close();
    close_all();
  }
  /// Closes the connections that are open, as a server does with idle ones.
  void close_all() {
    for (const auto& connection : open_) connection->socket.close();
    open_.clear();
  }

  Answer answer = [](const std::string&) { return std::nullopt; };
  bool raw = false;     ///< `answer` gives whole HTTP answers
  bool closes = false;  ///< after each answer
  int connections = 0;  ///< ever accepted
  std::vector<std::string> requests;
  std::vector<std::string> headers;  ///< whole

  std::size_t asked(const std::string& start) const {
    std::size_t count = 0;
    for (const std::string& request : requests) count += request.starts_with(start) ? 1 : 0;
    return count;
  }

 private:
  struct Connection {
    explicit Connection(boost::asio::ip::tcp::socket s) : socket(std::move(s)) {}
    boost::asio::ip::tcp::socket socket;
    std::string input, output;
  };

  void accept() {
    acceptor_.async_accept([this](const auto& error, boost::asio::ip::tcp::socket socket) {
      if (error) return;
      ++connections;
      auto connection = std::make_shared<Connection>(std::move(socket));
      open_.push_back(connection);
      read(connection);
      accept();
    });
  }

  void read(const std::shared_ptr<Connection>& connection) {
    boost::asio::async_read_until(
        connection->socket, boost::asio::dynamic_buffer(connection->input), "\r\n\r\n",
        [this, connection](const auto& error, std::size_t size) {
          if (error) return;
          const std::string header = connection->input.substr(0, size);
          connection->input.erase(0, size);
          headers.push_back(header);
          const std::string request = header.substr(0, header.find(" HTTP/"));
          requests.push_back(request);
          if (auto body = answer(request)) write(connection, *body);
        });
  }

  void write(const std::shared_ptr<Connection>& connection, const std::string& body) {
    // As SRS: it says that it closes, and does not.
    connection->output =
        raw ? body
            : fmt::format(
                  "HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: {}\r\n"
                  "Content-Type: application/json\r\nServer: SRS/7.0.18(Hang)\r\n\r\n{}",
                  body.size(), body);
    boost::asio::async_write(connection->socket, boost::asio::buffer(connection->output),
                             [this, connection](const auto& error, std::size_t) {
                               if (error) return;
                               if (!closes) return read(connection);
                               connection->socket.close();
                               std::erase(open_, connection);
                             });
  }

  boost::asio::ip::tcp::acceptor acceptor_;
  std::vector<std::shared_ptr<Connection>> open_;
};

}  // namespace weir::test
