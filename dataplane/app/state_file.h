#pragma once
// StateFile: what a forwarder remembers across a restart: the highest generation it has seen, the
// virtual hosts and the origin table. JSON of the API's own messages, so that an operator can read
// it.
//
// Purpose: a restarted forwarder is ready and fences correctly although the control plane is away.
// Threading: one thread. Lifetime: self-contained. A lost or torn file costs only what it
// remembered: writing is a new file and a rename.

#include <string>

#include "common/base/result.h"
#include "dataplane/routing/control_client.h"

namespace weir::forwarder {

class StateFile {
 public:
  /// An empty directory keeps nothing.
  explicit StateFile(std::string directory) : directory_(std::move(directory)) {}

  bool enabled() const { return !directory_.empty(); }
  /// No file is no error: a default value. A file that cannot be read or parsed is.
  Result<routing::ControlClient::Remembered> load() const;
  Result<void> save(const routing::ControlClient::Remembered& remembered) const;

 private:
  std::string directory_;
};

}  // namespace weir::forwarder
