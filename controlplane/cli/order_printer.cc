#include <fmt/format.h>

#include "controlplane/cli/policy_file.h"
#include "controlplane/cli/printers.h"
#include "controlplane/cli/table.h"
#include "controlplane/cli/text.h"

namespace weir::cli {

std::string pin_facts(const api::PinStreamResponse& answer, WallTime now) {
  const api::Pin& pin = answer.pin();
  Facts facts;
  facts.add("stream", stream_text(pin.stream()));
  facts.add("pinned to", pin.origin());
  facts.add("changed", answer.changed() ? "now" : "no: it was so already");
  facts.add("since", age_text(pin.has_update_time(), pin.update_time(), now));
  return facts.str();
}

std::string policy_facts(const api::Policy& policy, WallTime now) {
  api::Policy in_force;
  *in_force.mutable_rules() = policy.effective();
  const auto said = to_entry(policy);
  const auto effective = to_entry(in_force);
  Facts facts;
  facts.add("policy", policy.name());
  facts.add("stored", policy.has_update_time() ? age_text(true, policy.update_time(), now) + " ago"
                                               : std::string("no: everything is as configured"));
  const auto rule = [&](const char* name, const auto& value, bool is_said) {
    facts.add(name, fmt::format("{} ({})", value, is_said ? "by this policy" : "as configured"));
  };
  rule("second_publisher", effective.second_publisher(), said.has_second_publisher());
  rule("adopt", effective.adopt(), said.has_adopt());
  rule("default_stream_bits_per_second", effective.default_stream_bits_per_second(),
       said.has_default_stream_bits_per_second());
  rule("default_origin_streams", effective.default_origin_streams(),
       said.has_default_origin_streams());
  facts.add("etag", policy.etag());
  if (!policy.records_known()) {
    facts.add("warning", "the store lost orders: another policy may be about to be restored");
  }
  return facts.str();
}

std::string token_facts(const api::CreateTokenResponse& answer) {
  Facts facts;
  facts.add("id", answer.token().name().substr(answer.token().name().find('/') + 1));
  facts.add("role", word(answer.token().role()));
  facts.add("note", answer.token().note());
  facts.add("token", answer.bearer());
  facts.add("keep it", "it is not shown again");
  return facts.str();
}

std::string token_table(const api::ListTokensResponse& list, WallTime now) {
  Table table({{"ID"}, {"ROLE"}, {"AGE"}, {"NOTE"}}, false);
  for (const api::Token& token : list.tokens()) {
    table.add({token.name().substr(token.name().find('/') + 1), word(token.role()),
               age_text(token.has_create_time(), token.create_time(), now), token.note()});
  }
  return table.str();
}

}  // namespace weir::cli
