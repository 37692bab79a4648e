#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "controlplane/cli/printers.h"
#include "controlplane/cli/table.h"
#include "controlplane/cli/text.h"

namespace weir::cli {
namespace {

std::string endpoint_of(const api::Origin& origin, api::Protocol protocol) {
  for (const api::Endpoint& endpoint : origin.endpoints()) {
    if (endpoint.protocol() == protocol) return endpoint.address();
  }
  return {};
}

std::string endpoint_text(const api::Endpoint& endpoint) {
  if (endpoint.client_address() == api::CLIENT_ADDRESS_MODE_UNSPECIFIED) return endpoint.address();
  return fmt::format("{}, told the client address ({})", endpoint.address(),
                     word(endpoint.client_address()));
}

std::string state_text(const api::Origin& origin) {
  return word(origin.state()) + (origin.cordoned() ? ",cordoned" : "") +
         (origin.orders().draining() ? ",draining" : "");
}

/// Sorted: the order of a protobuf map changes from run to run.
std::string labels_text(const api::Origin& origin) {
  std::vector<std::string> pairs;
  for (const auto& [key, value] : origin.labels()) pairs.push_back(key + "=" + value);
  std::ranges::sort(pairs);
  return fmt::format("{}", fmt::join(pairs, ","));
}

/// A load figure, or nothing where there is no load yet.
template <class Value>
std::string loaded(const api::Origin& origin, const Value& value) {
  return origin.has_load() ? fmt::format("{}", value) : std::string();
}

/// "250/1000"; without the second where no limit is known.
std::string connections_text(const api::Origin& origin) {
  if (!origin.has_load()) return {};
  const std::string used = fmt::format("{}", origin.load().connections());
  const auto most = origin.capacity().connections();
  return most > 0 ? fmt::format("{}/{}", used, most) : used;
}

/// A server of a version without weights does not say one.
std::string weight_text(const api::Origin& origin) {
  return origin.has_orders() ? fmt::format("{}", origin.orders().weight()) : std::string();
}

/// Greatest first; what is not loaded, or does not know it, comes last.
double weight(const api::Origin& origin, TopBy by) {
  // Counted by the store, not by an agent.
  if (by == TopBy::kStreams) return origin.placed_streams();
  if (!origin.has_load()) return -2;
  const api::OriginLoad& load = origin.load();
  switch (by) {
    case TopBy::kCpu:
      return load.cpu_utilization();
    case TopBy::kEgress:
      return load.egress_bits_per_second();
    case TopBy::kStreams:
      break;
    case TopBy::kPlayers:
      return load.players();
    case TopBy::kConnections:
      return load.connections();
  }
  return -1;
}

}  // namespace

api::ListOriginsResponse top_origins(const api::ListOriginsResponse& list, TopBy by,
                                     std::size_t limit) {
  std::vector<const api::Origin*> origins;
  for (const api::Origin& origin : list.origins()) origins.push_back(&origin);
  // By name among equals: the list is in that order.
  std::ranges::sort(origins, [by](const api::Origin* a, const api::Origin* b) {
    const double left = weight(*a, by);
    const double right = weight(*b, by);
    return left != right ? left > right : a->id() < b->id();
  });
  if (origins.size() > limit) origins.resize(limit);
  api::ListOriginsResponse top;
  for (const api::Origin* origin : origins) *top.add_origins() = *origin;
  return top;
}

std::string origin_top(const api::ListOriginsResponse& top) {
  Table table({{"ID"},
               {"STATE"},
               {"CPU"},
               {"MEM"},
               {"CONNECTIONS"},
               {"STREAMS"},
               {"PLAYERS"},
               {"INGRESS"},
               {"EGRESS"},
               {"LOAD AGE"}},
              true);
  for (const api::Origin& origin : top.origins()) {
    const api::OriginLoad& load = origin.load();
    table.add({origin.id(), state_text(origin), loaded(origin, share_text(load.cpu_utilization())),
               loaded(origin, share_text(load.mem_utilization())), connections_text(origin),
               fmt::format("{}", origin.placed_streams()), loaded(origin, load.players()),
               loaded(origin, rate_text(load.ingress_bits_per_second())),
               loaded(origin, rate_text(load.egress_bits_per_second())),
               origin.has_load_age() ? duration_text(origin.load_age()) : ""});
  }
  return table.str();
}

std::string origin_table(const api::ListOriginsResponse& list, bool wide, WallTime now) {
  Table table({{"ID"},
               {"STATE"},
               {"KIND"},
               {"RTMP"},
               {"ZONE"},
               {"STREAMS"},
               {"CPU"},
               {"EGRESS"},
               {"AGE"},
               {"INCARNATION", true},
               {"AGENT", true},
               {"PLAYERS", true},
               {"INGRESS", true},
               {"LOAD AGE", true},
               {"LABELS", true},
               {"CONNECTIONS", true},
               {"VERSION", true},
               {"WEIGHT", true}},
              wide);
  for (const api::Origin& origin : list.origins()) {
    const api::OriginLoad& load = origin.load();
    table.add({origin.id(), state_text(origin), word(origin.kind()),
               endpoint_of(origin, api::PROTOCOL_RTMP), origin.zone(),
               fmt::format("{}", origin.placed_streams()),
               loaded(origin, share_text(load.cpu_utilization())),
               loaded(origin, rate_text(load.egress_bits_per_second())),
               age_text(origin.has_create_time(), origin.create_time(), now), origin.incarnation(),
               origin.agent(), loaded(origin, load.players()),
               loaded(origin, rate_text(load.ingress_bits_per_second())),
               origin.has_load_age() ? duration_text(origin.load_age()) : "", labels_text(origin),
               connections_text(origin), origin.software_version(), weight_text(origin)});
  }
  return table.str();
}

std::string origin_facts(const api::Origin& origin, WallTime now) {
  Facts facts;
  facts.add("id", origin.id());
  facts.add("state", state_text(origin));
  facts.add("state reason", origin.state_reason());
  facts.add("cordon reason", origin.cordon_reason());
  facts.add("drain reason", origin.orders().drain_reason());
  if (origin.orders().has_drain_deadline())
    facts.add("drain deadline", time_text(origin.orders().drain_deadline()));
  facts.add("weight", weight_text(origin));
  facts.add("incarnation", origin.incarnation());
  facts.add("kind", word(origin.kind()));
  if (!origin.software_version().empty()) facts.add("version", origin.software_version());
  for (const api::Endpoint& endpoint : origin.endpoints())
    facts.add(word(endpoint.protocol()), endpoint_text(endpoint));
  facts.add("zone", origin.zone());
  facts.add("labels", labels_text(origin));
  facts.add("agent", origin.agent().empty() ? "none (static)" : origin.agent());
  facts.add("age", age_text(origin.has_create_time(), origin.create_time(), now));
  facts.add("placed streams", fmt::format("{}", origin.placed_streams()));
  const api::OriginCapacity& capacity = origin.capacity();
  if (capacity.streams() > 0) facts.add("capacity, streams", fmt::format("{}", capacity.streams()));
  if (capacity.egress_bits_per_second() > 0)
    facts.add("capacity, egress",
              rate_text(static_cast<double>(capacity.egress_bits_per_second())) + "bit/s");
  if (capacity.connections() > 0)
    facts.add("capacity, connections", fmt::format("{}", capacity.connections()));
  if (capacity.cores() > 0) facts.add("capacity, cores", fmt::format("{}", capacity.cores()));
  if (origin.has_load()) {
    const api::OriginLoad& load = origin.load();
    facts.add("load, streams", fmt::format("{}", load.streams()));
    facts.add("load, players", fmt::format("{}", load.players()));
    facts.add("load, connections", fmt::format("{}", load.connections()));
    facts.add("load, ingress", rate_text(load.ingress_bits_per_second()) + "bit/s");
    facts.add("load, egress", rate_text(load.egress_bits_per_second()) + "bit/s");
    facts.add("load, cpu", share_text(load.cpu_utilization()));
    facts.add("load, memory", share_text(load.mem_utilization()));
    if (load.has_probe_time()) facts.add("load, probe", duration_text(load.probe_time()));
  }
  if (origin.has_load_age()) facts.add("load age", duration_text(origin.load_age()));
  facts.add("cannot be dialled by",
            fmt::format("{}", fmt::join(origin.penalized_forwarders(), ",")));
  return facts.str();
}

}  // namespace weir::cli
