#include "controlplane/store/memory/change_feed.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace weir::store {
namespace {

/// `<generation>.<number>`; nullopt: not one of ours.
std::optional<Revision> parse_token(std::string_view token) {
  Revision revision;
  const char* end = token.data() + token.size();
  const auto generation = std::from_chars(token.data(), end, revision.generation);
  if (generation.ec != std::errc{} || generation.ptr == end || *generation.ptr != '.') {
    return std::nullopt;
  }
  const auto number = std::from_chars(generation.ptr + 1, end, revision.number);
  if (number.ec != std::errc{} || number.ptr != end) return std::nullopt;
  return revision;
}

}  // namespace

ChangeFeed::~ChangeFeed() {
  for (auto& [id, subscriber] : subscribers_) subscriber->ended = true;
}

std::uint64_t ChangeFeed::add(StateStore::Feed on_change) {
  auto subscriber = std::make_shared<Subscriber>();
  subscriber->on_change = std::move(on_change);
  subscribers_.emplace(++last_, std::move(subscriber));
  return last_;
}

void ChangeFeed::remove(std::uint64_t subscription) {
  const auto found = subscribers_.find(subscription);
  if (found == subscribers_.end()) return;
  found->second->ended = true;
  subscribers_.erase(found);
}

void ChangeFeed::publish(Change change) {
  const bool kept = change.revision != Revision{};
  if (!kept && subscribers_.empty()) return;
  const auto shared = std::make_shared<const Change>(std::move(change));
  if (kept) {
    kept_.push_back(shared);
    if (kept_.size() > changes_kept_) {
      dropped_ = kept_.front()->revision;
      kept_.pop_front();
    }
  }
  for (const auto& [id, subscriber] : subscribers_) {
    executor_.post([to = subscriber, shared] {
      if (!to->ended) to->on_change(*shared);
    });
  }
}

ChangePage ChangeFeed::read_after(std::string_view token, std::size_t limit,
                                  Revision present) const {
  ChangePage page;
  page.token = fmt::format("{}", present);
  if (token.empty()) return page;
  const auto after = parse_token(token);
  const auto at_or_after = std::lower_bound(
      kept_.begin(), kept_.end(), after.value_or(Revision{}),
      [](const auto& change, const Revision& revision) { return change->revision < revision; });
  const bool kept = at_or_after != kept_.end() && (*at_or_after)->revision == after;
  // Every revision was one change: what is not kept is too old, or of a history that is lost.
  if (!after || (!kept && after != present && (dropped_ == Revision{} || after != dropped_))) {
    page.reset = true;
    return page;
  }
  const auto first = kept ? at_or_after + 1 : at_or_after;
  const auto available = static_cast<std::size_t>(kept_.end() - first);
  const auto last = first + static_cast<std::ptrdiff_t>(std::min(limit, available));
  for (auto change = first; change != last; ++change) page.changes.push_back(**change);
  page.more = last != kept_.end();
  if (page.more)
    page.token =
        page.changes.empty() ? std::string(token) : fmt::format("{}", page.changes.back().revision);
  return page;
}

}  // namespace weir::store
