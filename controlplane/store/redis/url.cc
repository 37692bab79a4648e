#include "controlplane/store/redis/url.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "controlplane/store/redis/limits.h"

namespace weir::store::redis {
namespace {

constexpr std::uint16_t kRedisPort = 6379;
constexpr std::uint16_t kSentinelPort = 26379;
constexpr std::uint32_t kDatabaseMax = std::numeric_limits<std::int32_t>::max();
constexpr std::string_view kForms =
    "memory, redis://[user:password@]host:port[/database] or "
    "redis+sentinel://host:port,host:port/primary (rediss… for TLS)";

struct Scheme {
  std::string_view word;
  StoreUrl::Kind kind;
  bool tls;
};
constexpr Scheme kSchemes[] = {
    {"redis", StoreUrl::Kind::kRedis, false},
    {"rediss", StoreUrl::Kind::kRedis, true},
    {"redis+sentinel", StoreUrl::Kind::kSentinel, false},
    {"rediss+sentinel", StoreUrl::Kind::kSentinel, true},
};

/// One URL being read. `complaint_` is about the first thing that is wrong.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<StoreUrl> parse();

 private:
  bool scheme();
  bool split();
  bool credentials();
  bool addresses();
  bool address(std::string_view text);
  bool path();
  bool primary(std::string_view text);
  bool database(std::string_view text);
  void name();
  bool wrong(std::string complaint) {
    complaint_ = std::move(complaint);
    return false;
  }

  std::string_view text_;
  std::string_view rest_;  ///< behind the scheme
  std::string_view user_info_;
  std::string_view hosts_;
  std::string_view path_;
  const Scheme* scheme_ = nullptr;
  StoreUrl url_;
  std::string complaint_;
};

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    const int high = hex_digit(text[i + 1]);
    const int low = hex_digit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

Result<StoreUrl> Parser::parse() {
  if (text_ == "memory") {
    url_.name = "memory";
    return std::move(url_);
  }
  const bool right = scheme() && split() && credentials() && addresses() && path();
  if (!right) {
    return make_error(boost::system::errc::invalid_argument,
                      fmt::format("--store {}: {}", redact_store_url(text_), complaint_));
  }
  name();
  return std::move(url_);
}

bool Parser::scheme() {
  const std::size_t end = text_.find("://");
  if (end == std::string_view::npos) return wrong(fmt::format("is no store; write {}", kForms));
  const std::string_view word = text_.substr(0, end);
  if (word == "redis+cluster" || word == "rediss+cluster")
    return wrong(
        "Redis Cluster is not supported yet; use a single Redis (redis://) or Sentinel "
        "(redis+sentinel://)");
  const auto* const found = std::ranges::find(kSchemes, word, &Scheme::word);
  if (found == std::end(kSchemes))
    return wrong(fmt::format("its scheme is not known; write {}", kForms));
  scheme_ = found;
  url_.kind = found->kind;
  url_.tls = found->tls;
  rest_ = text_.substr(end + 3);
  return true;
}

bool Parser::split() {
  const std::size_t end = std::min(rest_.find_first_of("/?#"), rest_.size());
  const std::size_t at = rest_.rfind('@');
  if (at != std::string_view::npos && at > end)
    return wrong(
        "a '/', '?' or '#' stands before the '@'; in a user or password write them as %2F, %3F, "
        "%23");
  if (rest_.find('@') != at)
    return wrong("there are several '@'; in a user or password write it as %40");
  if (rest_.find_first_of("?#") != std::string_view::npos)
    return wrong("nothing may stand behind a '?' or '#'; everything else is set below `redis`");
  if (at != std::string_view::npos) user_info_ = rest_.substr(0, at);
  const std::size_t hosts = at == std::string_view::npos ? 0 : at + 1;
  hosts_ = rest_.substr(hosts, end - hosts);
  path_ = rest_.substr(end);
  return true;
}

bool Parser::credentials() {
  const std::size_t colon = user_info_.find(':');
  const auto user = percent_decoded(user_info_.substr(0, colon));
  auto password = percent_decoded(colon == std::string_view::npos ? std::string_view{}
                                                                  : user_info_.substr(colon + 1));
  if (!user || !password)
    return wrong(
        "a '%' in the user or password is not followed by two hexadecimal digits; write "
        "it as %25");
  if (colon != std::string_view::npos && password->empty())
    return wrong("the password is empty; write user:password@, or leave it all out");
  url_.user = *user;
  url_.password = Secret(std::move(*password));
  return true;
}

bool Parser::addresses() {
  std::string_view left = hosts_;
  while (true) {
    const std::size_t comma = std::min(left.find(','), left.size());
    if (!address(left.substr(0, comma))) return false;
    if (comma == left.size()) break;
    left.remove_prefix(comma + 1);
  }
  if (url_.kind == StoreUrl::Kind::kRedis && url_.addresses.size() > 1)
    return wrong(
        "names several addresses; a single Redis has one, for several use "
        "redis+sentinel://");
  if (url_.addresses.size() > kAddressesMax)
    return wrong(fmt::format("names more than {} sentinels", kAddressesMax));
  return true;
}

/// A name, an IPv4 address, or an IPv6 address, which stood in brackets.
bool is_host(std::string_view host) {
  const bool v6 = host.find(':') != std::string_view::npos;
  return !host.empty() && std::all_of(host.begin(), host.end(), [&](char c) {
    return hex_digit(c) >= 0 || c == '.' ||
           (v6 ? c == ':'
               : (c >= 'g' && c <= 'z') || (c >= 'G' && c <= 'Z') || c == '-' || c == '_');
  });
}

bool Parser::address(std::string_view text) {
  if (text.empty()) return wrong("an address is missing; write host:port");
  const std::uint16_t standard =
      url_.kind == StoreUrl::Kind::kSentinel ? kSentinelPort : kRedisPort;
  const bool has_port =
      text.front() == '[' ? !text.ends_with(']') : text.find(':') != std::string_view::npos;
  const auto parsed =
      parse_host_port(has_port ? std::string(text) : fmt::format("{}:{}", text, standard));
  if (!parsed) return wrong(parsed.error().message);
  if (!is_host(parsed->host) || parsed->port == 0)
    return wrong(
        fmt::format("'{}' cannot be dialled; write host:port with a port from 1 to 65535", text));
  url_.addresses.push_back(*parsed);
  return true;
}

bool Parser::path() {
  std::string_view left = path_;
  if (left.starts_with('/')) left.remove_prefix(1);
  if (url_.kind == StoreUrl::Kind::kSentinel) {
    const std::size_t slash = std::min(left.find('/'), left.size());
    if (!primary(left.substr(0, slash))) return false;
    left.remove_prefix(std::min(slash + 1, left.size()));
  }
  return left.empty() || database(left);
}

bool Parser::primary(std::string_view text) {
  const auto plain = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '-' || c == '_';
  };
  if (text.empty())
    return wrong(
        "the name of the primary is missing; write redis+sentinel://host:port/name as in "
        "`sentinel monitor name …`");
  if (!std::ranges::all_of(text, plain))
    return wrong(
        "the name of the primary holds other characters than letters, digits, '.', '-', "
        "'_'");
  url_.primary = text;
  return true;
}

bool Parser::database(std::string_view text) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), url_.database);
  if (error != std::errc{} || end != text.data() + text.size() || url_.database > kDatabaseMax)
    return wrong(fmt::format("database '{}' is not a number from 0 to {}", text, kDatabaseMax));
  return true;
}

void Parser::name() {
  url_.name = fmt::format("{}://", scheme_->word);
  for (std::size_t i = 0; i < url_.addresses.size(); ++i) {
    const HostPort& at = url_.addresses[i];
    url_.name += fmt::format("{}{}", i == 0 ? "" : ",", format_host_port(at.host, at.port));
  }
  if (!url_.primary.empty()) url_.name += "/" + url_.primary;
  if (url_.primary.empty() || url_.database != 0) url_.name += fmt::format("/{}", url_.database);
}

}  // namespace

Result<StoreUrl> parse_store_url(std::string_view text) {
  return Parser(text).parse();
}

std::string redact_store_url(std::string_view text) {
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos) return std::string(text);
  const std::size_t scheme = text.find("://");
  const std::size_t keep = scheme == std::string_view::npos || scheme > at ? 0 : scheme + 3;
  return fmt::format("{}…{}", text.substr(0, keep), text.substr(at));
}

}  // namespace weir::store::redis
