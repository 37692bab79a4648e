#include "dataplane/io/load_shedder.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "dataplane/io/lingering_set.h"
#include "dataplane/io/session_driver.h"

namespace weir::io {

void LoadShedder::relieve() {
  ProcessTotals& totals = context_.totals;
  const std::size_t bound = totals.queued_bytes_max;
  const std::size_t slack = bound / kShedSlackParts;
  context_.lingering->drop_queues();
  if (!totals.overloaded()) return;
  // Others that hold more are asked first, and have until the slack is used up, too.
  const bool urgent = totals.queued_bytes() > bound + slack;
  if (urgent || holds_its_share(context_.client_blocks, totals.queued_to_clients)) {
    const std::size_t to_origins = totals.queued_to_origins.load(std::memory_order_relaxed);
    end_slowest(true, bound - slack > to_origins ? bound - slack - to_origins : 0);
  }
  const std::size_t publishers_bound = bound + bound / kPublishersExtraParts;
  if (totals.queued_to_origins.load(std::memory_order_relaxed) > publishers_bound &&
      holds_its_share(context_.origin_blocks, totals.queued_to_origins))
    end_slowest(false, publishers_bound - slack);
  if (totals.overloaded()) ask_others();
}

/// Some worker always does.
bool LoadShedder::holds_its_share(const BlockPool& pool,
                                  const std::atomic<std::size_t>& all) const {
  const std::size_t mine = pool.held_here();
  const std::size_t workers = std::max<std::size_t>(context_.totals.wake.size(), 1);
  return mine != 0 && mine * workers >= all.load(std::memory_order_relaxed);
}

void LoadShedder::end_slowest(bool to_clients, std::size_t goal) {
  const std::atomic<std::size_t>& held =
      to_clients ? context_.totals.queued_to_clients : context_.totals.queued_to_origins;
  if (held.load(std::memory_order_relaxed) <= goal) return;
  std::vector<std::pair<std::size_t, SessionDriver*>> slow;
  for (SessionDriver* driver = context_.drivers; driver != nullptr; driver = driver->link.next) {
    const std::size_t bytes =
        to_clients ? driver->queued_for_client() : driver->queued_for_origins();
    if (bytes > 0) slow.emplace_back(bytes, driver);
  }
  std::ranges::make_heap(slow);
  std::size_t ended = 0;
  while (!slow.empty() && held.load(std::memory_order_relaxed) > goal) {
    std::ranges::pop_heap(slow);
    // Ended drivers stay valid, and in the list, until the end of the turn.
    slow.back().second->abort("too many bytes queued");
    slow.pop_back();
    ++ended;
  }
  if (ended == 0) return;
  bump(context_.stats.shed, ended);
  context_.totals.shed.fetch_add(ended, std::memory_order_relaxed);
  tell(ended, to_clients ? "players" : "publishers");
}

/// They ask in turn: without a pause all workers would do nothing else for as long as nobody may be
/// ended. When somebody was, another worker may be the one that holds most now.
void LoadShedder::ask_others() {
  const std::uint64_t shed = context_.totals.shed.load(std::memory_order_relaxed);
  const MonotonicTime now = context_.clock.now();
  if (asked_ && shed == shed_when_asked_ && now - *asked_ < kOthersAskedEvery) return;
  asked_ = now;
  shed_when_asked_ = shed;
  const auto& wake = context_.totals.wake;
  for (std::size_t i = 0; i < wake.size(); ++i)
    if (i != context_.number) wake[i]();
}

void LoadShedder::tell(std::size_t ended, const char* whom) {
  if (!told_.allow(context_.clock.now())) return;
  log_.warning(
      "more than {} bytes waited for slow peers (rtmp_options.limits.queued_mib): ended the {} "
      "slowest {} (SHED; {} times like this not logged)",
      context_.totals.queued_bytes_max, ended, whom, told_.take_suppressed());
}

}  // namespace weir::io
