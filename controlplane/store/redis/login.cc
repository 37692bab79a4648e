#include "controlplane/store/redis/login.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "common/base/contract.h"
#include "controlplane/store/redis/refusal.h"

namespace weir::store::redis {
namespace {

/// The first version whose scripts are replicated by their effects alone, and write after TIME.
constexpr int kVersionMin = 7;
/// Proves that scripts run; it touches nothing.
constexpr std::string_view kProbeScript = "return 1";

/// The value of `field` in the text of INFO.
std::string_view info_field(std::string_view info, std::string_view field) {
  while (!info.empty()) {
    const std::size_t end = std::min(info.find("\r\n"), info.size());
    const std::string_view line = info.substr(0, end);
    if (line.starts_with(field) && line.substr(field.size()).starts_with(':'))
      return line.substr(field.size() + 1);
    info.remove_prefix(std::min(end + 2, info.size()));
  }
  return {};
}

}  // namespace

std::vector<std::string> auth_command(const Credentials& credentials) {
  if (credentials.password.empty()) return {};
  if (credentials.user.empty()) return {"AUTH", credentials.password.reveal()};
  return {"AUTH", credentials.user, credentials.password.reveal()};
}

std::string explain(std::string_view what_redis_said) {
  const std::string_view advice = advice_on(classify(what_redis_said));
  const std::string said = printable(what_redis_said);
  return advice.empty() ? said : fmt::format("{}: {}", said, advice);
}

Login::Login(const Credentials& credentials, std::uint32_t database)
    : credentials_(credentials), database_(database) {
  if (!credentials.password.empty()) asked_.push_back(Asked::kAuth);
  if (database != 0) asked_.push_back(Asked::kSelect);
  asked_.insert(asked_.end(), {Asked::kInfo, Asked::kMemory, Asked::kRole, Asked::kScript});
}

std::vector<std::vector<std::string>> Login::commands() const {
  std::vector<std::vector<std::string>> out;
  for (const Asked asked : asked_) {
    switch (asked) {
      case Asked::kAuth:
        out.push_back(auth_command(credentials_));
        break;
      case Asked::kSelect:
        out.push_back({"SELECT", std::to_string(database_)});
        break;
      case Asked::kInfo:
        out.push_back({"INFO", "server"});
        break;
      case Asked::kMemory:
        // By itself: only 7.0 takes two sections at once, and an older one is to be named so.
        out.push_back({"INFO", "memory"});
        break;
      case Asked::kRole:
        out.push_back({"ROLE"});
        break;
      case Asked::kScript:
        out.push_back({"EVAL", std::string(kProbeScript), "0"});
        break;
    }
  }
  return out;
}

Login::Step Login::feed(const Reply& reply) {
  WEIR_ASSERT(answered_ < asked_.size() && failure_.empty());
  if (!judge(asked_[answered_++], reply)) return Step::kFailed;
  return answered_ == asked_.size() ? Step::kDone : Step::kMore;
}

bool Login::judge(Asked asked, const Reply& reply) {
  const auto refused = [&](std::string_view what) {
    return wrong(fmt::format("{}: {}", what, explain(reply.text)));
  };
  switch (asked) {
    case Asked::kAuth:
      return !reply.is_error() || refused("AUTH");
    case Asked::kSelect:
      return !reply.is_error() ||
             wrong(fmt::format("SELECT {}: {}: this Redis lets nobody use that database; name "
                               "another one in --store",
                               database_, explain(reply.text)));
    case Asked::kInfo:
      return reply.is_error() ? refused("INFO") : judge_info(reply);
    case Asked::kMemory:
      return reply.is_error() ? refused("INFO") : judge_memory(reply);
    case Asked::kRole:
      return reply.is_error() ? refused("ROLE") : judge_role(reply);
    case Asked::kScript:
      return !reply.is_error() || refused("EVAL, a script");
  }
  return false;
}

bool Login::judge_info(const Reply& reply) {
  run_id_ = info_field(reply.text, "run_id");
  version_ = printable(info_field(reply.text, "redis_version"));
  if (run_id_.empty()) return wrong("INFO names no run_id: is this a Redis?");
  const std::string_view major = std::string_view(version_).substr(0, version_.find('.'));
  int number = 0;
  std::from_chars(major.data(), major.data() + major.size(), number);
  if (number < kVersionMin)
    return wrong(
        fmt::format("this is Redis {}; version {}.0 or later is needed", version_, kVersionMin));
  if (info_field(reply.text, "redis_mode") == "cluster")
    return wrong(std::string(advice_on(Refusal::kCluster)));
  if (info_field(reply.text, "redis_mode") == "sentinel")
    return wrong("this is a sentinel, not a Redis: write redis+sentinel://…/primary");
  return true;
}

bool Login::judge_memory(const Reply& reply) {
  // Under allkeys-* a full Redis throws away placements and the epochs given, and says so to
  // nobody: the next publisher of a stream would be given a second origin. volatile-* takes only
  // keys with an expiry, and ours are the broadcasts and the mailboxes of commands: notices that
  // may be lost at any time, and questions that whoever asked gives up at its deadline. Once these
  // are gone a full Redis refuses writes, as under noeviction.
  const std::string policy = printable(info_field(reply.text, "maxmemory_policy"));
  if (!policy.starts_with("allkeys-")) return true;
  return wrong(
      fmt::format("maxmemory-policy is {}: when its memory is full, this Redis would silently drop "
                  "who owns a stream; set maxmemory-policy noeviction (in redis.conf, or with "
                  "CONFIG SET)",
                  policy));
}

bool Login::judge_role(const Reply& reply) {
  const bool known = reply.is_array() && !reply.items.empty();
  const std::string role = known ? printable(reply.items.front().text) : "";
  if (role == "master") return true;
  if (role == "slave" && reply.items.size() >= 3)
    return wrong(
        fmt::format("this is a replica of {}:{}, and replicas take no writes: give the "
                    "primary's address, or use redis+sentinel://",
                    printable(reply.items[1].text), reply.items[2].integer));
  return wrong(fmt::format("ROLE is '{}', not a primary", role));
}

bool Login::wrong(std::string failure) {
  failure_ = std::move(failure);
  return false;
}

}  // namespace weir::store::redis
