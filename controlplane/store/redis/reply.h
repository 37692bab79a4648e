#pragma once
// What Redis answers, owned by whoever asked.
// Threading: values. Lifetime: self-contained.

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace weir::store::redis {

/// One reply of RESP2. Moved, not copied: a page of a snapshot has thousands of them.
struct Reply {
  enum class Kind : std::uint8_t {
    kNil,
    kInteger,
    kText,  ///< bulk or status: scripts cannot be told apart by it
    kArray,
    kError,  ///< only inside an array; an error on its own is a CommandError
  };

  Reply() = default;
  Reply(Reply&&) noexcept = default;
  Reply& operator=(Reply&&) noexcept = default;
  Reply(const Reply&) = delete;
  Reply& operator=(const Reply&) = delete;
  ~Reply() = default;

  bool is_nil() const { return kind == Kind::kNil; }
  bool is_integer() const { return kind == Kind::kInteger; }
  bool is_text() const { return kind == Kind::kText; }
  bool is_array() const { return kind == Kind::kArray; }
  bool is_error() const { return kind == Kind::kError; }

  Kind kind = Kind::kNil;
  std::int64_t integer = 0;
  std::string text;          ///< kText, kError
  std::vector<Reply> items;  ///< kArray
};

/// What kind of refusal an error reply is, by its first word.
enum class Refusal : std::uint8_t {
  kNone,
  kReadOnly,          ///< READONLY: a replica, or a primary that was demoted
  kLoading,           ///< LOADING: reads its data after a start
  kMasterDown,        ///< MASTERDOWN: a replica that has lost its primary
  kOutOfMemory,       ///< OOM: maxmemory is reached and nothing may be evicted
  kNotAuthenticated,  ///< NOAUTH
  kWrongPassword,     ///< WRONGPASS
  kNoPermission,      ///< NOPERM, or a script met a command that its user may not run
  kNoScript,          ///< NOSCRIPT: the client loads it; its callers never see this one
  kUnknownCommand,    ///< renamed or disabled
  kMisconfigured,     ///< MISCONF: cannot save, and therefore takes no writes
  kNoReplicas,        ///< NOREPLICAS: fewer than min-replicas-to-write
  kBusy,              ///< BUSY: a script runs for too long
  kCluster,           ///< MOVED, ASK, CROSSSLOT, CLUSTERDOWN: a node of Redis Cluster
  kOther,             ///< what a script itself refuses, or a fault of it
};

enum class Failure : std::uint8_t {
  kNoAnswer,      ///< written, and no answer in time or at all: unknown whether it was done
  kNotConnected,  ///< never written, so not done
  kRefused,       ///< Redis answered with an error; not done (a script: no write of it was done
                  ///< unless it writes, then fails at a fault of its own)
};

struct CommandError {
  Failure failure = Failure::kNoAnswer;
  Refusal refusal = Refusal::kNone;  ///< set when kRefused
  std::string message;               ///< for people; kRefused: what Redis said
};

using Answer = std::variant<Reply, CommandError>;

}  // namespace weir::store::redis
