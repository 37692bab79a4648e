// weir-rtmp-tool: the scripted client and the recording origin as a program, for the end-to-end
// tests and the benchmarks. Prints one JSON object per line; ends after --seconds, when every
// session has ended, or on SIGTERM.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <sys/resource.h>

#include "tests/support/rtmp/recording_origin.h"
#include "tests/support/rtmp/script_origin.h"
#include "tests/support/rtmp/scripted_client.h"

namespace {

using boost::asio::ip::tcp;
using weir::tests::ClientOptions;
using weir::tests::EventLog;

struct Options {
  std::string url;
  std::string listen = "127.0.0.1:0";
  std::uint64_t count = 1;
  double spread_ms = 0;
  double seconds = 10;
  ClientOptions client;
  weir::tests::OriginOptions origin;
  std::string script;  ///< file of steps, or of an origin's rules; empty = none
  weir::tests::ScriptOptions scripted;
};

std::string with_number(std::string text, std::uint64_t number) {
  if (const std::size_t at = text.find("{n}"); at != std::string::npos)
    text.replace(at, 3, std::to_string(number));
  return text;
}

/// host:port of `authority`, IPv6 in brackets.
bool parse_authority(const std::string& authority, tcp::endpoint& endpoint) {
  const std::size_t colon = authority.rfind(':');
  if (colon == std::string::npos) return false;
  std::string host = authority.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(host, error);
  if (error) return false;
  endpoint = {address, static_cast<std::uint16_t>(std::stoi(authority.substr(colon + 1)))};
  return true;
}

/// rtmp://address:port/app/name
bool parse_url(const std::string& url, ClientOptions& options) {
  static constexpr std::string_view kScheme = "rtmp://";
  if (!url.starts_with(kScheme)) return false;
  const std::size_t host_end = url.find('/', kScheme.size());
  const std::size_t name_at = url.rfind('/');
  if (host_end == std::string::npos || name_at <= host_end) return false;
  options.app = url.substr(host_end + 1, name_at - host_end - 1);
  options.name = url.substr(name_at + 1);
  options.tc_url = url.substr(0, name_at);
  return parse_authority(url.substr(kScheme.size(), host_end - kScheme.size()), options.address);
}

void define_client(CLI::App& command, Options& options) {
  command.add_option("--url", options.url, "rtmp://address:port/app/name, {n} = session number")
      ->required();
  command.add_option("--count", options.count, "sessions");
  command.add_option("--spread-ms", options.spread_ms, "start them within this time");
  command.add_option("--seconds", options.seconds, "end after this time");
  command.add_option("--swf-url", options.client.swf_url,
                     "of connect; a forwarder puts its tag there");
  command.add_option("--kbps", options.client.kbps);
  command.add_option("--fps", options.client.frames_per_second);
  command.add_flag("--flat-out", options.client.flat_out);
  command.add_option("--frame-bytes", options.client.frame_bytes);
  command.add_option("--chunk-size", options.client.chunk_size);
  command.add_option("--silent-after", options.client.silent_after_s);
  command.add_flag("--retry", options.client.retry);
  command.add_flag("--check-sequence", options.client.check_sequence);
  command.add_flag("--digest", options.client.digest);
  command.add_option("--mixed", options.client.mixed_messages);
  command.add_option("--first-timestamp", options.client.first_timestamp);
}

double percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

void summary(const EventLog& log,
             const std::vector<std::unique_ptr<weir::tests::ScriptedClient>>& all) {
  std::uint64_t bytes = 0;
  std::uint64_t frames = 0;
  std::vector<double> took;
  for (const auto& client : all) {
    bytes += client->media_bytes();
    frames += client->frames();
    if (client->accepted_at()) took.push_back(*client->accepted_at() - client->connect_began());
  }
  log.write(0, "summary",
            EventLog::field("bytes", bytes) + EventLog::field("frames", frames) +
                EventLog::field("accepted", std::uint64_t{took.size()}) +
                EventLog::field("setup_p50", percentile(took, 0.5)) +
                EventLog::field("setup_p99", percentile(took, 0.99)));
}

int run_clients(const Options& options) {
  boost::asio::io_context context(1);
  EventLog log;
  weir::SystemRandom random;
  std::vector<std::unique_ptr<weir::tests::ScriptedClient>> clients;
  std::vector<std::unique_ptr<boost::asio::steady_timer>> starts;
  for (std::uint64_t i = 0; i < options.count; ++i) {
    ClientOptions client = options.client;
    if (!parse_url(with_number(options.url, i), client)) {
      std::fprintf(stderr, "bad --url %s: write rtmp://address:port/app/name\n",
                   options.url.c_str());
      return 2;
    }
    clients.push_back(
        std::make_unique<weir::tests::ScriptedClient>(context, i, client, log, random));
    starts.push_back(std::make_unique<boost::asio::steady_timer>(context));
    const double delay =
        options.spread_ms * static_cast<double>(i) / static_cast<double>(options.count);
    starts.back()->expires_after(std::chrono::microseconds(static_cast<int>(delay * 1000)));
    starts.back()->async_wait([started = clients.back().get()](boost::system::error_code error) {
      if (!error) started->start();
    });
  }
  boost::asio::steady_timer end(context);
  boost::asio::signal_set signals(context, SIGTERM, SIGINT);
  const auto finish = [&](boost::system::error_code error) {
    if (error) return;
    for (auto& timer : starts) timer->cancel();
    summary(log, clients);
    for (auto& client : clients) client->stop();
    end.cancel();
    signals.cancel();
  };
  end.expires_after(std::chrono::milliseconds(static_cast<int>(options.seconds * 1000)));
  end.async_wait(finish);
  signals.async_wait([&](boost::system::error_code error, int) { finish(error); });
  context.run();
  return 0;
}

int run_origin(Options& options) {
  if (!parse_authority(options.listen, options.origin.listen)) {
    std::fprintf(stderr, "bad --listen %s: write address:port\n", options.listen.c_str());
    return 2;
  }
  boost::asio::io_context context(1);
  EventLog log;
  weir::SystemRandom random;
  weir::tests::RecordingOrigin origin(context, options.origin, log, random);
  log.write(0, "listening", EventLog::field("port", std::uint64_t{origin.port()}));
  boost::asio::steady_timer end(context);
  boost::asio::signal_set signals(context, SIGTERM, SIGINT);
  const auto finish = [&](boost::system::error_code error) {
    if (error) return;
    log.write(0, "summary",
              EventLog::field("received", origin.bytes_received()) +
                  EventLog::field("served", origin.bytes_served()));
    origin.close();
    end.cancel();
    signals.cancel();
  };
  end.expires_after(std::chrono::milliseconds(static_cast<int>(options.seconds * 1000)));
  end.async_wait(finish);
  signals.async_wait([&](boost::system::error_code error, int) { finish(error); });
  context.run();
  return 0;
}

/// Follows a script against one address; fails when a step does.
int run_script(Options& options) {
  tcp::endpoint address;
  std::vector<weir::tests::Json> steps;
  std::string why;
  if (!parse_authority(options.listen, address) ||
      !weir::tests::read_script(options.script, steps, why)) {
    std::fprintf(stderr, "bad --to %s or --file: %s\n", options.listen.c_str(), why.c_str());
    return 2;
  }
  boost::asio::io_context context(1);
  EventLog log;
  weir::SystemRandom random;
  int status = 1;
  std::shared_ptr<weir::tests::ScriptSession> session;
  boost::asio::steady_timer end(
      context, std::chrono::milliseconds(static_cast<int>(options.seconds * 1000)));
  boost::asio::signal_set go_on(context, SIGUSR1);
  boost::asio::signal_set stop(context, SIGTERM, SIGINT);
  const auto finish = [&](bool failed) {
    status = failed ? 1 : 0;
    end.cancel();
    go_on.cancel();
    stop.cancel();
  };
  tcp::socket socket(context);
  boost::system::error_code refused;
  socket.connect(address, refused);
  if (refused) {
    log.write(0, "refused", EventLog::field("code", refused.message()));
    return 1;
  }
  session = std::make_shared<weir::tests::ScriptSession>(std::move(socket), 0, options.scripted,
                                                         log, random, finish);
  end.async_wait([&](boost::system::error_code error) {
    if (error) return;
    log.write(0, "failed", EventLog::field("why", std::string_view("--seconds are over")));
    session->close();
    status = 1;
  });
  stop.async_wait([&](boost::system::error_code error, int) {
    if (!error) session->close();
  });
  std::function<void()> wait_signal = [&] {
    go_on.async_wait([&](boost::system::error_code error, int) {
      if (error) return;
      session->go_on();
      wait_signal();
    });
  };
  wait_signal();
  session->start(steps);
  context.run();
  return status;
}

/// An origin whose answers are the rules of a script.
int run_script_origin(Options& options) {
  tcp::endpoint listen;
  std::vector<weir::tests::Json> lines;
  std::string why;
  if (!parse_authority(options.listen, listen) ||
      !weir::tests::read_script(options.script, lines, why) ||
      !weir::tests::make_rules(lines, options.scripted.rules, why)) {
    std::fprintf(stderr, "bad --listen %s or --script: %s\n", options.listen.c_str(), why.c_str());
    return 2;
  }
  options.scripted.server = true;
  boost::asio::io_context context(1);
  EventLog log;
  weir::SystemRandom random;
  weir::tests::ScriptOrigin origin(context, listen, options.scripted, log, random);
  log.write(0, "listening", EventLog::field("port", std::uint64_t{origin.port()}));
  boost::asio::steady_timer end(
      context, std::chrono::milliseconds(static_cast<int>(options.seconds * 1000)));
  boost::asio::signal_set go_on(context, SIGUSR1);
  boost::asio::signal_set stop(context, SIGTERM, SIGINT);
  const auto finish = [&](boost::system::error_code error) {
    if (error) return;
    origin.close();
    end.cancel();
    go_on.cancel();
    stop.cancel();
  };
  end.async_wait(finish);
  stop.async_wait([&](boost::system::error_code error, int) { finish(error); });
  std::function<void()> wait_signal = [&] {
    go_on.async_wait([&](boost::system::error_code error, int) {
      if (error) return;
      origin.go_on();
      wait_signal();
    });
  };
  wait_signal();
  context.run();
  return 0;
}

void define_recording(CLI::App& command, Options& options) {
  command.add_flag("--nginx-format3", options.scripted.nginx_format3,
                   "read format 3 as nginx-rtmp writes it");
  command.add_flag("--no-media-events", options.scripted.quiet, "no event per media message");
  command.add_option("--record-flv", options.scripted.flv, "media that came, {n} = session");
  command.add_option("--record-raw", options.scripted.raw, "every byte that came, {n} = session");
}

}  // namespace

int main(int argc, char** argv) {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  Options options;
  CLI::App app("scripted RTMP client and recording origin");
  app.require_subcommand(1);
  CLI::App* publish = app.add_subcommand("publish", "publish numbered media");
  CLI::App* play = app.add_subcommand("play", "play and count");
  CLI::App* silent = app.add_subcommand("silent", "connect and say nothing");
  for (CLI::App* command : {publish, play, silent}) define_client(*command, options);
  CLI::App* origin = app.add_subcommand("origin", "accept every publisher, serve every player");
  origin->add_option("--listen", options.listen);
  origin->add_option("--seconds", options.seconds);
  origin->add_flag("--digest", options.origin.digest);
  origin->add_flag("--quiet", options.origin.quiet);
  origin->add_option("--serve-kbps", options.origin.serve_kbps);
  origin->add_option("--serve-fps", options.origin.serve_frames_per_second);
  origin->add_flag("--serve-flat-out", options.origin.serve_flat_out);
  origin->add_option("--serve-mixed", options.origin.serve_mixed);
  origin->add_option("--chunk-size", options.origin.chunk_size);
  origin->add_option("--refuse", options.origin.refuse);
  origin->add_option("--script", options.script, "rules of its answers, - = standard input");
  define_recording(*origin, options);
  CLI::App* script = app.add_subcommand("script", "follow a script");
  script->add_option("--to", options.listen, "address:port")->required();
  script->add_option("--file", options.script, "steps, - = standard input")->required();
  script->add_option("--seconds", options.seconds);
  define_recording(*script, options);
  CLI11_PARSE(app, argc, argv);
  if (*script) return run_script(options);
  if (*origin) return options.script.empty() ? run_origin(options) : run_script_origin(options);
  options.client.mode = *publish ? ClientOptions::Mode::kPublish
                        : *play  ? ClientOptions::Mode::kPlay
                                 : ClientOptions::Mode::kSilent;
  return run_clients(options);
}
