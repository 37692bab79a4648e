#pragma once
// Bounds of what one run of a script does and answers, beside those of the rules
// (controlplane/store/limits.h). Threading: constants.

#include <chrono>
#include <cstddef>

#include "controlplane/store/limits.h"
#include "controlplane/store/redis/limits.h"

namespace weir::store::redis {

using namespace std::chrono_literals;

inline constexpr auto kPollInterval = 50ms;
/// Store time counts at most this much between two polls.
inline constexpr auto kCountedAtOnceMax = 2s;
/// Of each kind of thing whose time has come; the next poll takes the rest.
inline constexpr std::size_t kDuePerPoll = 100;
inline constexpr std::size_t kChangesPerPoll = 1'000;
inline constexpr std::size_t kBroadcastsPerPoll = 64;
inline constexpr std::size_t kMailboxesPerPoll = 1'000;
/// A script stops adding to its reply beyond this; one value more always fits.
inline constexpr std::size_t kScriptReplyBytesWished = std::size_t{4} * 1024 * 1024;
/// Entries of one page of a snapshot, as HSCAN takes it: a wish.
inline constexpr std::size_t kPlacementsPerPage = 1'000;
inline constexpr std::size_t kOriginsPerPage = 500;
inline constexpr std::size_t kRecordsPerPage = 100;
/// Records and their bytes in one script of restore_records.
inline constexpr std::size_t kRecordsPerRestore = 200;
inline constexpr std::size_t kRecordBytesPerRestore = std::size_t{1} * 1024 * 1024;
/// Of one acquire or move; worse ones are not asked for.
inline constexpr std::size_t kCandidatesMax = 64;
/// The name of a replica that is gone, for replicas that have yet to read of it.
inline constexpr auto kGoneBulletinTold = 60s;
inline constexpr auto kBroadcastExpiry = 60s;
/// A mailbox goes by the calendar this long after its last command, should nobody be left.
inline constexpr auto kMailKept = 60s;

static_assert(kBulletinBytesMax + kScriptReplyBytesWished < kReplyBytesMax);
static_assert(kRecordsPerPage * kRecordBytesMax < kReplyBytesMax);
static_assert(kPollInterval < kStallSeen && kStallSeen < kCountedAtOnceMax);

}  // namespace weir::store::redis
