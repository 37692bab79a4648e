#include "controlplane/store/redis/refusal.h"

#include <algorithm>
#include <array>

#include "controlplane/store/redis/limits.h"

namespace weir::store::redis {
namespace {

struct Row {
  Refusal refusal;
  std::string_view word;
  std::string_view advice;
};

constexpr std::array kRows{
    Row{Refusal::kReadOnly, "READONLY",
        "this is a read-only replica, not the primary: give the primary's address, or use "
        "redis+sentinel://"},
    Row{Refusal::kLoading, "LOADING", "Redis still reads its data; wait"},
    Row{Refusal::kMasterDown, "MASTERDOWN",
        "this is a replica that has lost its primary: give the primary's address, or use "
        "redis+sentinel://"},
    Row{Refusal::kOutOfMemory, "OOM",
        "the memory of Redis is full: raise maxmemory (or remove what is not Weir's)"},
    Row{Refusal::kNotAuthenticated, "NOAUTH",
        "Redis wants a password: give it as redis://user:password@… or with redis.password_file"},
    Row{Refusal::kWrongPassword, "WRONGPASS",
        "user or password is wrong: correct it in --store or redis.password_file"},
    Row{Refusal::kNoPermission, "NOPERM",
        "the ACL user of --store lacks a permission: give it those that docs/operations/redis.md "
        "lists"},
    Row{Refusal::kNoScript, "NOSCRIPT", "scripts vanish while they are used; do not flush them"},
    Row{Refusal::kUnknownCommand, "UNKNOWN_COMMAND",
        "this Redis lacks a command that Weir needs, or has it renamed: see "
        "docs/operations/redis.md"},
    Row{Refusal::kMisconfigured, "MISCONF",
        "Redis cannot save its data and therefore takes no writes: see its log and disk"},
    Row{Refusal::kNoReplicas, "NOREPLICAS",
        "Redis has fewer replicas than its min-replicas-to-write and therefore takes no writes"},
    Row{Refusal::kBusy, "BUSY", "a script keeps Redis busy; wait, or end it with SCRIPT KILL"},
    Row{Refusal::kCluster, "CLUSTER",
        "this is a node of a Redis Cluster, which is not supported yet: use a single Redis or "
        "Sentinel"},
};

const Row* row_of(Refusal refusal) {
  const auto* const row = std::ranges::find(kRows, refusal, &Row::refusal);
  return row == kRows.end() ? nullptr : row;
}

}  // namespace

Refusal classify(std::string_view text) {
  const std::string_view word = text.substr(0, text.find(' '));
  for (const std::string_view cluster : {"MOVED", "ASK", "CROSSSLOT", "CLUSTERDOWN", "TRYAGAIN"}) {
    if (word == cluster) return Refusal::kCluster;
  }
  for (const Row& row : kRows) {
    if (word == row.word) return row.refusal;
  }
  if (word != "ERR") return Refusal::kOther;
  const auto says = [text](std::string_view part) { return text.find(part) != text.npos; };
  // In a script the words differ ("Unknown Redis command called from script").
  if (says("unknown command") || says("Unknown Redis command")) return Refusal::kUnknownCommand;
  if (says("The user executing the script")) return Refusal::kNoPermission;
  // Redis answers this where AUTH was sent and it knows no password.
  if (says("AUTH") && says("without any password configured")) return Refusal::kWrongPassword;
  return Refusal::kOther;
}

std::string_view word_of(Refusal refusal) {
  if (refusal == Refusal::kNone) return "NONE";
  const Row* const row = row_of(refusal);
  return row != nullptr ? row->word : "OTHER";
}

std::string_view advice_on(Refusal refusal) {
  const Row* const row = row_of(refusal);
  return row != nullptr ? row->advice : std::string_view{};
}

std::string printable(std::string_view text) {
  // An unknown command is repeated with its arguments: AUTH's are a password.
  text = text.substr(0, text.find(", with args beginning with"));
  const bool cut = text.size() > kErrorBytesMax;
  std::string out(text.substr(0, kErrorBytesMax));
  std::ranges::replace_if(out, [](char c) { return c < ' ' || c > '~'; }, '?');
  return cut ? out + "..." : out;
}

}  // namespace weir::store::redis
