#pragma once
// Forwarder: the whole process, wired.
//
// Purpose: the only place that knows every part. Opens the listeners, starts one worker per core
// and the control client, drains and stops. Threading: one thread calls open(), run() and the
// destructor, and is the control thread meanwhile. Lifetime: one per process.

#include <functional>
#include <memory>
#include <string>

#include "common/base/result.h"
#include "dataplane/app/forwarder_options.h"

namespace weir::forwarder {

class Forwarder {
 public:
  Forwarder(ForwarderOptions options, std::string version);
  ~Forwarder();
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  /// Opens every listener. Errors: address_in_use, operation_not_permitted, invalid_argument.
  Result<void> open();
  /// Runs until it is told to stop. `ready(line)` once clients are served.
  void run(std::function<void(const std::string&)> ready);
  /// As the first and the second SIGTERM; on the control thread.
  void drain();
  void stop();

  const std::string& rtmp_address() const;
  const std::string& id() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace weir::forwarder
