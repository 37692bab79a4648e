#include "controlplane/service/convert_orders.h"

#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "controlplane/service/limits.h"

namespace weir::service {
namespace {

constexpr std::string_view kStreamPrefix = "streams/";

Error field_error(std::string message) {
  return make_error(boost::system::errc::invalid_argument, std::move(message), Side::kClient);
}

std::optional<Revision> parse_etag(std::string_view etag) {
  Revision revision;
  const char* end = etag.data() + etag.size();
  const auto generation = std::from_chars(etag.data(), end, revision.generation);
  if (generation.ec != std::errc{} || generation.ptr == end || *generation.ptr != '.') {
    return std::nullopt;
  }
  const auto number = std::from_chars(generation.ptr + 1, end, revision.number);
  if (number.ec != std::errc{} || number.ptr != end) return std::nullopt;
  return revision;
}

pb::SecondPublisherRule write(core::SecondPublisher rule) {
  switch (rule) {
    case core::SecondPublisher::kTakeoverIfIdle:
      return pb::SECOND_PUBLISHER_RULE_TAKEOVER_IF_IDLE;
    case core::SecondPublisher::kReject:
      return pb::SECOND_PUBLISHER_RULE_REJECT;
    case core::SecondPublisher::kTakeover:
      return pb::SECOND_PUBLISHER_RULE_TAKEOVER;
  }
  WEIR_UNREACHABLE("second publisher");
}

pb::AdoptRule write(core::Adopt rule) {
  switch (rule) {
    case core::Adopt::kSrs:
      return pb::ADOPT_RULE_SRS;
    case core::Adopt::kAll:
      return pb::ADOPT_RULE_ALL;
    case core::Adopt::kNone:
      return pb::ADOPT_RULE_NONE;
  }
  WEIR_UNREACHABLE("adopt");
}

pb::Role write(core::Role role) {
  switch (role) {
    case core::Role::kForwarder:
      return pb::ROLE_FORWARDER;
    case core::Role::kAgent:
      return pb::ROLE_AGENT;
    case core::Role::kViewer:
      return pb::ROLE_VIEWER;
    case core::Role::kOperator:
      return pb::ROLE_OPERATOR;
    case core::Role::kScheduler:
      return pb::ROLE_SCHEDULER;
  }
  WEIR_UNREACHABLE("role");
}

void write(const core::PolicyRules& rules, pb::PolicyRules* out) {
  if (rules.second_publisher) out->set_second_publisher(write(*rules.second_publisher));
  if (rules.adopt) out->set_adopt(write(*rules.adopt));
  if (rules.default_stream_bits_per_second) {
    out->set_default_stream_bits_per_second(*rules.default_stream_bits_per_second);
  }
  if (rules.default_origin_streams) {
    out->set_default_origin_streams(*rules.default_origin_streams);
  }
}

bool has_unknown_fields(const google::protobuf::Message& message) {
  return !message.GetReflection()->GetUnknownFields(message).empty();
}

}  // namespace

Result<core::OrderTerms> read_terms(const std::string& etag, bool validate_only,
                                    const std::string& request_id) {
  if (auto why = first_too_long({{"etag", etag}, {"request_id", request_id}})) return *why;
  core::OrderTerms terms{std::nullopt, validate_only, request_id};
  if (!etag.empty()) {
    terms.expected = parse_etag(etag);
    if (!terms.expected) return field_error("etag: not one that was given out");
  }
  return terms;
}

Result<std::string> read_name(const std::string& name, std::string_view prefix) {
  if (!name.starts_with(prefix) || name.size() == prefix.size() ||
      name.size() > prefix.size() + kNameBytesMax) {
    return field_error(fmt::format("name: must be {}{{id}}", prefix));
  }
  return name.substr(prefix.size());
}

Result<StreamKey> read_stream_name(const std::string& name) {
  if (!name.starts_with(kStreamPrefix)) {
    return field_error("name: must be streams/{vhost}/{app}/{stream}");
  }
  auto stream = parse_stream_key(std::string_view(name).substr(kStreamPrefix.size()));
  if (!stream) return field_error("name: " + stream.error().message);
  return stream;
}

void write(const store::Record& pin, pb::Pin* out) {
  out->set_name(fmt::format("streams/{}/pin", pin.name));
  out->set_stream(pin.name);
  out->set_origin(pin.value.value_or(""));
  out->set_etag(etag_of(pin.revision));
  if (pin.update_time != WallTime{}) write(pin.update_time, out->mutable_update_time());
}

void write(const store::Record& token, pb::Token* out) {
  out->set_name("tokens/" + token.name);
  if (const auto facts = core::decode_token_facts(token.value.value_or(""))) {
    out->set_role(write(facts->role));
    out->set_note(facts->note);
  }
  out->set_etag(etag_of(token.revision));
  write(token.update_time, out->mutable_create_time());
}

void write(const store::Record& key, pb::SigningKey* out) {
  out->set_name("signingKeys/" + key.name);
  out->set_etag(etag_of(key.revision));
  write(key.update_time, out->mutable_create_time());
}

Result<core::Role> read(pb::Role role) {
  switch (role) {
    case pb::ROLE_FORWARDER:
      return core::Role::kForwarder;
    case pb::ROLE_AGENT:
      return core::Role::kAgent;
    case pb::ROLE_VIEWER:
      return core::Role::kViewer;
    case pb::ROLE_OPERATOR:
      return core::Role::kOperator;
    case pb::ROLE_SCHEDULER:
      return core::Role::kScheduler;
    default:
      return field_error("role: must be forwarder, agent, viewer, operator or scheduler");
  }
}

Result<core::PolicyRules> read(const pb::Policy& policy) {
  // Elsewhere readers are tolerant. A rule that is skipped in silence would be an order that nobody
  // carries out.
  if (has_unknown_fields(policy) || has_unknown_fields(policy.rules())) {
    return field_error("policy: says something that this version does not know");
  }
  core::PolicyRules rules;
  switch (policy.rules().second_publisher()) {
    case pb::SECOND_PUBLISHER_RULE_UNSPECIFIED:
      break;
    case pb::SECOND_PUBLISHER_RULE_TAKEOVER_IF_IDLE:
      rules.second_publisher = core::SecondPublisher::kTakeoverIfIdle;
      break;
    case pb::SECOND_PUBLISHER_RULE_REJECT:
      rules.second_publisher = core::SecondPublisher::kReject;
      break;
    case pb::SECOND_PUBLISHER_RULE_TAKEOVER:
      rules.second_publisher = core::SecondPublisher::kTakeover;
      break;
    default:
      return field_error("policy.rules.second_publisher: a value that this version does not know");
  }
  switch (policy.rules().adopt()) {
    case pb::ADOPT_RULE_UNSPECIFIED:
      break;
    case pb::ADOPT_RULE_SRS:
      rules.adopt = core::Adopt::kSrs;
      break;
    case pb::ADOPT_RULE_ALL:
      rules.adopt = core::Adopt::kAll;
      break;
    case pb::ADOPT_RULE_NONE:
      rules.adopt = core::Adopt::kNone;
      break;
    default:
      return field_error("policy.rules.adopt: a value that this version does not know");
  }
  if (policy.rules().has_default_stream_bits_per_second()) {
    rules.default_stream_bits_per_second = policy.rules().default_stream_bits_per_second();
  }
  if (policy.rules().has_default_origin_streams()) {
    rules.default_origin_streams = policy.rules().default_origin_streams();
  }
  return rules;
}

void write(const core::Orders& orders, const std::string& name, const store::Record* record,
           pb::Policy* out) {
  out->set_name("policies/" + name);
  core::PolicyRules rules;
  if (record != nullptr) {
    rules = core::decode_policy(record->value.value_or(""));
    out->set_etag(etag_of(record->revision));
    if (record->update_time != WallTime{}) write(record->update_time, out->mutable_update_time());
  }
  write(rules, out->mutable_rules());
  const core::Policy effective = orders.policy().with(rules);
  write(
      core::PolicyRules{effective.second_publisher, effective.adopt,
                        effective.default_stream_bits_per_second, effective.default_origin_streams},
      out->mutable_effective());
  out->set_records_known(orders.records_known());
}

}  // namespace weir::service
