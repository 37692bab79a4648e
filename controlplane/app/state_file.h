#pragma once
// StateFile: KeptState in `<state-dir>/controlplane.json`, replaced as a whole.
//
// Purpose: written beside and renamed after fsync, so that a crash leaves the old or the new file,
// never half of one.
// Threading: one thread; save() blocks for the disk, which is fine for a file of a few kilobytes
// that changes when an operator or a restart changes something. Lifetime: keeps nothing open.

#include <filesystem>
#include <string>

#include "common/base/result.h"
#include "common/telemetry/log.h"
#include "controlplane/core/context.h"

namespace weir::app {

class StateFile final : public core::StateKeeper {
 public:
  explicit StateFile(const std::string& directory);

  /// A missing file is an empty state. Errors name the file: one that cannot be read or understood
  /// must not be overwritten with nothing.
  Result<core::KeptState> load() const;
  bool save(const core::KeptState& state) override;

 private:
  Result<void> replace(const std::string& content) const;

  std::filesystem::path directory_;
  std::filesystem::path path_;
  log::Logger log_;
};

}  // namespace weir::app
