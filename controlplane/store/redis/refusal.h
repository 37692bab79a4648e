#pragma once
// Error replies of Redis: which kind of refusal they are, and what a person should do about it.
// Threading: pure. Lifetime: values.

#include <string>
#include <string_view>

#include "controlplane/store/redis/reply.h"

namespace weir::store::redis {

/// `text` is an error reply without its leading '-'. Errors that a script met in `redis.call`
/// included.
Refusal classify(std::string_view text);

/// For metrics: READONLY, OOM, …; OTHER.
std::string_view word_of(Refusal refusal);

/// What it means and what to do, without what Redis said; empty for kNone and kOther.
std::string_view advice_on(Refusal refusal);

/// What Redis said, bounded, in printable ASCII, and without the arguments of a command that it
/// does not know: a stranger's bytes for a log.
std::string printable(std::string_view text);

}  // namespace weir::store::redis
