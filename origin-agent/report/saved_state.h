#pragma once
// SavedState: what an agent remembers across its own restarts, and its text form.
//
// Purpose: a restarted agent that finds the same processes reports them with their incarnations, so
// that nothing is placed anew; it watches origins again that had registered themselves; and it
// never forgets a generation it has seen. Threading: values. Lifetime: self-contained. Reading and
// writing the file is app/ (state_file.h).

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ids.h"
#include "common/base/result.h"

namespace weir::agent {

struct SavedOrigin {
  std::string process;  ///< to_text(ProcessIdentity)
  IncarnationId incarnation;
  bool operator==(const SavedOrigin&) const = default;
};

/// What a server said of itself when it registered: enough to watch it again. Addresses are
/// listeners as it named them.
struct SavedRegistration {
  std::string server;
  std::string service;
  std::int32_t pid = 0;
  std::string ip;
  std::string peer;  ///< where it was heard from
  std::vector<std::string> rtmp, http, api, srt, rtc;
  bool operator==(const SavedRegistration&) const = default;
};

struct SavedState {
  std::uint64_t generation_seen = 0;
  std::map<OriginId, SavedOrigin> origins;
  std::map<OriginId, SavedRegistration> registered;
  bool operator==(const SavedState&) const = default;
};

std::string encode(const SavedState& state);
/// Errors (invalid_argument): not such a file, or a damaged one; the message names the line.
Result<SavedState> decode_saved_state(std::string_view text);

}  // namespace weir::agent
