#pragma once
// OriginRegistry: which origins registered themselves, and what a registration means: a new origin,
// one that moved its ports, one that restarted, one that took another's address, or nothing new.
//
// Purpose: SRS repeats its heartbeat every few seconds and never says good-bye. Heard again, it
// changes nothing; no longer heard, it is not dead for that: probes decide. An origin that is dead
// and stays away is forgotten after a while, here and in the state file. Everything a sender can
// grow is bounded: kOriginsMax, and what never answered goes first.
// Threading: the agent's one thread. Lifetime: host and clock outlive it.

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/telemetry/log.h"
#include "origin-agent/app/agent_metrics.h"
#include "origin-agent/app/origin_host.h"
#include "origin-agent/app/srs_settings.h"
#include "origin-agent/report/saved_state.h"

namespace weir::agent {

struct RegistryOptions {
  SrsDefaults defaults;
  Surroundings around;
  std::vector<OriginSettings> overrides;
};

class OriginRegistry {
 public:
  OriginRegistry(RegistryOptions options, OriginHost& host, const Clock& clock);

  /// An origin of the configuration, watched under this number: a registration from its address is
  /// its own.
  void configured(std::size_t origin, const OriginSettings& settings);
  /// What was saved before a restart.
  void restore(const SavedState& saved);

  /// Errors go back to the sender: an address that nobody elsewhere could dial (invalid_argument),
  /// one that another origin answers at (address_in_use), too many origins (no_buffer_space).
  /// A heartbeat is only what somebody says: it never ends an origin that answers.
  Result<RegistrationOutcome> registered(const Registration& registration);
  /// Something was published or unpublished there, as a hook says.
  void hinted(const std::string& server, const std::string& service);

  void answering(std::size_t origin, bool answering);
  /// Takes in who was refused for the sake of an origin that has fallen silent since. To be called
  /// soon after an origin did, from outside of its monitor.
  void admit_successors();
  /// Forgets who stayed away. To be called every kSweepInterval.
  void sweep();

  std::map<OriginId, SavedRegistration> saved() const;

 private:
  struct Entry {
    OriginSettings settings;
    Registration registration;  ///< the last one; empty server and rtmp = none yet
    bool learnt = false;        ///< not of the configuration
    bool answering = false;
    bool ever_answered = false;
    bool leaving = false;  ///< retired, waits for remove()
    MonotonicTime down_since;
    MonotonicTime heard_at;
    std::optional<Registration> successor;  ///< wants its place
    MonotonicTime successor_heard_at;
  };
  using Place = std::pair<const std::size_t, Entry>;

  Place* find(const OriginSettings& settings);
  const OriginSettings* override_for(const Registration& registration) const;
  OriginId free_name(const OriginSettings& settings, const OriginSettings* entry) const;
  Result<RegistrationOutcome> take(const Registration& registration);
  Result<void> make_room();
  void tell_left_out(const OriginSettings& settings) const;
  Entry& add(OriginSettings settings, const Registration& registration);
  Result<RegistrationOutcome> heard(Place& place, OriginSettings settings,
                                    const Registration& registration);
  bool is_replaced(const Place& place, const OriginSettings& settings,
                   const Registration& registration) const;
  bool is_contested(const Place& place, const OriginSettings& settings,
                    const Registration& registration) const;
  Error refuse(Place& place, const Registration& registration);
  void leave(Place& place);
  Duration patience(const Entry& entry) const;
  bool forget(std::size_t origin);

  const RegistryOptions options_;
  OriginHost& host_;
  const Clock& clock_;
  log::Logger logger_;
  std::map<std::size_t, Entry> entries_;
  std::set<OriginId> names_;
  std::map<std::string, std::size_t> by_address_;   ///< where this host dials it
  std::map<std::string, std::size_t> by_endpoint_;  ///< where forwarders dial it
};

}  // namespace weir::agent
