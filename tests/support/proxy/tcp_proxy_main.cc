// weir-tcp-proxy: links on loopback that are told what to do by JSON lines on standard input.
//
//   {"add": "x", "listen": 20001, "to": "127.0.0.1:6379"}   and passes on from then on
//   {"hold": "x"} {"hold_replication": "x"} {"refuse": "x"} {"pass": "x"} {"reset": "x"}
//
// Each line is answered by one event {"event": "done", "n": …, "ok": …} in the order of the lines.
// The end of its input ends it.

#include <cstdlib>
#include <map>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <unistd.h>

#include "tests/support/proxy/tcp_proxy.h"
#include "tests/support/rtmp/event_log.h"
#include "tests/support/rtmp/json.h"

namespace {

using weir::tests::EventLog;
using weir::tests::Json;
using weir::tests::LinkMode;
using weir::tests::TcpProxy;

constexpr std::size_t kLineMax = 1 << 16;

class Links {
 public:
  explicit Links(boost::asio::io_context& context) : context_(context), input_(context) {
    input_.assign(::dup(STDIN_FILENO));
  }

  void read() {
    boost::asio::async_read_until(input_, boost::asio::dynamic_buffer(in_, kLineMax), '\n',
                                  [this](boost::system::error_code error, std::size_t count) {
                                    if (error) return context_.stop();
                                    const std::string line = in_.substr(0, count);
                                    in_.erase(0, count);
                                    obey(line);
                                    read();
                                  });
  }

 private:
  void obey(const std::string& text) {
    std::string why;
    const auto line = weir::tests::parse_json(text, why);
    if (line) why = act(*line);
    log_.write(0, "done",
               EventLog::field("n", ++lines_) + ",\"ok\":" + (why.empty() ? "true" : "false") +
                   EventLog::field("why", std::string_view(why)));
  }

  /// Empty, or why it could not be done.
  std::string act(const Json& line) {
    if (line.names.empty()) return "an empty object";
    const std::string& verb = line.names.front();
    const std::string name = line.items.front().text;
    auto& link = links_[name];
    if (verb == "add") {
      if (link) return "there is one of that name";
      const std::string to = line.text_or("to", "");
      const auto colon = to.rfind(':');
      if (colon == std::string::npos) return "no \"to\": \"address:port\"";
      link = std::make_unique<TcpProxy>(
          context_, static_cast<std::uint16_t>(line.unsigned_or("listen", 0)), to.substr(0, colon),
          static_cast<std::uint16_t>(std::atoi(to.c_str() + colon + 1)));
      return link->start();
    }
    if (!link) return "no link " + name;
    if (verb == "reset") {
      link->reset();
    } else if (verb == "pass") {
      link->set_mode(LinkMode::kPass);
    } else if (verb == "hold") {
      link->set_mode(LinkMode::kHold);
    } else if (verb == "hold_replication") {
      link->set_mode(LinkMode::kHoldReplication);
    } else if (verb == "refuse") {
      link->set_mode(LinkMode::kRefuse);
    } else {
      return "unknown: " + verb;
    }
    return {};
  }

  boost::asio::io_context& context_;
  boost::asio::posix::stream_descriptor input_;
  std::string in_;
  EventLog log_;
  std::map<std::string, std::unique_ptr<TcpProxy>> links_;
  std::uint64_t lines_ = 0;
};

}  // namespace

int main() {
  boost::asio::io_context context(1);
  Links links(context);
  links.read();
  context.run();
  return 0;
}
