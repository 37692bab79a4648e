#include "origin-agent/source/nginx_rtmp/stat_page.h"

#include <charconv>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "origin-agent/source/limits.h"
#include "origin-agent/source/nginx_rtmp/xml_reader.h"

namespace weir::agent {
namespace {

/// Numbers nginx prints are decimal; anything else counts as 0, as a missing element does.
template <class Number>
Number number(std::string_view text) {
  Number value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && rest == text.data() + text.size() ? value : Number{0};
}

class StatWalk {
 public:
  void start(std::span<const std::string_view> path);
  void text(std::span<const std::string_view> path, const std::string& value);
  void end(std::string_view name, std::size_t depth);
  bool overflow() const { return overflow_; }
  StatPage take() { return std::move(page_); }

 private:
  // rtmp / server / application / live / stream / client: the depth of an element tells its role.
  static constexpr std::size_t kServer = 2, kApplication = 3, kLive = 4, kStream = 5, kClient = 6;
  static bool in_live(std::span<const std::string_view> path) {
    return path.size() >= kLive && path[0] == "rtmp" && path[1] == "server" &&
           path[2] == "application" && path[3] == "live";
  }
  void page_text(std::string_view element, std::string_view value);
  void stream_text(std::string_view element, const std::string& value);

  StatPage page_;
  std::uint32_t servers_ = 0;
  std::string app_;
  StatStream stream_;
  bool in_stream_ = false;
  bool in_client_ = false;
  bool client_publishes_ = false;
  std::uint64_t client_id_ = 0;
  std::string client_swf_url_;
  bool overflow_ = false;
};

void StatWalk::start(std::span<const std::string_view> path) {
  const std::string_view name = path.back();
  if (path.size() == kServer && name == "server") ++servers_;
  if (path.size() == kApplication && name == "application") app_.clear();
  if (!in_live(path)) return;
  if (path.size() == kStream && name == "stream") {
    in_stream_ = true;
    stream_ = StatStream{};
    stream_.server = servers_ - 1;
    stream_.app = app_;
  } else if (path.size() == kClient && in_stream_ && name == "client") {
    in_client_ = true;
    client_publishes_ = false;
    client_id_ = 0;
    client_swf_url_.clear();
  } else if (path.size() == kClient + 1 && in_client_ && name == "publishing") {
    client_publishes_ = true;
  }
}

void StatWalk::text(std::span<const std::string_view> path, const std::string& value) {
  const std::string_view element = path.back();
  if (path.size() == 2 && path[0] == "rtmp") return page_text(element, value);
  if (path.size() == kApplication + 1 && path[2] == "application" && element == "name") {
    app_ = value;
    return;
  }
  if (!in_live(path)) return;
  if (path.size() == kStream + 1 && in_stream_ && !in_client_) return stream_text(element, value);
  if (path.size() == kClient + 1 && in_client_) {
    if (element == "id") client_id_ = number<std::uint64_t>(value);
    if (element == "swfurl") client_swf_url_ = value;
  }
}

void StatWalk::page_text(std::string_view element, std::string_view value) {
  if (element == "pid") page_.pid = number<std::int32_t>(value);
  if (element == "uptime") page_.uptime_seconds = number<std::uint64_t>(value);
  if (element == "naccepted") page_.accepted = number<std::uint64_t>(value);
  if (element == "bytes_in") page_.ingress_bytes = number<std::uint64_t>(value);
  if (element == "bytes_out") page_.egress_bytes = number<std::uint64_t>(value);
}

void StatWalk::stream_text(std::string_view element, const std::string& value) {
  if (element == "name") stream_.name = value;
  if (element == "bw_in") stream_.ingress_bits_per_second = number<std::uint64_t>(value);
  if (element == "bw_out") stream_.egress_bits_per_second = number<std::uint64_t>(value);
}

void StatWalk::end(std::string_view name, std::size_t depth) {
  if (in_client_ && depth == kClient && name == "client") {
    in_client_ = false;
    if (client_publishes_) {
      stream_.publishing = true;
      stream_.publisher_id = client_id_;
      stream_.publisher_swf_url = std::move(client_swf_url_);
    } else {
      ++stream_.players;
    }
  } else if (in_stream_ && depth == kStream && name == "stream") {
    in_stream_ = false;
    if (page_.streams.size() >= kStatStreamsMax) {
      overflow_ = true;
    } else {
      page_.streams.push_back(std::move(stream_));
    }
  }
}

Error unreadable(std::string what) {
  return make_error(boost::system::errc::bad_message, "statistics page: " + std::move(what),
                    Side::kOrigin, true);
}

}  // namespace

Result<StatPage> parse_stat_page(std::string_view document) {
  XmlReader reader(document);
  StatWalk walk;
  for (;;) {
    switch (reader.next()) {
      case XmlReader::Token::kStart:
        if (reader.path().size() == 1 && reader.name() != "rtmp")
          return unreadable(fmt::format("its root is '{}', not 'rtmp'", reader.name()));
        walk.start(reader.path());
        break;
      case XmlReader::Token::kText:
        walk.text(reader.path(), reader.text());
        break;
      case XmlReader::Token::kEnd:
        walk.end(reader.name(), reader.path().size() + 1);
        break;
      case XmlReader::Token::kError:
        return unreadable(reader.error());
      case XmlReader::Token::kDone: {
        if (walk.overflow()) return unreadable("more streams than can be reported");
        StatPage page = walk.take();
        if (page.pid <= 0) return unreadable("it names no pid");
        return page;
      }
    }
  }
}

}  // namespace weir::agent
