#include "controlplane/placement/rules.h"

#include <algorithm>

#include "controlplane/placement/limits.h"

namespace weir::placement {
namespace {

/// The newest load, unless it is too old to be believed.
const model::Load* fresh_load(const Question& question, const OriginView& view) {
  if (!view.load || question.now - view.load_time > kLoadExpiry) return nullptr;
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

std::uint32_t stream_capacity(const Question& question, const model::Capacity& capacity) {
  if (capacity.streams != 0) return capacity.streams;
  if (capacity.connections != 0) return capacity.connections;
  return question.default_origin_streams;
}

/// Configured and reported limits. Where a limit is only reached because of reservations that
/// reports or the store may yet refute, the origin is busy rather than full.
FilterResult filter_caps(const Question& question, const OriginView& view) {
  const model::Capacity& capacity = view.description->capacity;
  const model::Load* load = fresh_load(question, view);
  const std::uint64_t streams = streams_now(view, load);
  if (capacity.streams != 0 && streams + 1 > capacity.streams) {
    return {Rejection::kStreamCapReached, streams - view.pending.in_flight < capacity.streams};
  }
  if (capacity.egress_bits_per_second != 0) {
    const auto limit = static_cast<double>(capacity.egress_bits_per_second);
    const double egress = egress_now(load) + question.bits_per_second;
    if (egress + view.pending.bits_per_second(question.now) > limit) {
      return {Rejection::kEgressCapReached, egress <= limit};
    }
  }
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

bool contains(const std::vector<IncarnationId>& list, const IncarnationId& incarnation) {
  return std::find(list.begin(), list.end(), incarnation) != list.end();
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

}  // namespace

Question::Question(const Request& asked, const Settings& settings, MonotonicTime time)
    : request(asked),
      now(time),
      protocol_bit(1U << static_cast<unsigned>(asked.protocol)),
      bits_per_second(static_cast<double>(asked.declared_bits_per_second != 0
                                              ? asked.declared_bits_per_second
                                              : settings.default_stream_bits_per_second)),
      default_origin_streams(std::max(settings.default_origin_streams, 1U)) {
  penalized.reserve(asked.penalized.size());
  for (const auto& incarnation : asked.penalized) penalized.emplace_back(incarnation.str());
  std::sort(penalized.begin(), penalized.end());
}

FilterResult filter(const Question& question, const OriginView& view) {
  if (view.state != model::OriginState::kAlive) return {Rejection::kNotAlive, true};
  if (view.cordoned) return {Rejection::kCordoned, false};
  if (view.protocol_bits == 0) return {Rejection::kNoEndpoint, false};
  if ((view.protocol_bits & question.protocol_bit) == 0) {
    return {Rejection::kProtocolUnsupported, false};
  }
  if (contains(question.request.failed, view.incarnation)) return {Rejection::kJustFailed, true};
  if (!question.penalized.empty() &&
      std::binary_search(question.penalized.begin(), question.penalized.end(),
                         std::string_view(view.incarnation.str()))) {
    return {Rejection::kPairPenalized, true};
  }
  return filter_caps(question, view);
}

Score score(const Question& question, const OriginView& view) {
  const model::Capacity& capacity = view.description->capacity;
  const model::Load* load = fresh_load(question, view);
  const std::uint32_t bearable = stream_capacity(question, capacity);
  const std::uint64_t streams =
      std::max<std::uint64_t>(streams_now(view, load), ranked_streams(view, question.now));

  Score result;
  result.predicted_utilization = static_cast<double>(streams + 1) / bearable;
  result.score = result.predicted_utilization;
  const auto consider = [&](Resource resource, double utilization, double weighed) {
    if (weighed <= result.score) return;
    result = {weighed, utilization, resource};
  };
  if (capacity.egress_bits_per_second != 0) {
    const double egress =
        egress_now(load) + view.pending.bits_per_second(question.now) + question.bits_per_second;
    const double utilization = egress / static_cast<double>(capacity.egress_bits_per_second);
    consider(Resource::kEgress, utilization, utilization);
  }
  if (load != nullptr && load->cpu_utilization >= 0) {
    const double utilization =
        load->cpu_utilization + (view.pending.unreported + 1) * cpu_per_stream(*load, bearable);
    consider(Resource::kCpu, utilization, weighed_cpu(utilization));
  }

  result.score += view.error_rate * kErrorPenalty;
  const std::string& zone = view.description->zone;
  if (!question.request.zone.empty() && !zone.empty() && zone != question.request.zone) {
    result.score += kZoneCost;
  }
  return result;
}

std::uint32_t ranked_streams(const OriginView& view, MonotonicTime now) {
  return view.placed_streams + view.pending.in_flight +
         (in_slow_start(view, now) ? view.slow_start_placed : 0);
}

}  // namespace weir::placement
