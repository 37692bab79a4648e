#pragma once
// Reads the files of a history, merged by time: the order in which a checker takes its events.
// Threading: one thread. Lifetime: events are valid during the call they are handed to.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "tests/support/history/event.h"

namespace weir::history {

/// Where an event stands, so that a violation can be looked up.
struct Place {
  std::uint32_t file = 0;  ///< in order of the names given
  std::uint32_t line = 0;  ///< from 1
};

using Sink = std::function<void(const Event& event, Place place)>;

/// Every event of all files. An error names file and line: not an event, or a time that goes back.
/// A last line without its end is left out: its process was killed while it wrote.
Result<void> read_histories(const std::vector<std::string>& paths, const Sink& sink);

}  // namespace weir::history
