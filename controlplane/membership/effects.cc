#include "controlplane/membership/effects.h"

#include "common/base/contract.h"

namespace weir::membership {

std::string_view to_string(Reason reason) {
  switch (reason) {
    case Reason::kNone:
      return "";
    case Reason::kNotProbedYet:
      return "NOT_PROBED_YET";
    case Reason::kAgentSilent:
      return "AGENT_SILENT";
    case Reason::kAgentDetached:
      return "AGENT_DETACHED";
    case Reason::kMissing:
      return "MISSING";
    case Reason::kProbeFailed:
      return "PROBE_FAILED";
    case Reason::kVerdictsFrozen:
      return "VERDICTS_FROZEN";
    case Reason::kProcessGone:
      return "PROCESS_GONE";
    case Reason::kProbesFailed:
      return "PROBES_FAILED";
    case Reason::kDialsFailed:
      return "DIALS_FAILED";
    case Reason::kReplaced:
      return "REPLACED";
    case Reason::kDeclaredElsewhere:
      return "DECLARED_ELSEWHERE";
  }
  WEIR_UNREACHABLE("reason");
}

}  // namespace weir::membership
