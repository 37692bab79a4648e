#pragma once
// SnapshotReader: everything that is in the store, a page at a time.
//
// Purpose: a page is one script, so the store is never held up by its size. The tables change while
// they are read: what is read is right once the changes from the first page's revision to the last
// page's have been applied to it, whichever pages they had reached (changes carry whole values).
// Threading: the event loop's thread. Lifetime: its completion outlives it; it may go at any time.

#include <map>
#include <memory>
#include <string>
#include <variant>

#include "common/base/callback.h"
#include "controlplane/store/redis/script_caller.h"
#include "controlplane/store/state_store.h"

namespace weir::store::redis {

/// A snapshot while it is put together.
struct SnapshotDraft {
  Revision first;  ///< of the store at the first page
  Revision last;   ///< at the last one
  bool settling = false;
  std::map<StreamKey, model::Placement> placements;
  std::map<OriginId, OriginRecord> origins;
  std::map<std::pair<RecordKind, std::string>, Record> records;

  void apply(const Change& change);
  Snapshot take();
};

/// Pages of two processes, or of two generations, do not make one snapshot: it is begun anew then.
/// `began` is told the revision of the first page, each time; `done` comes once, unless the
/// returned handle is let go before. What cannot be read is left out, and named by the caller's
/// trouble().
std::shared_ptr<void> read_snapshot(ScriptCaller& scripts, Callback<void(Revision)> began,
                                    Callback<void(std::variant<SnapshotDraft, StoreError>)> done);

}  // namespace weir::store::redis
