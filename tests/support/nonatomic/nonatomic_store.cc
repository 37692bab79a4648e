#include "tests/support/nonatomic/nonatomic_store.h"

#include <optional>
#include <utility>
#include <variant>

namespace weir::store {
namespace {

/// What is read before it writes: the stream, and what else a decision wants to know.
constexpr int kReads = 3;

bool is_free(const std::optional<model::Placement>& placement, const model::Holder& holder) {
  return !placement || placement->holder == holder ||
         placement->state == model::PlacementState::kOrphaned;
}

}  // namespace

void NonatomicStore::acquire(AcquireRequest request, Caller caller, Done<AcquireResult> done) {
  look(std::make_shared<Call>(Call{std::move(request), caller, std::move(done)}), kReads);
}

void NonatomicStore::look(const std::shared_ptr<Call>& call, int times) {
  inner().lookup(call->request.stream, call->caller,
                 [this, call, times](Reply<std::optional<model::Placement>> reply) {
                   if (const auto* error = std::get_if<StoreError>(&reply))
                     return call->done(*error);
                   const auto& placement = std::get<std::optional<model::Placement>>(reply);
                   // The first reading decides.
                   if (times == kReads && !is_free(placement, call->request.holder))
                     return inner().acquire(call->request, call->caller, std::move(call->done));
                   times > 1 ? look(call, times - 1) : bind(call);
                 });
}

void NonatomicStore::bind(const std::shared_ptr<Call>& call) {
  inner().acquire(call->request, call->caller, [this, call](Reply<AcquireResult> reply) {
    const auto* result = std::get_if<AcquireResult>(&reply);
    if (result == nullptr || result->outcome != AcquireOutcome::kHeld || !result->placement)
      return call->done(std::move(reply));
    // Somebody came in between: written over.
    const model::Placement& other = *result->placement;
    inner().release({other.stream, other.holder, other.epoch}, call->caller,
                    [this, call](const Reply<Changed>&) {
                      inner().acquire(call->request, call->caller, std::move(call->done));
                    });
  });
}

}  // namespace weir::store
