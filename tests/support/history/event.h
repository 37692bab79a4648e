#pragma once
// Event: one line of a history: what a process asked, was told, holds, or did to others.
//
// Purpose: every process that takes part writes its own file of JSON lines (recorder.h); the files
// are merged by time (reader.h) and judged (checker.h). A line is one flat object; what is empty or
// 0 is left out. Times are microseconds of CLOCK_MONOTONIC, so the processes of a history run on
// one machine; the line `begin` of each file also says what calendar time that was.
// Threading: values. Lifetime: an Event only views the texts it names.
//
// | key | field | of |
// |---|---|---|
// | e | kind, below | all |
// | t | time; of a question: of its answer | all |
// | a | since: when it was asked, last heard, or began | acquire lookup release detach idle fault |
// | w | calendar time of `t`, microseconds | begin fault |
// | q | who: the holder that asks, the forwarder or agent that hears, the process that was hit | |
// | n | which attach stream of it; pid | told attach generation begin |
// | r | replica | acquire lookup release told attach generation |
// | s h o i ep rv | stream, holder (`forwarder/session` or `direct`), origin, incarnation, epoch,
// revision, as the answer names them | | | x | outcome: OK or a reason; kind of push; why it ended;
// which fault | | | g | generation | generation | | loses raises | acknowledged writes may be gone;
// how often the generation may rise | fault |

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/ids.h"

namespace weir::history {

enum class Kind {
  kBegin,
  kAcquire,     ///< asked to publish; answered
  kLookup,      ///< asked where a stream lives; answered
  kRelease,     ///< said that a holder ended; answered
  kTold,        ///< heard unasked: x = route, unplaced, epoch (agents), close, granted, refused
  kHold,        ///< an origin accepted the session
  kEnd,         ///< the session is over, and holds nothing any more
  kIdle,        ///< the session sends nothing from `a` on: it may be taken over
  kAttach,      ///< a replica welcomed a forwarder or an agent
  kDetach,      ///< left, or lost; last heard at `a`
  kGeneration,  ///< of the store, as heard on an attach stream
  kLife,        ///< x = up, dead: an incarnation of an origin begins or is gone
  kFault,       ///< injected, from `a` to `t`
};
inline constexpr int kKinds = 13;

/// How sessions end, as far as it matters to the checker.
namespace why {
inline constexpr std::string_view kTakenOver = "taken_over";
inline constexpr std::string_view kFenced = "fenced";  ///< a newer epoch names another
inline constexpr std::string_view kClaimRefused = "claim_refused";
inline constexpr std::string_view kDropped = "dropped";  ///< by the agent, for its old tag
}  // namespace why

inline constexpr std::string_view kOk = "OK";

struct Event {
  Kind kind = Kind::kBegin;
  std::int64_t time = 0;
  std::int64_t since = 0;
  std::int64_t wall = 0;
  std::string_view who{};
  std::uint64_t number = 0;
  std::string_view replica{};
  std::string_view stream{};
  std::string_view holder{};
  std::string_view origin{};
  std::string_view incarnation{};
  Epoch epoch{};
  Revision revision{};
  std::string_view outcome{};
  std::uint64_t generation = 0;
  bool loses = false;
  std::uint32_t raises = 0;
};

std::string_view to_string(Kind kind);

/// Appends the line, with its end.
void encode(const Event& event, std::string& out);

/// Reads a line without its end. `scratch` keeps what had to be unescaped. Nothing: not an event.
std::optional<Event> decode(std::string_view line, std::string& scratch);

}  // namespace weir::history
