#include <fmt/format.h>
#include <fmt/ranges.h>

#include "controlplane/cli/printers.h"
#include "controlplane/cli/table.h"
#include "controlplane/cli/text.h"

namespace weir::cli {

std::string cluster_facts(const api::ClusterStatus& status) {
  Facts facts;
  facts.add("replica", status.replica());
  facts.add("version", status.version());
  facts.add("uptime", duration_text(status.uptime()));
  facts.add("store", status.store());
  facts.add("generation", fmt::format("{}", status.generation()));
  facts.add("settling", status.settling() ? "yes: new placements wait for restored ones" : "no");
  facts.add("verdicts",
            status.verdicts_frozen() ? "frozen: too many origins would die at once" : "normal");
  facts.add("origins",
            fmt::format("{} alive, {} suspect, {} dead, {} cordoned, {} draining",
                        status.origins_alive(), status.origins_suspect(), status.origins_dead(),
                        status.origins_cordoned(), status.origins_draining()));
  facts.add("streams",
            fmt::format("{} publishing, {} bound, {} orphaned", status.streams_publishing(),
                        status.streams_bound(), status.streams_orphaned()));
  facts.add("direct", fmt::format("{} streams published on origins themselves; {} SPLIT",
                                  status.streams_direct(), status.streams_split()));
  facts.add("attached", fmt::format("{} forwarders, {} agents", status.forwarders_attached(),
                                    status.agents_attached()));
  for (const api::ReplicaStatus& replica : status.replicas()) {
    std::string text = fmt::format("{}  version {}, up {}, {} forwarders, {} agents", replica.id(),
                                   replica.version(), duration_text(replica.uptime()),
                                   replica.forwarders_attached(), replica.agents_attached());
    if (replica.answers()) {
      text += ", answers";
    } else {
      text += fmt::format(", heard {} ago", duration_text(replica.age()));
    }
    if (replica.stale()) text += ", STALE";
    facts.add("replicas", text);
  }
  facts.add("sessions",
            fmt::format("{} publishers, {} players", status.publishers(), status.players()));
  facts.add("orders", fmt::format("{} pins; {}", status.pins(),
                                  status.records_known() ? "all orders and secrets are known"
                                                         : "some may have been lost"));
  for (const std::string& warning : status.warnings()) facts.add("warning", warning);
  return facts.str();
}

std::string event_line(const api::Event& event, bool wide) {
  std::string line =
      fmt::format("{}  {:7}  {:24}  {}  {}", time_text(event.time()), word(event.severity()),
                  event.type(), event.subject(), event.message());
  if (wide) {
    for (const auto& [key, value] : event.attributes()) line += fmt::format("  {}={}", key, value);
  }
  // Messages may quote what strangers sent.
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return line + '\n';
}

}  // namespace weir::cli
