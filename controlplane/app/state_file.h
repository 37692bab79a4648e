#pragma once
// StateFile: KeptState in `<state-dir>/controlplane.json`, KeptRecords in `records.bin`, each
// replaced as a whole.
//
// Purpose: written beside and renamed after fsync, so that a crash leaves the old or the new file,
// never half of one; readable for the owner only, because records hold secrets. The records carry a
// digest: a damaged order must not be taken for one.
// Threading: one thread; save() blocks for the disk: the core spends at most one twentieth of its
// time on it. Lifetime: keeps nothing open.

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
  Result<core::KeptRecords> load_records() const;
  bool save(const core::KeptState& state) override;
  bool save(const core::KeptRecords& records) override;

 private:
  Result<void> replace(const std::filesystem::path& path, const std::string& content) const;

  std::filesystem::path directory_;
  std::filesystem::path path_;
  std::filesystem::path records_path_;
  log::Logger log_;
};

}  // namespace weir::app
