#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "controlplane/cli/printers.h"
#include "controlplane/cli/table.h"
#include "controlplane/cli/text.h"

namespace weir::cli {
namespace {

std::string listeners_text(const api::Forwarder& forwarder) {
  std::vector<std::string> texts;
  for (const api::Endpoint& endpoint : forwarder.listeners())
    texts.push_back(fmt::format("{}={}", word(endpoint.protocol()), endpoint.address()));
  return fmt::format("{}", fmt::join(texts, ","));
}

std::string seen_text(const api::Forwarder& forwarder) {
  return forwarder.has_last_seen_age() ? duration_text(forwarder.last_seen_age()) : std::string();
}

}  // namespace

std::string forwarder_table(const api::ListForwardersResponse& list, bool wide, WallTime now) {
  Table table({{"ID"},
               {"ATTACHED"},
               {"ZONE"},
               {"LISTENERS"},
               {"PUBLISHERS"},
               {"PLAYERS"},
               {"SEEN"},
               {"AGE"},
               {"REPLICA", true},
               {"INSTANCE", true},
               {"VERSION", true},
               {"UNIDENTIFIED", true}},
              wide);
  for (const api::Forwarder& forwarder : list.forwarders()) {
    table.add({forwarder.id(), forwarder.attached() ? "yes" : "no", forwarder.zone(),
               listeners_text(forwarder), fmt::format("{}", forwarder.publishers()),
               fmt::format("{}", forwarder.players()), seen_text(forwarder),
               age_text(forwarder.has_create_time(), forwarder.create_time(), now),
               forwarder.replica(), forwarder.instance(), forwarder.version(),
               fmt::format("{}", forwarder.unidentified())});
  }
  return table.str();
}

std::string forwarder_facts(const api::Forwarder& forwarder, WallTime now) {
  Facts facts;
  facts.add("id", forwarder.id());
  facts.add("attached", forwarder.attached() ? "yes" : "no");
  facts.add("replica", forwarder.replica());
  facts.add("last seen", seen_text(forwarder));
  facts.add("age", age_text(forwarder.has_create_time(), forwarder.create_time(), now));
  facts.add("instance", forwarder.instance());
  facts.add("version", forwarder.version());
  facts.add("zone", forwarder.zone());
  facts.add("listeners", listeners_text(forwarder));
  facts.add("publishers", fmt::format("{}", forwarder.publishers()));
  facts.add("players", fmt::format("{}", forwarder.players()));
  facts.add("unidentified", fmt::format("{}", forwarder.unidentified()));
  return facts.str();
}

std::string session_table(const api::ListSessionsResponse& list, bool wide, WallTime now) {
  Table table({{"ID"},
               {"FORWARDER"},
               {"STREAM"},
               {"INTENT"},
               {"STATE"},
               {"ORIGIN"},
               {"CLIENT"},
               {"AGE"},
               {"IDLE"},
               {"EPOCH", true},
               {"INCARNATION", true},
               {"PROTOCOL", true},
               {"MEDIA BYTES", true},
               {"AGENT", true}},
              wide);
  for (const api::Session& session : list.sessions()) {
    table.add({session.id(), session.forwarder(), stream_text(session.stream()),
               word(session.intent()), word(session.state()), session.origin(),
               session.client_address(),
               age_text(session.has_create_time(), session.create_time(), now),
               session.has_media_idle() ? duration_text(session.media_idle()) : "",
               epoch_text(session.epoch()), session.incarnation(), word(session.protocol()),
               fmt::format("{}", session.media_bytes()), session.client_agent()});
  }
  return table.str();
}

}  // namespace weir::cli
