#pragma once
// What an SRS that registered itself is told to forwarders as, and where it is asked: its
// heartbeat, the configuration's defaults for all of them and the entry for this one together.
// Threading: pure functions. Lifetime: values.

#include <string>

#include "common/base/result.h"
#include "origin-agent/app/settings.h"
#include "origin-agent/report/saved_state.h"
#include "origin-agent/source/srs/heartbeat.h"

namespace weir::agent {

/// A heartbeat and the address it came from.
struct Registration {
  srs::Heartbeat heartbeat;
  std::string peer;  ///< without port
};

bool is_same_registration(const Registration& a, const Registration& b);

/// The id it asks for: its own, in letters that ids may have. Empty when it has none.
OriginId claimed_id(const srs::Heartbeat& heartbeat);

/// Everything but `spec.id`, which depends on the other origins. `entry`: what the configuration
/// says about this one; may be null. Errors (invalid_argument): an address that nobody elsewhere
/// could dial.
Result<OriginSettings> registered_settings(const Registration& registration,
                                           const SrsDefaults& defaults, const Surroundings& around,
                                           const OriginSettings* entry);

SavedRegistration to_saved(const Registration& registration);
/// Errors (invalid_argument): an address in it is none.
Result<Registration> from_saved(const SavedRegistration& saved);

/// "service.pid" of a saved SRS process; empty when it is something else.
ProcessIdentity parse_srs_life(const std::string& process);

}  // namespace weir::agent
