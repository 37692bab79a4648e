#include "controlplane/store/redis/sentinel_greeting.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "controlplane/store/redis/login.h"
#include "controlplane/store/redis/refusal.h"

namespace weir::store::redis {
namespace {

std::optional<HostPort> address_of(std::string_view host, std::string_view port) {
  HostPort out;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (error != std::errc{} || end != port.data() + port.size() || out.port == 0) return {};
  if (host.empty() || printable(host) != host) return {};
  out.host = host;
  return out;
}

}  // namespace

SentinelGreeting::SentinelGreeting(const Credentials& credentials, std::string primary)
    : credentials_(credentials), primary_(std::move(primary)) {
  if (credentials_.password.empty()) ++answered_;
}

std::vector<std::vector<std::string>> SentinelGreeting::commands() const {
  std::vector<std::vector<std::string>> out;
  if (!credentials_.password.empty()) out.push_back(auth_command(credentials_));
  // While a failover is under way the first names the replica that has been promoted, the second
  // still the old primary, but with the new epoch.
  out.push_back({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", primary_});
  out.push_back({"SENTINEL", "MASTER", primary_});
  return out;
}

SentinelGreeting::Step SentinelGreeting::feed(const Reply& reply) {
  switch (answered_++) {
    case 0:
      if (!reply.is_error()) return Step::kMore;
      wrong(fmt::format("AUTH: {}: give redis.sentinel_password_file (and redis.sentinel_user)",
                        printable(reply.text)));
      return Step::kFailed;
    case 1:
      return judge_address(reply) ? Step::kMore : Step::kFailed;
    default:
      return judge_facts(reply) ? Step::kDone : Step::kFailed;
  }
}

bool SentinelGreeting::judge_address(const Reply& reply) {
  if (reply.is_error()) {
    const Refusal refusal = classify(reply.text);
    if (refusal == Refusal::kUnknownCommand)
      return wrong("this is no sentinel: is it the port of Redis itself? (redis://)");
    if (refusal == Refusal::kNotAuthenticated || refusal == Refusal::kNoPermission)
      return wrong(fmt::format("{}: give redis.sentinel_password_file (and redis.sentinel_user)",
                               printable(reply.text)));
    return wrong(explain(reply.text));
  }
  if (reply.is_nil())
    return wrong(
        fmt::format("knows no primary of the name '{}': write the name of its `sentinel "
                    "monitor`",
                    primary_));
  if (!reply.is_array() || reply.items.size() != 2) return wrong("names no address");
  const auto address = address_of(reply.items[0].text, reply.items[1].text);
  if (!address) return wrong("names no address");
  named_.address = *address;
  return true;
}

bool SentinelGreeting::judge_facts(const Reply& reply) {
  if (reply.is_error()) return wrong(explain(reply.text));
  for (std::size_t i = 0; i + 1 < reply.items.size(); i += 2) {
    if (reply.items[i].text != "config-epoch") continue;
    const std::string& text = reply.items[i + 1].text;
    std::from_chars(text.data(), text.data() + text.size(), named_.epoch);
  }
  return true;
}

bool SentinelGreeting::wrong(std::string failure) {
  failure_ = std::move(failure);
  return false;
}

std::optional<HostPort> switched_to(const Reply& message, std::string_view primary) {
  if (!message.is_array() || message.items.size() != 3) return {};
  if (message.items[0].text != "message" || message.items[1].text != "+switch-master") return {};
  // <name> <old host> <old port> <new host> <new port>
  std::string_view left = message.items[2].text;
  std::vector<std::string_view> words;
  while (!left.empty() && words.size() <= 5) {
    const std::size_t end = std::min(left.find(' '), left.size());
    words.push_back(left.substr(0, end));
    left.remove_prefix(std::min(end + 1, left.size()));
  }
  if (words.size() != 5 || words[0] != primary) return {};
  return address_of(words[3], words[4]);
}

}  // namespace weir::store::redis
