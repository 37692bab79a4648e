#include "common/base/stream_key.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "common/base/utf8.h"

namespace weir {
namespace {

/// The instance name that Flash tools add to an app; it means nothing.
constexpr std::string_view kDefaultInstance = "_definst_";

Error invalid(std::string message) {
  return make_error(boost::system::errc::invalid_argument, std::move(message), Side::kClient);
}

std::optional<Error> check_part(std::string_view what, std::string_view part, bool slashes) {
  if (part.empty()) return invalid(fmt::format("{} is empty", what));
  if (part.size() > kStreamKeyBytesMax)
    return invalid(
        fmt::format("{} has {} bytes, more than {}", what, part.size(), kStreamKeyBytesMax));
  // Keys travel in protobuf strings, which hold nothing else.
  if (!is_utf8(part)) return invalid(fmt::format("{} is not UTF-8", what));
  for (const char c : part) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f)
      return invalid(fmt::format("{} holds a control character", what));
    if (c == '/' && !slashes) return invalid(fmt::format("{} holds a slash", what));
  }
  std::size_t start = 0;
  while (start <= part.size()) {
    const std::size_t end = std::min(part.find('/', start), part.size());
    const std::string_view element = part.substr(start, end - start);
    if (element.empty()) return invalid(fmt::format("{} has an empty path element", what));
    if (element == "." || element == "..")
      return invalid(fmt::format("{} holds the path element '{}'", what, element));
    start = end + 1;
  }
  return std::nullopt;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

/// Value of `name` in a query, read as SRS does: names and values alternate, whatever separates
/// them, so that a name without a value shifts the rest; and the last one counts. What a name means
/// here must be what it means at the origin, or a stream would be looked for under another name.
std::optional<std::string> query_value(std::string_view query, std::string_view name) {
  std::optional<std::string> found;
  bool is_name = true;
  bool wanted = false;
  while (true) {
    const std::size_t end = std::min(query.find_first_of("=&;,"), query.size());
    const std::string_view part = query.substr(0, end);
    if (is_name)
      wanted = part == name;
    else if (wanted)
      found = std::string(part);
    is_name = !is_name;
    if (end == query.size()) return found;
    query.remove_prefix(query.substr(end).starts_with("&&") ? end + 2 : end + 1);
  }
}

/// SRS drops them, and copied stream keys often end in one.
std::string without_blanks(std::string_view text) {
  std::string out(text);
  std::erase(out, ' ');
  return out;
}

/// Path elements and queries of the strings a client sent, in order.
struct PathAndQuery {
  std::vector<std::string> elements;
  std::vector<std::string> queries;  ///< one per string that has one; may be empty
};

/// Adds one string. Its query reaches to its end, slashes included: in the FMLE form
/// `app?k=v/stream` the stream comes as a string of its own, and a token may hold slashes.
void append(PathAndQuery& out, std::string_view text) {
  const std::size_t mark = std::min(text.find_first_of("?#"), text.size());
  std::string_view path = text.substr(0, mark);
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string element = without_blanks(path.substr(0, end));
    if (!element.empty() && element != kDefaultInstance)
      out.elements.push_back(percent_decode(element));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  if (mark + 1 >= text.size()) return;
  const std::string_view query = text.substr(mark + 1);
  out.queries.emplace_back(query.substr(0, query.find('#')));
}

/// The FMLE form in one string: `app?k=v/stream`, or Flash's `app?k=v/_definst_`. Cuts what follows
/// the last slash off the query.
std::string take_stream_from_query(std::string& query) {
  const std::size_t slash = query.rfind('/');
  if (slash == std::string::npos) return {};
  std::string name = percent_decode(std::string_view(query).substr(slash + 1));
  query.resize(slash);
  return name == kDefaultInstance ? take_stream_from_query(query) : name;
}

/// `host`, `host:port`, `[v6]`, `[v6]:port` without the port and the brackets.
std::string_view host_of_authority(std::string_view authority) {
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos)
    authority.remove_prefix(at + 1);
  if (authority.starts_with('[')) {
    const std::size_t close = authority.find(']');
    return close == std::string_view::npos ? authority : authority.substr(1, close - 1);
  }
  return authority.substr(0, std::min(authority.find(':'), authority.size()));
}

/// The `vhost` of a query, else its `domain`, else the host of the URL; the last string counts
/// most. The default vhost by its name means none, as SRS edges write it. A host ends at a slash,
/// with which a query that stands before `/stream` may go on.
std::string vhost_of(std::string_view host, const std::vector<std::string>& queries) {
  for (const std::string_view name : {"vhost", "domain"}) {
    for (auto query = queries.rbegin(); query != queries.rend(); ++query) {
      auto value = query_value(*query, name);
      if (!value) continue;
      value->resize(std::min(value->find('/'), value->size()));
      if (*value == kDefaultVhost) return std::string(host);
      if (!value->empty()) return *value;
    }
  }
  return std::string(host);
}

/// SRS reads "app...vhost...name" in a URL (not in a stream's name) as "app?vhost=name".
std::string replace_vhost_dots(std::string_view text) {
  static constexpr std::string_view kMark = "...vhost...";
  std::string out(text);
  for (std::size_t at = out.find(kMark); at != std::string::npos; at = out.find(kMark))
    out.replace(at, kMark.size(), "?vhost=");
  return out;
}

}  // namespace

VhostRules::VhostRules(std::vector<std::string> known) : known_(std::move(known)) {
  std::ranges::sort(known_);
}

std::string VhostRules::resolve(std::string_view host) const {
  return std::string(std::ranges::binary_search(known_, host) ? host : kDefaultVhost);
}

std::string percent_decode(std::string_view text) {
  const auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 &&
        digit(text[i + 2]) >= 0) {
      out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

const StreamKey::Names& StreamKey::none() {
  static const Names empty{.vhost = {}, .app = {}, .stream = {}, .text = {}};
  return empty;
}

Result<StreamKey> make_stream_key(std::string_view vhost, std::string_view app,
                                  std::string_view stream) {
  auto names = std::make_shared<StreamKey::Names>();
  names->vhost = vhost.empty() ? std::string(kDefaultVhost) : std::string(vhost);
  if (names->vhost != kDefaultVhost) names->vhost = lower(names->vhost);
  names->app = app.empty() ? kDefaultApp : app;
  names->stream = stream;
  if (auto error = check_part("vhost", names->vhost, false)) return *error;
  if (auto error = check_part("app", names->app, true)) return *error;
  if (auto error = check_part("stream name", names->stream, false)) return *error;
  names->text = fmt::format("{}/{}/{}", names->vhost, names->app, names->stream);
  if (names->text.size() > kStreamKeyBytesMax)
    return invalid(fmt::format("stream key has {} bytes, more than {}", names->text.size(),
                               kStreamKeyBytesMax));
  names->hash = std::hash<std::string>{}(names->text);
  return StreamKey(std::move(names));
}

Result<StreamKey> parse_stream_key(std::string_view text) {
  const std::size_t last = text.rfind('/');
  if (last == std::string_view::npos || last == 0)
    return invalid(fmt::format("'{}' is not a stream: write app/stream or vhost/app/stream", text));
  const std::size_t first = text.find('/');
  if (first == last) return make_stream_key({}, text.substr(0, last), text.substr(last + 1));
  if (first + 1 == last)
    return invalid(fmt::format("'{}' is not a stream: the app between the slashes is empty", text));
  return make_stream_key(text.substr(0, first), text.substr(first + 1, last - first - 1),
                         text.substr(last + 1));
}

Result<StreamKey> stream_key_from_rtmp(std::string_view tc_url, std::string_view app,
                                       std::string_view name, const VhostRules& vhosts) {
  for (const std::string_view part : {tc_url, app, name}) {
    if (part.size() > kStreamNameBytesMax)
      return invalid(
          fmt::format("a URL part has {} bytes, more than {}", part.size(), kStreamNameBytesMax));
  }
  const std::string url = replace_vhost_dots(tc_url);
  std::string_view rest = url;
  if (const std::size_t scheme = rest.find("://"); scheme < rest.find_first_of("/?#"))
    rest.remove_prefix(scheme + 3);
  const std::size_t authority_end = std::min(rest.find_first_of("/?#"), rest.size());
  const std::string_view host = host_of_authority(rest.substr(0, authority_end));

  PathAndQuery parsed;
  append(parsed, rest.substr(authority_end));
  if (parsed.elements.empty()) append(parsed, replace_vhost_dots(app));
  const std::size_t app_elements = parsed.elements.size();
  append(parsed, name);

  std::string stream;
  if (parsed.elements.size() > app_elements || app_elements > 1) {
    // The name's last element, or, without a name, the last of "app/stream" in one.
    stream = std::move(parsed.elements.back());
    parsed.elements.pop_back();
  } else if (!parsed.queries.empty()) {
    stream = take_stream_from_query(parsed.queries.back());
  }
  std::string app_path;
  for (const std::string& element : parsed.elements) {
    if (!app_path.empty()) app_path += '/';
    app_path += element;
  }
  return make_stream_key(vhosts.resolve(vhost_of(host, parsed.queries)), app_path, stream);
}

}  // namespace weir
