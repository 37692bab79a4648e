#include "origin-agent/app/hook_hints.h"

#include "origin-agent/app/limits.h"
#include "origin-agent/report/limits.h"
#include "origin-agent/source/srs/heartbeat.h"

namespace weir::agent {

HookHints::~HookHints() {
  for (const auto& [server, pending] : pending_) executor_.cancel(pending.timer);
}

void HookHints::heard(const std::string& server, const std::string& service) {
  const Server whose{server, service};
  if (const auto found = pending_.find(whose); found != pending_.end()) {
    found->second.heard = true;
    return;
  }
  // Beyond it the next look finds what there is.
  const bool is_name = srs::is_srs_name(server) && (service.empty() || srs::is_srs_name(service));
  if (!is_name || pending_.size() >= kOriginsMax) return;
  set(whose, pending_[whose], false);
}

void HookHints::set(const Server& server, Pending& pending, bool is_last) {
  pending.is_last = is_last;
  pending.heard = false;
  pending.timer = executor_.run_after(is_last ? kHookLookAgainAfter : kHookLookAfter,
                                      [this, server] { due(server); });
}

void HookHints::due(const Server& server) {
  const auto found = pending_.find(server);
  if (found == pending_.end()) return;
  if (!found->second.is_last) {
    set(server, found->second, true);
  } else if (found->second.heard) {
    // This look may be too early for what was heard last.
    set(server, found->second, false);
  } else {
    pending_.erase(found);
  }
  look_(server.first, server.second);
}

}  // namespace weir::agent
