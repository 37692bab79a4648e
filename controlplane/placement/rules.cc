#include "controlplane/placement/rules.h"

#include <algorithm>

#include "controlplane/placement/limits.h"
#include "controlplane/placement/rendezvous.h"

namespace weir::placement {
namespace {

/// The newest load, unless it is too old to be believed.
const model::Load* fresh_load(const OriginView& view, MonotonicTime now) {
  if (!view.load || now - view.load_time > kLoadExpiry) return nullptr;
  return &*view.load;
}

/// Streams there now. Store and report each see streams that the other does not: placements whose
/// media has not arrived, publishers that came past the forwarders.
std::uint64_t streams_now(const OriginView& view, const model::Load* load) {
  const std::uint64_t placed = std::uint64_t{view.placed_streams} + view.pending.in_flight;
  const std::uint64_t seen =
      load == nullptr ? 0 : std::uint64_t{load->streams} + view.pending.unreported;
  return std::max(placed, seen);
}

double egress_now(const model::Load* load) {
  return load == nullptr ? 0 : load->egress_bits_per_second;
}

std::uint32_t stream_capacity(const model::Capacity& capacity, std::uint32_t otherwise) {
  if (capacity.streams != 0) return capacity.streams;
  if (capacity.connections != 0) return capacity.connections;
  return otherwise;
}

// Configured and reported limits. Where a limit is only reached because of reservations that
// reports or the store may yet refute, the origin is busy rather than full.

FilterResult filter_streams(const OriginView& view, const model::Load* load) {
  const model::Capacity& capacity = view.description->capacity;
  const std::uint64_t streams = streams_now(view, load);
  if (capacity.streams != 0 && streams + 1 > capacity.streams) {
    return {Rejection::kStreamCapReached, streams - view.pending.in_flight < capacity.streams};
  }
  return {};
}

/// `pending`: what reservations add to it.
FilterResult filter_egress(double egress, double pending, double capacity) {
  if (capacity != 0 && egress + pending > capacity) {
    return {Rejection::kEgressCapReached, egress <= capacity};
  }
  return {};
}

FilterResult filter_load(const OriginView& view, const model::Load* load) {
  const model::Capacity& capacity = view.description->capacity;
  if (load == nullptr) return {};
  // A utilisation moves from report to report; whoever is turned away may fit a second later.
  if (load->cpu_utilization >= kCpuCap) return {Rejection::kCpuCapReached, true};
  const std::uint64_t arriving = std::uint64_t{view.pending.unreported} + 1;
  if (load->open_files_max != 0) {
    const std::uint64_t reserve = std::min(kDescriptorReserve, load->open_files_max / 10);
    const std::uint64_t wanted = load->open_files + reserve;
    if (wanted + arriving > load->open_files_max) {
      return {Rejection::kDescriptorsExhausted, wanted + 1 <= load->open_files_max};
    }
  }
  if (capacity.connections != 0 && load->connections + arriving > capacity.connections) {
    return {Rejection::kConnectionsExhausted, load->connections + 1 <= capacity.connections};
  }
  return {};
}

/// State, orders and endpoints.
FilterResult filter_standing(const OriginView& view) {
  if (view.state != model::OriginState::kAlive) return {Rejection::kNotAlive, true};
  if (view.cordoned) return {Rejection::kCordoned, false};
  if (view.draining) return {Rejection::kDraining, false};
  if (view.protocol_bits == 0) return {Rejection::kNoEndpoint, false};
  return {};
}

bool contains(const std::vector<IncarnationId>& list, const IncarnationId& incarnation) {
  return std::find(list.begin(), list.end(), incarnation) != list.end();
}

/// An operator wants the stream on another origin.
bool is_pinned_elsewhere(const Question& question, std::uint64_t id_hash, const OriginView& view) {
  const OriginId& pin = question.request.pin;
  return !pin.empty() && (question.pin_hash != id_hash || view.description->id != pin);
}

/// This publisher has failed there, or its forwarder cannot reach it.
FilterResult filter_banned(const Question& question, std::uint32_t hash, const OriginView& view) {
  const auto first = std::lower_bound(
      question.banned.begin(), question.banned.end(), hash,
      [](const auto& banned, std::uint32_t wanted) { return banned.first < wanted; });
  if (first == question.banned.end() || first->first != hash) return {};
  if (contains(question.request.failed, view.incarnation)) return {Rejection::kJustFailed, true};
  if (contains(question.request.penalized, view.incarnation)) {
    return {Rejection::kPairPenalized, true};
  }
  return {};
}

/// What one more stream adds to the CPU: learnt once enough streams are reported, else the share
/// that the assumed stream capacity implies.
double cpu_per_stream(const model::Load& load, std::uint32_t capacity) {
  if (load.streams >= kStreamsForCpuCost) return load.cpu_utilization / load.streams;
  return 1.0 / capacity;
}

/// CPU as it counts in the score. An idle server's few percent (timers, probes, statistics) are
/// noise; counted in full they would outweigh tens of streams at the default capacity.
double weighed_cpu(double utilization) {
  return std::max(0.0, (utilization - kCpuIdleShare) / (1 - kCpuIdleShare));
}

/// Streams and CPU: what does not change with the request, nor with time.
Score lasting_score(const OriginView& view, const model::Load* load, MonotonicTime now,
                    std::uint32_t default_origin_streams) {
  const std::uint32_t bearable =
      stream_capacity(view.description->capacity, default_origin_streams);
  const std::uint64_t streams =
      std::max<std::uint64_t>(streams_now(view, load), ranked_streams(view, now));
  Score result;
  result.predicted_utilization = static_cast<double>(streams + 1) / bearable;
  result.score = result.predicted_utilization;
  if (load != nullptr && load->cpu_utilization >= 0) {
    const double utilization =
        load->cpu_utilization + (view.pending.unreported + 1) * cpu_per_stream(*load, bearable);
    const double weighed = weighed_cpu(utilization);
    if (weighed > result.score) result = {weighed, utilization, Resource::kCpu};
  }
  // Where the weight is double, it bears twice as much at the same score.
  result.score /= view.weight;
  return result;
}

double zone_cost(std::uint32_t wanted, std::uint32_t zone) {
  return wanted != 0 && zone != 0 && wanted != zone ? kZoneCost : 0;
}

std::uint32_t zone_hash(std::string_view zone) {
  return zone.empty() ? 0 : short_hash(zone);
}

}  // namespace

std::uint32_t short_hash(std::string_view text) {
  const std::uint64_t hash = fmix64(rendezvous_hash(text));
  const auto half = static_cast<std::uint32_t>(hash);
  return half == 0 ? 1 : half;
}

Question::Question(const Request& asked, const Settings& settings, MonotonicTime time)
    : request(asked),
      now(time),
      protocol_bit(1U << static_cast<unsigned>(asked.protocol)),
      bits_per_second(static_cast<double>(asked.declared_bits_per_second != 0
                                              ? asked.declared_bits_per_second
                                              : settings.default_stream_bits_per_second)),
      default_origin_streams(std::max(settings.default_origin_streams, 1U)),
      zone_hash(placement::zone_hash(asked.zone)),
      pin_hash(asked.pin.empty() ? 0 : rendezvous_hash(asked.pin.str())) {
  for (const auto& incarnation : asked.failed) {
    banned.emplace_back(short_hash(incarnation.str()), Rejection::kJustFailed);
  }
  for (const auto& incarnation : asked.penalized) {
    banned.emplace_back(short_hash(incarnation.str()), Rejection::kPairPenalized);
  }
  std::sort(banned.begin(), banned.end());
}

FilterResult filter(const Question& question, const OriginView& view) {
  const auto rejects = [](const FilterResult& result) {
    return result.rejection != Rejection::kNone;
  };
  if (is_pinned_elsewhere(question, view.id_hash, view)) {
    return {Rejection::kPinnedElsewhere, false};
  }
  if (const auto result = filter_standing(view); rejects(result)) return result;
  if ((view.protocol_bits & question.protocol_bit) == 0) {
    return {Rejection::kProtocolUnsupported, false};
  }
  if (!question.banned.empty()) {
    const auto result = filter_banned(question, short_hash(view.incarnation.str()), view);
    if (rejects(result)) return result;
  }
  const model::Load* load = fresh_load(view, question.now);
  if (const auto result = filter_streams(view, load); rejects(result)) return result;
  const auto egress = filter_egress(
      egress_now(load) + question.bits_per_second, view.pending.bits_per_second(question.now),
      static_cast<double>(view.description->capacity.egress_bits_per_second));
  if (rejects(egress)) return egress;
  return filter_load(view, load);
}

Score score(const Question& question, const OriginView& view) {
  const model::Load* load = fresh_load(view, question.now);
  Score result = lasting_score(view, load, question.now, question.default_origin_streams);
  const model::Capacity& capacity = view.description->capacity;
  if (capacity.egress_bits_per_second != 0) {
    const double egress =
        egress_now(load) + question.bits_per_second + view.pending.bits_per_second(question.now);
    const double utilization = egress / static_cast<double>(capacity.egress_bits_per_second);
    const double weighed = utilization / view.weight;
    if (weighed > result.score) result = {weighed, utilization, Resource::kEgress};
  }
  result.score += view.error_rate * kErrorPenalty;
  result.score += zone_cost(question.zone_hash, zone_hash(view.description->zone));
  return result;
}

Standing make_standing(const Settings& settings, const OriginView& view, MonotonicTime now) {
  const model::Load* load = fresh_load(view, now);
  Standing standing;
  standing.good_before = MonotonicTime::max();
  if (load != nullptr) standing.good_before = view.load_time + kLoadExpiry + Duration(1);
  standing.in_slow_start = in_slow_start(view, now);
  if (standing.in_slow_start) {
    standing.good_before = std::min(standing.good_before, view.slow_start_until);
  }
  standing.id_hash = view.id_hash;
  standing.score =
      lasting_score(view, load, now, std::max(settings.default_origin_streams, 1U)).score;
  standing.egress = egress_now(load);
  standing.pending_bits = view.pending.bits_total;
  standing.pending_moment = view.pending.bits_moment;
  standing.egress_capacity = static_cast<double>(view.description->capacity.egress_bits_per_second);
  standing.penalty = view.error_rate * kErrorPenalty;
  standing.streams = weighed_streams(view, now);
  standing.weight = view.weight;
  standing.zone_hash = zone_hash(view.description->zone);
  standing.incarnation = short_hash(view.incarnation.str());
  standing.protocol_bits = static_cast<std::uint8_t>(view.protocol_bits);
  FilterResult rejected = filter_standing(view);
  if (rejected.rejection == Rejection::kNone) rejected = filter_streams(view, load);
  if (rejected.rejection == Rejection::kNone) rejected = filter_load(view, load);
  standing.rejection = static_cast<std::uint8_t>(rejected.rejection);
  standing.momentary = rejected.momentary;
  return standing;
}

Judgement judge(const Question& question, const Standing& standing, const OriginView& view) {
  if (is_pinned_elsewhere(question, standing.id_hash, view)) {
    return {{Rejection::kPinnedElsewhere, false}, 0};
  }
  const auto lasting = static_cast<Rejection>(standing.rejection);
  const auto rejected = [&] { return Judgement{{lasting, standing.momentary}, 0}; };
  if (lasting != Rejection::kNone && lasting < Rejection::kProtocolUnsupported) return rejected();
  if ((standing.protocol_bits & question.protocol_bit) == 0) {
    return {{Rejection::kProtocolUnsupported, false}, 0};
  }
  if (!question.banned.empty()) {
    const auto banned = filter_banned(question, standing.incarnation, view);
    if (banned.rejection != Rejection::kNone) return {banned, 0};
  }
  // The order of the filters: streams, egress, what was reported.
  if (lasting == Rejection::kStreamCapReached) return rejected();
  double score = standing.score;
  if (standing.egress_capacity != 0) {
    const double egress = standing.egress + question.bits_per_second;
    const double pending =
        Pending{.bits_total = standing.pending_bits, .bits_moment = standing.pending_moment}
            .bits_per_second(question.now);
    const auto capped = filter_egress(egress, pending, standing.egress_capacity);
    if (capped.rejection != Rejection::kNone) return {capped, 0};
    score = std::max(score, (egress + pending) / standing.egress_capacity / standing.weight);
  }
  if (lasting != Rejection::kNone) return rejected();
  score += standing.penalty;
  score += zone_cost(question.zone_hash, standing.zone_hash);
  return {{}, score};
}

std::uint32_t weighed_streams(const OriginView& view, MonotonicTime now) {
  constexpr double kParts = 100;  // of a stream
  const double streams = ranked_streams(view, now) * kParts / view.weight;
  return static_cast<std::uint32_t>(std::min(streams, 4e9));
}

std::uint32_t ranked_streams(const OriginView& view, MonotonicTime now) {
  return view.placed_streams + view.pending.in_flight +
         (in_slow_start(view, now) ? view.slow_start_placed : 0);
}

}  // namespace weir::placement
