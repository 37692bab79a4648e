// weir-srs-fleet: scripted SRS origins, told what to do by JSON lines on standard input.
//
//   {"add": "x1", "rtmp": 19351, "api": 19851, "register": "127.0.0.1:12025", …}   and starts it
//   {"start": "x1"} {"stop": "x1"} {"freeze": "x1"} {"thaw": "x1"} {"cpu": "x1", "percent": 0.5}
//   {"publish": "x1", "app": "live", "stream": "hd", "swf_url": ""}   a publisher of its own
//   {"unpublish": "x1", "app": "live", "stream": "hd"}
//   {"report": true}
//
// Each line is answered by one event {"event": "done", "n": …, "ok": …} in the order of the lines;
// a report is an event `origin` for each before it. The end of its input ends it.

#include <cstdio>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/signal_set.hpp>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/support/rtmp/json.h"
#include "tests/support/srs/scripted_srs.h"

namespace {

using weir::tests::EventLog;
using weir::tests::Json;
using weir::tests::ScriptedSrs;
using weir::tests::ScriptedSrsOptions;

constexpr std::size_t kLineMax = 1 << 20;

std::vector<std::string> strings(const Json& line, std::string_view name) {
  std::vector<std::string> out;
  if (const Json* list = line.find(name))
    for (const Json& item : list->items) out.push_back(item.text);
  return out;
}

ScriptedSrsOptions options_of(const Json& line) {
  ScriptedSrsOptions options;
  options.name = line.text_or("add", "");
  options.host = line.text_or("host", options.host);
  options.rtmp_port = static_cast<std::uint16_t>(line.unsigned_or("rtmp", 0));
  options.api_port = static_cast<std::uint16_t>(line.unsigned_or("api", 0));
  options.server = line.text_or("server", "");
  options.pid = line.text_or("pid", "");
  options.vhosts = strings(line, "vhosts");
  options.max_connections = line.unsigned_or("max_connections", 1000);
  const std::string to = line.text_or("register", "");
  const std::size_t colon = to.rfind(':');
  if (colon != std::string::npos) {
    options.heartbeat_host = to.substr(0, colon);
    options.heartbeat_port = static_cast<std::uint16_t>(std::atoi(to.c_str() + colon + 1));
  }
  options.heartbeat_path = line.text_or("path", "/api/v1/srs/register");
  options.interval_ms = line.unsigned_or("interval_ms", options.interval_ms);
  options.first_ms = line.unsigned_or("first_ms", 0);
  options.device_id = line.text_or("device_id", "");
  options.ip = line.text_or("ip", options.ip);
  options.ports_on = line.boolean_or("ports_on", true);
  options.said = {strings(line, "say_rtmp"), strings(line, "say_http"), strings(line, "say_api")};
  return options;
}

class Fleet {
 public:
  explicit Fleet(boost::asio::io_context& context) : context_(context), input_(context) {
    input_.assign(::dup(STDIN_FILENO));
  }

  void read() {
    boost::asio::async_read_until(input_, boost::asio::dynamic_buffer(in_, kLineMax), '\n',
                                  [this](boost::system::error_code error, std::size_t count) {
                                    if (error) return stop();
                                    const std::string line = in_.substr(0, count);
                                    in_.erase(0, count);
                                    obey(line);
                                    read();
                                  });
  }

  void stop() {
    origins_.clear();
    context_.stop();
  }

 private:
  void obey(const std::string& text) {
    std::string why;
    const auto line = weir::tests::parse_json(text, why);
    if (line && line->find("report")) {
      for (const auto& [_, origin] : origins_) log_.write(0, "origin", "," + origin->report());
    } else if (line) {
      why = act(*line);
    }
    log_.write(0, "done",
               EventLog::field("n", ++lines_) + ",\"ok\":" + (why.empty() ? "true" : "false") +
                   EventLog::field("why", std::string_view(why)));
  }

  /// Empty, or why it could not be done.
  std::string act(const Json& line) {
    if (line.names.empty()) return "an empty object";
    const std::string& verb = line.names.front();
    const std::string name = line.items.front().text;
    std::string why;
    if (verb == "add") {
      auto& origin = origins_[name];
      if (origin) return "there is one of that name";
      origin = std::make_unique<ScriptedSrs>(context_, options_of(line), log_, random_);
      origin->start(why);
      return why;
    }
    const auto found = origins_.find(name);
    if (found == origins_.end()) return "no origin " + name;
    ScriptedSrs& origin = *found->second;
    const std::string app = line.text_or("app", "live");
    const std::string stream = line.text_or("stream", "");
    if (verb == "start") {
      origin.start(why);
    } else if (verb == "stop") {
      origin.stop();
    } else if (verb == "freeze" || verb == "thaw") {
      origin.freeze(verb == "freeze");
    } else if (verb == "cpu") {
      origin.set_cpu(line.number_or("percent", 0));
    } else if (verb == "publish") {
      if (!origin.publish_directly(app, stream, line.text_or("swf_url", ""))) why = "busy";
    } else if (verb == "unpublish") {
      origin.end_publisher(app, stream);
    } else {
      why = "unknown: " + verb;
    }
    return why;
  }

  boost::asio::io_context& context_;
  boost::asio::posix::stream_descriptor input_;
  std::string in_;
  EventLog log_;
  weir::SystemRandom random_;
  std::map<std::string, std::unique_ptr<ScriptedSrs>> origins_;
  std::uint64_t lines_ = 0;
};

}  // namespace

int main() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  boost::asio::io_context context(1);
  Fleet fleet(context);
  boost::asio::signal_set end(context, SIGTERM, SIGINT);
  end.async_wait([&](boost::system::error_code error, int) {
    if (!error) fleet.stop();
  });
  fleet.read();
  context.run();
  return 0;
}
