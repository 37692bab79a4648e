#include "controlplane/core/static_origins.h"

#include <utility>

#include "controlplane/core/limits.h"
#include "controlplane/core/origin_rules.h"

namespace weir::core {
namespace {

constexpr std::size_t kLifeTokenLength = 16;

/// Names a life of a process that nobody watches from near: it has no pid to tell.
std::string next_life(Random& random) {
  return "static:" + random.token(kLifeTokenLength);
}

CoreError store_error(store::StoreError error) {
  if (error == store::StoreError::kUnavailable) {
    return {Reason::kStoreUnavailable, "the store does not answer", "", {}, kRetryBusy};
  }
  return {Reason::kSettling,
          "the store's history was lost: it is being restored",
          "",
          {},
          kRetrySettling};
}

}  // namespace

StaticOrigins::StaticOrigins(Context& context, ClusterView& view, Generation& generation,
                             Liveness& liveness, KeptState kept)
    : context_(context),
      view_(view),
      generation_(generation),
      liveness_(liveness),
      saved_(std::move(kept)) {
  for (const Kept& origin : saved_.static_origins) origins_.emplace(origin.description.id, origin);
  view_.on_origin([this](const ClusterView::OriginChange& change) { on_origin(change); });
}

void StaticOrigins::register_origin(model::OriginDescription description, bool validate_only,
                                    Respond<store::OriginRecord> respond) {
  const auto invalid = [](std::string why, std::string field) {
    return CoreError{Reason::kInvalidField, std::move(why), std::move(field), {}, std::nullopt};
  };
  description.agent = {};
  if (auto why = description_error(description); !why.empty()) {
    return respond(invalid(std::move(why), "origin_id, endpoints"));
  }
  if (!context_.options.listener_is_loopback) {
    if (auto why = loopback_error(description); !why.empty()) {
      return respond(invalid(std::move(why), "endpoints"));
    }
  }
  const OriginId id = description.id;
  if (view_.origin(id) != nullptr || origins_.contains(id)) {
    return respond(CoreError{Reason::kOriginIdInUse,
                             fmt::format("an origin with the id {} exists", id.str()),
                             "origins/" + id.str(),
                             {},
                             std::nullopt});
  }
  Kept origin{std::move(description), next_life(context_.random), {}};
  if (validate_only) {
    store::OriginRecord record;
    record.description = origin.description;
    return respond(std::move(record));
  }
  upsert(origin, std::move(respond));
}

void StaticOrigins::upsert(const Kept& origin, Respond<store::OriginRecord> respond) {
  ++in_flight_;
  context_.store.upsert_origin(
      {origin.description, origin.process, origin.incarnation}, view_.caller(),
      [this, kept = Kept(origin),
       respond = std::move(respond)](store::Reply<store::OriginUpserted> reply) mutable {
        --in_flight_;
        if (const auto* error = std::get_if<store::StoreError>(&reply)) {
          generation_.note(*error);
          return respond(store_error(*error));
        }
        const store::OriginRecord record = std::get<store::OriginUpserted>(reply).record;
        // Taken in the same moment by an agent's: the id is his, this one got another.
        const OriginId id = record.description.id;
        kept.description.id = id;
        kept.incarnation = record.incarnation;
        origins_.insert_or_assign(id, kept);
        view_.learn(record);
        liveness_.tell([&](membership::Membership& rules) {
          return rules.origin_registered({id, record.incarnation, AgentId{}, false},
                                         context_.clock.now());
        });
        save();
        respond(record);
      });
}

void StaticOrigins::admit(const OriginId& origin) {
  const auto found = origins_.find(origin);
  if (found == origins_.end()) return;
  Kept next = found->second;
  next.process = next_life(context_.random);
  upsert(next, [](const Answer<store::OriginRecord>&) {});
}

void StaticOrigins::restore_all() {
  if (!generation_.joined_at()) return;
  for (const auto& [id, origin] : origins_) {
    if (view_.origin(id) == nullptr) upsert(origin, [](const Answer<store::OriginRecord>&) {});
  }
  save();
}

void StaticOrigins::on_origin(const ClusterView::OriginChange& change) {
  // Registered through any replica: all of them keep it for the next loss.
  if (change.after && change.after->description.agent.empty()) {
    const store::OriginRecord& record = *change.after;
    origins_.insert_or_assign(change.origin,
                              Kept{record.description, record.process, record.incarnation});
  }
  // An operator registered it, so it is never forgotten, however long it has been dead.
  const auto known = origins_.find(change.origin);
  if (!change.after && known != origins_.end()) {
    return upsert(known->second, [](const Answer<store::OriginRecord>&) {});
  }
  // Registered through another replica: kept here, too, so that any of them can bring it back.
  if (change.after && change.after->description.agent.empty()) {
    const store::OriginRecord& now = *change.after;
    origins_.insert_or_assign(change.origin, Kept{now.description, now.process, now.incarnation});
  }
}

void StaticOrigins::save() {
  KeptState state;
  state.generation = generation_.highest();
  for (const auto& [id, origin] : origins_) state.static_origins.push_back(origin);
  if (state == saved_ && last_save_worked_) return;
  last_save_worked_ = context_.keeper.save(state);
  saved_ = std::move(state);
}

}  // namespace weir::core
