#include "controlplane/core/orders.h"

#include <utility>

#include <fmt/format.h>

#include "controlplane/core/limits.h"
#include "controlplane/core/sha256.h"

namespace weir::core {
namespace {

using store::RecordKind;

CoreError orders_wait() {
  return {Reason::kSettling,
          "orders wait until those of before have been restored",
          "",
          {},
          kRetrySettling};
}

CoreError order_not_stored(store::StoreError error) {
  if (error == store::StoreError::kUnavailable) {
    return {Reason::kStoreUnavailable, "the store does not answer", "", {}, kRetryBusy};
  }
  return orders_wait();
}

CoreError wrong_field(std::string field, std::string why) {
  return {Reason::kInvalidField, field + ": " + why, std::move(field), {}, std::nullopt};
}

Revision present_revision(const std::optional<store::Record>& record) {
  return record && record->value ? record->revision : Revision{};
}

std::optional<CoreError> text_too_long(const char* field, const std::string& text) {
  if (text.size() <= kTextBytesMax) return std::nullopt;
  return wrong_field(field, fmt::format("at most {} bytes", kTextBytesMax));
}

std::string resource_of_origin(const OriginId& origin) {
  return "origins/" + origin.str();
}

}  // namespace

Orders::Orders(Context& context, ClusterView& view, Generation& generation, RecordKeeper& keeper,
               PolicyInForce& policy)
    : context_(context), view_(view), generation_(generation), keeper_(keeper), policy_(policy) {}

// ------------------------------------------------------------------------------ marks on origins

void Orders::cordon(const OriginId& origin, std::optional<std::string> reason, OrderTerms terms,
                    Respond<OrderDone> respond) {
  if (auto error = unknown_origin(origin, RecordKind::kCordon)) return respond(std::move(*error));
  if (reason) {
    if (auto error = text_too_long("reason", *reason)) return respond(std::move(*error));
  }
  give({{RecordKind::kCordon, origin.str(), std::move(reason), {}},
        resource_of_origin(origin),
        false},
       std::move(terms), std::move(respond));
}

void Orders::drain(const OriginId& origin, std::optional<Duration> time_allowed, std::string reason,
                   OrderTerms terms, Respond<OrderDone> respond) {
  if (auto error = unknown_origin(origin, RecordKind::kDrain)) return respond(std::move(*error));
  if (auto error = text_too_long("reason", reason)) return respond(std::move(*error));
  std::string identity = "drain\n" + reason;
  DrainMark mark{std::nullopt, std::move(reason)};
  if (time_allowed) {
    if (*time_allowed > kDrainTimeMax)
      return respond(wrong_field("time_allowed", "at most 30 days"));
    mark.deadline =
        context_.clock.wall_now() + std::chrono::duration_cast<WallTime::duration>(*time_allowed);
    identity += fmt::format("\n{}", time_allowed->count());
  }
  give({{RecordKind::kDrain, origin.str(), encode(mark), {}},
        resource_of_origin(origin),
        false,
        std::move(identity)},
       std::move(terms), std::move(respond));
}

void Orders::undrain(const OriginId& origin, OrderTerms terms, Respond<OrderDone> respond) {
  if (auto error = unknown_origin(origin, RecordKind::kDrain)) return respond(std::move(*error));
  give({{RecordKind::kDrain, origin.str(), std::nullopt, {}}, resource_of_origin(origin), false},
       std::move(terms), std::move(respond));
}

void Orders::set_weight(const OriginId& origin, double weight, OrderTerms terms,
                        Respond<OrderDone> respond) {
  if (auto error = unknown_origin(origin, RecordKind::kWeight)) return respond(std::move(*error));
  if (!(weight >= kWeightMin && weight <= kWeightMax)) {
    return respond(wrong_field("weight", fmt::format("from {} to {}", kWeightMin, kWeightMax)));
  }
  std::optional<std::string> value;
  if (weight != 1) value = encode_weight(weight);
  give({{RecordKind::kWeight, origin.str(), std::move(value), {}},
        resource_of_origin(origin),
        false},
       std::move(terms), std::move(respond));
}

/// An order about an origin that has gone can still be taken back.
std::optional<CoreError> Orders::unknown_origin(const OriginId& origin, RecordKind kind) const {
  if (view_.origin(origin) != nullptr || find(kind, origin.str()) != nullptr) return std::nullopt;
  return CoreError{Reason::kOriginNotFound,
                   fmt::format("origin {} is not known", origin.str()),
                   resource_of_origin(origin),
                   {},
                   std::nullopt};
}

// --------------------------------------------------------------------------- streams and policies

void Orders::pin(const StreamKey& stream, const OriginId& origin, OrderTerms terms,
                 Respond<OrderDone> respond) {
  if (view_.origin(origin) == nullptr) {
    return respond(CoreError{Reason::kOriginNotFound,
                             fmt::format("origin {} is not known", origin.str()),
                             resource_of_origin(origin),
                             {},
                             std::nullopt});
  }
  give({{RecordKind::kPin, stream.str(), origin.str(), {}}, "streams/" + stream.str(), false},
       std::move(terms), std::move(respond));
}

void Orders::unpin(const StreamKey& stream, OrderTerms terms, Respond<OrderDone> respond) {
  give({{RecordKind::kPin, stream.str(), std::nullopt, {}}, "streams/" + stream.str(), true},
       std::move(terms), std::move(respond));
}

void Orders::put_policy(const std::string& name, const PolicyRules& rules, OrderTerms terms,
                        Respond<OrderDone> respond) {
  if (name != kPolicyName) {
    return respond(wrong_field("policy.name", fmt::format("the only policy of this version is "
                                                          "policies/{}",
                                                          kPolicyName)));
  }
  if (const auto bits = rules.default_stream_bits_per_second;
      bits && (*bits < kStreamBitsMin || *bits > kStreamBitsMax)) {
    return respond(wrong_field("policy.default_stream_bits_per_second",
                               fmt::format("from {} to {}", kStreamBitsMin, kStreamBitsMax)));
  }
  if (const auto streams = rules.default_origin_streams;
      streams && (*streams < 1 || *streams > kOriginStreamsMax)) {
    return respond(wrong_field("policy.default_origin_streams",
                               fmt::format("from 1 to {}", kOriginStreamsMax)));
  }
  give({{RecordKind::kPolicy, name, encode(rules), {}}, "policies/" + name, false},
       std::move(terms), std::move(respond));
}

Answer<const store::Record*> Orders::policy_record(const std::string& name) const {
  const store::Record* record = find(RecordKind::kPolicy, name);
  if (record == nullptr && name != kPolicyName) {
    return CoreError{Reason::kRecordNotFound,
                     fmt::format("there is no policy {}", name),
                     "policies/" + name,
                     {},
                     std::nullopt};
  }
  return record;
}

void Orders::delete_policy(const std::string& name, OrderTerms terms, Respond<OrderDone> respond) {
  give({{RecordKind::kPolicy, name, std::nullopt, {}}, "policies/" + name, true}, std::move(terms),
       std::move(respond));
}

// ----------------------------------------------------------------------------------------- secrets

void Orders::create_token(Role role, std::string note, OrderTerms terms,
                          Respond<SecretMade> respond) {
  if (auto error = text_too_long("note", note)) return respond(std::move(*error));
  if (auto error = not_now()) return respond(std::move(*error));
  std::string window_id;
  if (!terms.request_id.empty()) {
    window_id = fmt::format("{}\ntoken\n{}\n{}", terms.request_id, to_word(role), note);
  }
  auto first = secrets_window_.enter(window_id, std::move(respond), context_.clock.now());
  if (!first) return;
  std::string secret = context_.random.token(kTokenDigits);
  Order order{{RecordKind::kToken, context_.random.token(kSecretIdDigits),
               encode(TokenFacts{role, sha256_hex(secret), std::move(note)}), Revision{}},
              "tokens",
              false};
  make_secret(std::move(order), std::move(secret), terms, window_id, std::move(*first));
}

void Orders::create_signing_key(OrderTerms terms, Respond<SecretMade> respond) {
  if (auto error = not_now()) return respond(std::move(*error));
  std::string window_id;
  if (!terms.request_id.empty()) window_id = terms.request_id + "\nsigning key";
  auto first = secrets_window_.enter(window_id, std::move(respond), context_.clock.now());
  if (!first) return;
  Order order{{RecordKind::kSigningKey, context_.random.token(kSecretIdDigits),
               context_.random.token(kTokenDigits), Revision{}},
              "signingKeys",
              false};
  make_secret(std::move(order), {}, terms, window_id, std::move(*first));
}

void Orders::make_secret(Order order, std::string secret, const OrderTerms& terms,
                         const std::string& window_id, Respond<SecretMade> respond) {
  if (terms.validate_only) {
    Answer<SecretMade> nothing = SecretMade{};
    secrets_window_.finish(window_id, nothing);
    return respond(std::move(nothing));
  }
  const std::string id = order.write.name;
  OrderTerms once;
  once.expected = Revision{};
  give(std::move(order), std::move(once),
       [this, id, secret = std::move(secret), window_id,
        respond = std::move(respond)](Answer<OrderDone> done) mutable {
         Answer<SecretMade> made = SecretMade{};
         if (auto* error = std::get_if<CoreError>(&done)) {
           made = std::move(*error);
         } else {
           made = SecretMade{id, std::move(secret), *std::get<OrderDone>(std::move(done)).record};
         }
         secrets_window_.finish(window_id, made);
         respond(std::move(made));
       });
}

void Orders::revoke_token(const std::string& id, OrderTerms terms, Respond<OrderDone> respond) {
  give({{RecordKind::kToken, id, std::nullopt, {}}, "tokens/" + id, true}, std::move(terms),
       std::move(respond));
}

void Orders::delete_signing_key(const std::string& id, OrderTerms terms,
                                Respond<OrderDone> respond) {
  give({{RecordKind::kSigningKey, id, std::nullopt, {}}, "signingKeys/" + id, true},
       std::move(terms), std::move(respond));
}

// ------------------------------------------------------------------------------------ every order

std::optional<CoreError> Orders::not_now() const {
  if (generation_.ready() && !keeper_.restoring()) return std::nullopt;
  return orders_wait();
}

void Orders::give(Order order, OrderTerms terms, Respond<OrderDone> respond) {
  if (auto error = not_now()) return respond(std::move(*error));
  order.write.expected = terms.expected;
  if (terms.validate_only) return respond(foresee(order));
  std::string window_id;
  if (!terms.request_id.empty()) {
    window_id = fmt::format(
        "{}\n{}\n{}\n{}", terms.request_id, static_cast<int>(order.write.kind), order.write.name,
        order.identity.empty() ? order.write.value.value_or("") : order.identity);
  }
  auto first = window_.enter(window_id, std::move(respond), context_.clock.now());
  if (!first) return;
  store::RecordWrite write = order.write;
  context_.store.put_record(
      std::move(write), view_.caller(),
      [this, order = std::move(order), window_id,
       respond = std::move(*first)](store::Reply<store::RecordWritten> reply) mutable {
        Answer<OrderDone> answer = OrderDone{};
        if (const auto* error = std::get_if<store::StoreError>(&reply)) {
          generation_.note(*error);
          answer = order_not_stored(*error);
        } else {
          auto written = std::get<store::RecordWritten>(std::move(reply));
          if (written.record) view_.learn(*written.record);
          answer = judge(order, std::move(written));
        }
        window_.finish(window_id, answer);
        respond(std::move(answer));
      });
}

/// What the store's answer means.
Answer<OrderDone> Orders::judge(const Order& order, store::RecordWritten written) const {
  if (written.changed) return OrderDone{true, std::move(written.record)};
  if (written.full) {
    return CoreError{Reason::kLimitReached,
                     fmt::format("{} orders and secrets are the most", store::kRecordsMax),
                     order.resource,
                     {},
                     std::nullopt};
  }
  const Revision now = present_revision(written.record);
  if (order.write.expected && *order.write.expected != now) {
    return CoreError{Reason::kStaleEtag,
                     fmt::format("{} was changed meanwhile: read it again", order.resource),
                     order.resource,
                     {{"etag", format_as(now)}},
                     std::nullopt};
  }
  if (order.must_exist && now == Revision{}) {
    return CoreError{Reason::kRecordNotFound,
                     fmt::format("there is no such order or secret: {}", order.resource),
                     order.resource,
                     {},
                     std::nullopt};
  }
  return OrderDone{false, std::move(written.record)};
}

/// What would come of it, as far as this replica sees.
Answer<OrderDone> Orders::foresee(const Order& order) const {
  store::RecordWritten written;
  if (const auto* known = find(order.write.kind, order.write.name)) written.record = *known;
  const std::optional<std::string> present =
      written.record ? written.record->value : std::optional<std::string>();
  const bool stale =
      order.write.expected && *order.write.expected != present_revision(written.record);
  if (!stale && order.write.value && present != order.write.value) {
    written.changed = true;
    if (!written.record) written.record.emplace();
    written.record->kind = order.write.kind;
    written.record->name = order.write.name;
    written.record->value = order.write.value;
  } else if (!stale && !order.write.value && present) {
    return OrderDone{true, std::nullopt};
  }
  return judge(order, std::move(written));
}

const store::Record* Orders::find(RecordKind kind, std::string_view name) const {
  return std::as_const(view_).records().find(kind, name);
}

RecordPage Orders::page(RecordKind kind, const std::string& after, std::size_t limit) const {
  RecordPage page;
  const auto& all = std::as_const(view_).records().all(kind);
  for (auto at = all.upper_bound(after); at != all.end(); ++at) {
    if (!at->second.value) continue;
    if (page.records.size() == limit) {
      page.next = page.records.back().name;
      break;
    }
    page.records.push_back(at->second);
  }
  return page;
}

void Orders::tick() {
  window_.expire(context_.clock.now());
  secrets_window_.expire(context_.clock.now());
}

}  // namespace weir::core
