#include <fmt/format.h>
#include <fmt/ranges.h>

#include "controlplane/cli/printers.h"
#include "controlplane/cli/table.h"
#include "controlplane/cli/text.h"

namespace weir::cli {
namespace {

std::string state_text(const api::Stream& stream) {
  return word(stream.placement().state()) + (stream.split() ? ",SPLIT" : "");
}

void add_placement(Facts& facts, const api::Placement& placement, WallTime now) {
  facts.add("origin", placement.origin());
  facts.add("incarnation", placement.incarnation());
  facts.add("state", word(placement.state()));
  facts.add("epoch", epoch_text(placement.epoch()));
  facts.add("holder", holder_text(placement.holder()));
  facts.add("bound", age_text(placement.has_bind_time(), placement.bind_time(), now));
  facts.add("changed", age_text(placement.has_update_time(), placement.update_time(), now));
  facts.add("verdict", placement.verdict());
}

std::string candidate_table(const api::DecisionRecord& record) {
  Table table({{"ORIGIN"},
               {"RESULT"},
               {"SCORE"},
               {"UTILIZATION"},
               {"BOTTLENECK"},
               {"PENDING"},
               {"DATA AGE"},
               {"INCARNATION"}},
              true);
  for (const api::Candidate& candidate : record.candidates()) {
    const bool passed = candidate.rejected_by().empty();
    const bool won = passed && candidate.origin() == record.winner();
    table.add({candidate.origin(),
               won      ? "chosen"
               : passed ? "eligible"
                        : candidate.rejected_by(),
               passed ? fmt::format("{:.3f}", candidate.score()) : "",
               passed ? share_text(candidate.predicted_utilization()) : "", candidate.bottleneck(),
               fmt::format("{}", candidate.pending_streams()),
               candidate.has_data_age() ? duration_text(candidate.data_age()) : "no report",
               candidate.incarnation()});
  }
  return table.str();
}

}  // namespace

std::string stream_table(const api::ListStreamsResponse& list, bool wide, WallTime now) {
  Table table({{"STREAM"},
               {"ORIGIN"},
               {"STATE"},
               {"EPOCH"},
               {"HOLDER"},
               {"PLAYERS"},
               {"BITRATE"},
               {"AGE"},
               {"INCARNATION", true},
               {"VERDICT", true},
               {"PINNED TO", true}},
              wide);
  for (const api::Stream& stream : list.streams()) {
    const api::Placement& placement = stream.placement();
    table.add({stream_text(stream.key()), placement.origin(), state_text(stream),
               epoch_text(placement.epoch()), holder_text(placement.holder()),
               fmt::format("{}", stream.player_count()),
               stream.has_load() ? rate_text(stream.load().ingress_bits_per_second()) : "",
               age_text(placement.has_bind_time(), placement.bind_time(), now),
               placement.incarnation(), placement.verdict(), stream.pinned_origin()});
  }
  return table.str();
}

std::string stream_facts(const api::Stream& stream, WallTime now) {
  Facts facts;
  facts.add("stream", stream_text(stream.key()));
  facts.add("key", stream.key());
  facts.add("pinned to", stream.pinned_origin());
  if (!stream.has_placement()) {
    facts.add("placed", "no");
    return facts.str();
  }
  add_placement(facts, stream.placement(), now);
  if (stream.split())
    facts.add("SPLIT, also live on", fmt::format("{}", fmt::join(stream.split_origins(), ",")));
  facts.add("publishers", fmt::format("{}", stream.publisher_count()));
  facts.add("players", fmt::format("{}", stream.player_count()));
  if (stream.has_load()) {
    const api::StreamLoad& load = stream.load();
    facts.add("origin ingress", rate_text(load.ingress_bits_per_second()) + "bit/s");
    facts.add("origin egress", rate_text(load.egress_bits_per_second()) + "bit/s");
    facts.add("players at origin", fmt::format("{}", load.players()));
    if (load.has_age()) facts.add("load age", duration_text(load.age()));
  }
  return facts.str();
}

std::string explanation(const api::ExplainPlacementResponse& answer, WallTime now) {
  std::string out;
  for (const api::DecisionRecord& record : answer.records()) {
    Facts facts;
    facts.add("stream", stream_text(record.stream()));
    facts.add("decided", fmt::format("{} ({} ago)", time_text(record.decide_time()),
                                     age_text(true, record.decide_time(), now)));
    facts.add("policy", record.policy());
    facts.add("winner", record.winner().empty() ? "none was eligible" : record.winner());
    const std::string epoch = epoch_text(record.epoch());
    facts.add("epoch", epoch.empty() ? "none (nothing was bound)" : epoch);
    if (record.has_reservation())
      facts.add("reservation", fmt::format("{} stream(s), {}bit/s", record.reservation().streams(),
                                           rate_text(record.reservation().bits_per_second())));
    facts.add("verdict", record.verdict());
    out += facts.str() + candidate_table(record) + '\n';
  }
  if (!answer.has_placement()) return out + "placed now: no\n";
  Facts facts;
  add_placement(facts, answer.placement(), now);
  return out + "placed now:\n" + facts.str();
}

}  // namespace weir::cli
