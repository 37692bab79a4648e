#pragma once
// OriginHost: what OriginRegistry wants done about origins; the fleet does it, tests note it.
// Threading: the agent's one thread. Lifetime: outlives the registry.

#include <cstddef>
#include <optional>

#include "origin-agent/app/settings.h"
#include "origin-agent/report/messages.h"

namespace weir::agent {

class OriginHost {
 public:
  virtual ~OriginHost() = default;
  /// Watches it from now on. The number names it from here on.
  virtual std::size_t add(OriginSettings settings) = 0;
  /// Other addresses or facts of an origin that stays the same one.
  virtual void change(std::size_t origin, OriginSettings settings) = 0;
  /// It said which life of it this is: looked at now.
  virtual void announced(std::size_t origin, const ProcessIdentity& life) = 0;
  /// Something was published or unpublished there: looked at now.
  virtual void hinted(std::size_t origin) = 0;
  /// Who serves there beyond doubt: a process that this host shows, or that its API named when it
  /// was asked last. Empty: nobody knows.
  virtual std::optional<ProcessIdentity> certain_life(std::size_t origin) const = 0;
  /// Its process is known to be gone: says so and watches it no more. remove() follows.
  virtual void retire(std::size_t origin) = 0;
  /// Forgets it. False: a verdict about it waits for a replica; to be tried again.
  virtual bool remove(std::size_t origin) = 0;
  /// What must outlive a restart changed.
  virtual void save() = 0;
};

}  // namespace weir::agent
