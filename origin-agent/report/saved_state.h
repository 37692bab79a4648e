#pragma once
// SavedState: what an agent remembers across its own restarts, and its text form.
//
// Purpose: a restarted agent that finds the same processes reports them with their incarnations, so
// that nothing is placed anew; and it never forgets a generation it has seen.
// Threading: values. Lifetime: self-contained. Reading and writing the file is app/ (state_file.h).

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "common/base/ids.h"
#include "common/base/result.h"

namespace weir::agent {

struct SavedOrigin {
  std::string process;  ///< to_text(ProcessIdentity)
  IncarnationId incarnation;
  bool operator==(const SavedOrigin&) const = default;
};

struct SavedState {
  std::uint64_t generation_seen = 0;
  std::map<OriginId, SavedOrigin> origins;
  bool operator==(const SavedState&) const = default;
};

std::string encode(const SavedState& state);
/// Errors (invalid_argument): not such a file, or a damaged one; the message names the line.
Result<SavedState> decode_saved_state(std::string_view text);

}  // namespace weir::agent
