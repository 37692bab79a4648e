// The verbs on placements: their requests as words, their scripts' answers as values.

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "common/base/contract.h"
#include "controlplane/store/limits.h"
#include "controlplane/store/redis/redis_state_store.h"
#include "controlplane/store/redis/script_limits.h"
#include "controlplane/store/redis/values.h"

namespace weir::store::redis {
namespace {

using model::Placement;

std::string stream_word(const StreamKey& stream) {
  return to_word(stream.str());
}

/// What is known of the epoch counts like any other that the caller has heard of.
Caller knowing(Caller caller, const Epoch& epoch) {
  if (epoch.generation < kGenerationHeardMax) {
    caller.highest_epoch = std::max(caller.highest_epoch, epoch);
  }
  return caller;
}

/// An empty text is no placement.
std::optional<Placement> read_placement(Fields& fields, const std::string& stream) {
  const std::string packed = fields.text();
  if (packed.empty()) return std::nullopt;
  auto placement = parse_placement(stream, packed);
  if (!placement) fields.fail();
  return placement;
}

auto read_changed(const StreamKey& stream) {
  return [stream = stream_word(stream)](Fields& fields) {
    Changed changed;
    changed.changed = fields.flag();
    changed.placement = read_placement(fields, stream);
    return changed;
  };
}

AcquireOutcome read_outcome(Fields& fields) {
  const std::string word = fields.text();
  if (word == "BOUND") return AcquireOutcome::kBound;
  if (word == "SAME") return AcquireOutcome::kSame;
  if (word == "HELD") return AcquireOutcome::kHeld;
  if (word == "NONE") return AcquireOutcome::kNoCandidate;
  if (word != "STALE") fields.fail();
  return AcquireOutcome::kStaleEvidence;
}

std::string_view evidence_word(Takeover::Evidence evidence) {
  switch (evidence) {
    case Takeover::Evidence::kPolicy:
      return "policy";
    case Takeover::Evidence::kIdle:
      return "idle";
    case Takeover::Evidence::kUnknown:
      return "unknown";
    case Takeover::Evidence::kRenewalGone:
      return "renewal_gone";
  }
  WEIR_UNREACHABLE("evidence of a takeover");
}

std::string epoch_words(const Epoch& epoch) {
  return number_word(epoch.generation) + ' ' + number_word(epoch.counter);
}

std::string takeover_words(const Takeover& takeover) {
  // A time before the store's is as stale as its beginning.
  const auto held_at = std::max<std::int64_t>(microseconds(takeover.held_at.time_since_epoch()), 0);
  return fmt::format("{} {} {}", evidence_word(takeover.evidence), epoch_words(takeover.expected),
                     number_word(static_cast<std::uint64_t>(held_at)));
}

void push_epoch(const Epoch& epoch, std::vector<std::string>& args) {
  args.push_back(number_word(epoch.generation));
  args.push_back(number_word(epoch.counter));
}

void push_candidates(const std::vector<Candidate>& candidates, std::vector<std::string>& args) {
  const std::size_t count = std::min(candidates.size(), kCandidatesMax);
  for (std::size_t i = 0; i < count; ++i) {
    args.push_back(to_word(candidates[i].origin.str()));
    args.push_back(to_word(candidates[i].incarnation.str()));
  }
}

}  // namespace

void RedisStateStore::lookup(const StreamKey& stream, Caller caller,
                             Done<std::optional<Placement>> done) {
  scripts_.verb(
      store_scripts().lookup, shard_of(stream), caller, {stream_word(stream)}, std::move(done),
      [stream = stream_word(stream)](Fields& fields) { return read_placement(fields, stream); });
}

void RedisStateStore::acquire(AcquireRequest request, Caller caller, Done<AcquireResult> done) {
  std::vector<std::string> args = {stream_word(request.stream), holder_word(request.holder),
                                   forwarder_word(request.holder)};
  args.reserve(6 + 2 * request.candidates.size());
  const Takeover takeover = request.takeover.value_or(Takeover{});
  const Failed failed = request.failed.value_or(Failed{});
  args.push_back(request.takeover ? takeover_words(takeover) : std::string());
  args.push_back(request.failed ? fmt::format("{} {}", to_word(failed.incarnation.str()),
                                              epoch_words(failed.epoch))
                                : std::string());
  args.push_back(bounded_verdict(std::move(request.verdict)));
  push_candidates(request.candidates, args);
  caller = knowing(knowing(caller, takeover.expected), failed.epoch);
  scripts_.verb(store_scripts().acquire, shard_of(request.stream), caller, std::move(args),
                std::move(done), [stream = stream_word(request.stream)](Fields& fields) {
                  AcquireResult result{};
                  result.outcome = read_outcome(fields);
                  result.store_time = MonotonicTime(std::chrono::microseconds(fields.number()));
                  result.placement = read_placement(fields, stream);
                  result.displaced = read_placement(fields, stream);
                  result.new_origin = fields.flag();
                  return result;
                });
}

void RedisStateStore::held_verb(const StoreScript& script, const HolderRef& held, Caller caller,
                                std::vector<std::string> more, Done<Changed> done) {
  std::vector<std::string> args = {stream_word(held.stream), holder_word(held.holder)};
  push_epoch(held.epoch, args);
  std::ranges::move(more, std::back_inserter(args));
  scripts_.verb(script, shard_of(held.stream), knowing(caller, held.epoch), std::move(args),
                std::move(done), read_changed(held.stream));
}

void RedisStateStore::confirm(HolderRef held, Caller caller, Done<Changed> done) {
  held_verb(store_scripts().confirm, held, caller, {}, std::move(done));
}

void RedisStateStore::release(HolderRef held, Caller caller, Done<Changed> done) {
  held_verb(store_scripts().release, held, caller, {}, std::move(done));
}

void RedisStateStore::orphan(OrphanRequest request, Caller caller, Done<Changed> done) {
  const bool unknown = request.evidence == OrphanRequest::Evidence::kUnknown;
  held_verb(store_scripts().orphan, request.held, caller,
            {unknown ? "unknown" : "renewal_gone",
             request.snapshot_age ? std::to_string(microseconds(*request.snapshot_age)) : ""},
            std::move(done));
}

void RedisStateStore::repoint(HolderRef held, IncarnationId to, Caller caller, Done<Changed> done) {
  held_verb(store_scripts().repoint, held, caller, {to_word(to.str())}, std::move(done));
}

void RedisStateStore::restore(RestoreRequest request, Caller caller, Done<Changed> done) {
  const Placement& held = request.held;
  held_verb(store_scripts().restore, {held.stream, held.holder, held.epoch}, caller,
            {to_word(held.origin.str()), to_word(held.incarnation.str()),
             std::string(1, state_letter(held.state)), held.media_accepted ? "1" : "0",
             time_word(held.bind_time), bounded_verdict(held.verdict)},
            std::move(done));
}

void RedisStateStore::claim(ClaimRequest request, Caller caller, Done<Changed> done) {
  held_verb(store_scripts().claim, request.held, caller,
            {to_word(request.origin.str()), to_word(request.incarnation.str())}, std::move(done));
}

void RedisStateStore::adopt(AdoptRequest request, Caller caller, Done<Changed> done) {
  scripts_.verb(store_scripts().adopt, shard_of(request.stream), caller,
                {stream_word(request.stream), to_word(request.origin.str()),
                 to_word(request.incarnation.str()), kAdoptedVerdict},
                std::move(done), read_changed(request.stream));
}

void RedisStateStore::move(MoveRequest request, Caller caller, Done<Changed> done) {
  std::vector<std::string> args = {stream_word(request.stream),
                                   holder_word(model::ExternalHolder{request.mover})};
  push_epoch(request.expected, args);
  args.push_back(bounded_verdict(std::move(request.verdict)));
  push_candidates(request.candidates, args);
  scripts_.verb(store_scripts().move, shard_of(request.stream), knowing(caller, request.expected),
                std::move(args), std::move(done), read_changed(request.stream));
}

}  // namespace weir::store::redis
