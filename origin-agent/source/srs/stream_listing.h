#pragma once
// StreamListing: one consistent list of streams out of pages of a list that changes meanwhile.
// Pure.
//
// Purpose: SRS pages through a map ordered by the streams' random ids, so a page begins at a
// *position*; what comes or goes before it shifts all that follows, and a stream that runs all the
// time may stand in no page. Each page therefore begins with the last entry of the one before, and
// where it does not, the listing goes back until it does: what ran from the first page to the last
// one is then in it.
// Threading: one thread. Lifetime: one per listing.

#include <cstddef>
#include <string>
#include <vector>

#include "origin-agent/source/srs/api_answer.h"

namespace weir::agent::srs {

class StreamListing {
 public:
  /// `page_size`: at least 10, less is not granted by SRS.
  explicit StreamListing(std::size_t page_size) : count_(page_size) {}

  /// What to ask for next: /api/v1/streams/?start=…&count=…
  std::size_t start() const { return start_; }
  std::size_t count() const { return count_; }

  enum class Step {
    kMore,      ///< ask for the next page
    kComplete,  ///< streams() is whole
    kGivenUp,   ///< the list does not hold still, has no order, or is longer than kStreamsMax
  };
  Step add(std::vector<ApiStream> page);
  std::vector<ApiStream> take() { return std::move(streams_); }

 private:
  Step go_back();

  std::size_t count_;
  std::size_t start_ = 0;
  std::size_t back_ = 1;  ///< how far the next step back leads
  std::size_t pages_ = 0;
  std::vector<ApiStream> streams_;  ///< ordered by id
};

}  // namespace weir::agent::srs
