#pragma once
// The state of a Checker: checker.cc takes events in, checker_judgement.cc judges at the end.
// Threading: one thread. Lifetime: one history.

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "tests/support/history/checker.h"
#include "tests/support/history/checker_tables.h"

namespace weir::history {

class Checker::State {
 public:
  explicit State(std::vector<std::string> files) : files_(std::move(files)) {}
  void add(const Event& event, Place place);
  Report finish();

 private:
  /// A claim that somebody else's epoch, or an order, put an end to.
  struct Displacement {
    std::uint32_t claim = kNoClaim;
    Epoch by;  ///< not set: not known
    Time seen = 0;
    Place place;
    std::string_view how;
  };
  /// Allowed when a loss lies between.
  struct Suspicion {
    Rule rule = Rule::kWentBack;
    Span span;
    std::uint32_t claim = kNoClaim;  ///< rule vanished
    std::string text;
  };
  struct HolderTable {
    Time first_asked = kNever;
    std::uint32_t claim = kNoClaim;  ///< newest
    bool ended = false;
  };

  void answered(const Event& event, Place place);
  void given(const Event& event, Place place);
  void denied(const Event& event, Place place);
  void told(const Event& event, Place place);
  void held(const Event& event, Place place);
  void ended(const Event& event, Place place);
  void generation(const Event& event, Place place);
  void note_epoch(const Event& event, Place place);
  void first_seen(std::uint32_t stream, const SeenEpoch& seen);
  void heard(std::unordered_map<std::uint64_t, Heard>& table, std::uint32_t who, const Event& event,
             Time from, Place place);
  void close(HolderTable& holder, Time time);

  std::optional<Time> earliest(const SeenEpoch& seen) const;
  void judge_order(const StreamTable& stream, const std::string& name);
  void judge(const Displacement& displacement);
  std::optional<Cause> cause_of(const Claim& claim, Time from, Time to) const;
  bool cut_off(const Claim& claim, Time from, Time to) const;
  bool lost(Time from, Time to) const;
  void judge_raises();

  HolderTable& holder(std::uint32_t number) {
    if (number >= holders_.size())
      holders_.resize(std::max<std::size_t>(number + 1, names_.size()));
    return holders_[number];
  }
  StreamTable& stream(std::uint32_t number) { return streams_[number]; }
  std::string where(Place place) const {
    const std::string name = place.file < files_.size() ? files_[place.file] : "?";
    return fmt::format("{}:{}", name, place.line);
  }
  std::string owner(std::uint32_t holder, std::uint32_t origin) const {
    return fmt::format("{} on {}", names_.text(holder), origin == 0 ? "?" : names_.text(origin));
  }
  void violated(Rule rule, std::string text) {
    ++report_.violations[static_cast<std::size_t>(rule)];
    if (report_.shown.size() < kViolationsShown)
      report_.shown.push_back({rule, fmt::format("{}: {}", to_string(rule), text)});
  }

  const std::vector<std::string> files_;
  Report report_;
  Names names_;
  std::unordered_map<std::uint32_t, StreamTable> streams_;
  std::vector<HolderTable> holders_;
  std::vector<Claim> claims_;
  std::vector<Displacement> displacements_;
  std::vector<Suspicion> suspicions_;
  std::unordered_map<std::uint64_t, Heard> attach_heard_;   ///< (observer, stream)
  std::unordered_map<std::uint64_t, Heard> replica_heard_;  ///< (replica, stream)
  struct HeardGeneration {
    std::uint64_t attach = 0;
    std::uint64_t value = 0;
    Place place;
  };
  std::unordered_map<std::uint32_t, HeardGeneration> generations_;
  std::vector<Peak> peaks_;  ///< of all streams, by generation only
  std::vector<std::pair<Time, Place>> generation_seen_;
  std::unordered_map<std::uint32_t, std::vector<Span>> cuts_;  ///< by forwarder
  std::unordered_map<std::uint32_t, Time> deaths_;             ///< by incarnation
  struct Fault {
    Span span;
    bool loses = false;
    std::uint32_t raises = 0;
  };
  std::vector<Fault> faults_;
};

}  // namespace weir::history
