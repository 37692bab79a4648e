#include "origin-agent/source/srs/stream_listing.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "origin-agent/source/srs/limits.h"

namespace weir::agent::srs {

StreamListing::Step StreamListing::add(std::vector<ApiStream> page) {
  if (++pages_ > kListingPagesMax || page.size() > count_) return Step::kGivenUp;
  const bool last = page.size() < count_;
  if (start_ == 0 && last) {
    // All in one answer: its order is of no importance.
    streams_ = std::move(page);
    return Step::kComplete;
  }
  const auto unordered =
      std::adjacent_find(page.begin(), page.end(),
                         [](const ApiStream& a, const ApiStream& b) { return !(a.id < b.id); });
  if (unordered != page.end()) return Step::kGivenUp;
  if (start_ > 0 && (page.empty() || streams_.back().id < page.front().id)) return go_back();

  const auto fresh =
      start_ == 0 ? page.begin()
                  : std::partition_point(page.begin(), page.end(), [this](const ApiStream& stream) {
                      return !(streams_.back().id < stream.id);
                    });
  if (streams_.size() + static_cast<std::size_t>(page.end() - fresh) > kStreamsMax)
    return Step::kGivenUp;
  streams_.insert(streams_.end(), std::make_move_iterator(fresh),
                  std::make_move_iterator(page.end()));
  if (last) return Step::kComplete;
  back_ = 1;
  start_ += page.size() - 1;
  return Step::kMore;
}

StreamListing::Step StreamListing::go_back() {
  if (start_ == 0) return Step::kGivenUp;
  start_ -= std::min(start_, back_);
  back_ *= 2;
  if (start_ == 0) streams_.clear();
  return Step::kMore;
}

}  // namespace weir::agent::srs
