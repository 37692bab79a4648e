#pragma once
// Checker: whether a history keeps what Weir promises about who owns a stream.
//
// Decided, of everything that any process of the history was answered, told or holds:
//  two owners    one (stream, epoch) names one holder and one origin, whoever says it.
//  went back     (1) An epoch that was certainly bound after another epoch of its stream had been
//                seen by anybody is higher, also across losses. "Certainly after": its holder first
//                asked (or was last answered an older epoch by a question asked) later than that.
//                A new epoch's generation is not lower than any epoch's seen before on any stream.
//                (2) On one attach stream no stream's epoch and no generation goes back.
//                (3) What one replica answers about a stream does not go back between two calls
//                that follow each other. (2) and (3) for epochs: unless a loss lies between.
//  displaced     A session that was given a stream and has not ended keeps it: no newer epoch goes
//                to another holder, nor to itself on another origin once an origin accepted it; nor
//                is it ended as taken over, fenced, dropped or refused. Allowed only when it was
//                idle, when its forwarder was cut off, when its incarnation was reported dead, or
//                when it was given the stream around a loss, before it could be told of.
//  vanished      While such a session has not ended, nobody is answered "not placed" or an older
//                epoch, in a question asked after the session's placement was acknowledged. Allowed
//                when a loss lies between the two; and for a session that no origin has accepted
//                yet, when its forwarder was cut off.
//  raised        The generation rises at most as often as injected faults allow it to.
//
// Not decided: anything about sessions that no recorded process holds (direct publishers: only
// "two owners"); whether players get media; what replicas think without saying it; promptness;
// lookups of another replica that is behind (allowed: receivers keep the highest epoch); an epoch
// that nobody was ever told. A history without the faults that were injected is judged as if there
// had been none.
//
// Threading: one thread. Lifetime: self-contained; memory grows with streams, sessions and epochs,
// time is linear in events (times the logarithm of the epochs of one stream).

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/history/event.h"
#include "tests/support/history/reader.h"

namespace weir::history {

enum class Rule { kTwoOwners, kWentBack, kDisplaced, kVanished, kRaised };
inline constexpr std::size_t kRules = 5;
std::string_view to_string(Rule rule);

struct Violation {
  Rule rule = Rule::kTwoOwners;
  std::string text;  ///< what and where, as file:line
};

/// Why sessions that lost their stream were allowed to.
enum class Cause { kIdle, kCutOff, kOriginDead, kLoss };
inline constexpr std::size_t kCauses = 4;
std::string_view to_string(Cause cause);

struct Report {
  std::uint64_t events = 0;
  std::uint64_t streams = 0;
  std::uint64_t epochs = 0;
  std::uint64_t sessions = 0;  ///< that were given a stream
  std::uint64_t held = 0;      ///< that an origin accepted
  std::uint64_t faults = 0;
  std::vector<std::uint64_t> generations;  ///< in the order in which they were seen
  std::uint64_t raises_allowed = 0;
  std::array<std::uint64_t, kCauses> displaced{};
  std::array<std::uint64_t, kRules> violations{};
  std::vector<Violation> shown;  ///< the first kViolationsShown
  std::uint64_t violation_count() const;
};
inline constexpr std::size_t kViolationsShown = 100;

class Checker {
 public:
  /// `files`: names for messages, in the order of Place::file.
  explicit Checker(std::vector<std::string> files);
  ~Checker();
  Checker(const Checker&) = delete;
  Checker& operator=(const Checker&) = delete;

  /// In order of time, as read_histories() hands them over.
  void add(const Event& event, Place place);
  /// Once, at the end.
  Report finish();

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace weir::history
