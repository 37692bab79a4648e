#pragma once
// Strong ids and the two ordered numbers of the design: Epoch (fencing token) and Revision.
// Threading: values. Lifetime: self-contained.

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "common/base/format.h"

namespace weir {

/// Text ids that do not mix: OriginId and ForwarderId are different types.
template <class Tag>
class StrongId {
 public:
  StrongId() = default;
  explicit StrongId(std::string value) : value_(std::move(value)) {}
  explicit StrongId(std::string_view value) : value_(value) {}
  explicit StrongId(const char* value) : value_(value) {}

  const std::string& str() const { return value_; }
  bool empty() const { return value_.empty(); }
  auto operator<=>(const StrongId&) const = default;

 private:
  std::string value_;
};

template <class Tag>
const std::string& format_as(const StrongId<Tag>& id) {
  return id.str();
}

using OriginId = StrongId<struct OriginIdTag>;            ///< a media server, across its restarts
using IncarnationId = StrongId<struct IncarnationIdTag>;  ///< one life of it, minted by the store
using ForwarderId = StrongId<struct ForwarderIdTag>;
using AgentId = StrongId<struct AgentIdTag>;
using SessionId = StrongId<struct SessionIdTag>;  ///< a client session; unique across restarts
using ReplicaId = StrongId<struct ReplicaIdTag>;

/// Fencing token of a stream's ownership: totally ordered, never goes back (design 2).
struct Epoch {
  std::uint64_t generation = 0;
  std::uint64_t counter = 0;
  auto operator<=>(const Epoch&) const = default;
  /// {0,0} stands for "none": no placement ever carries it.
  bool is_set() const { return generation != 0; }
};

/// Order of everything else the store changes.
struct Revision {
  std::uint64_t generation = 0;
  std::uint64_t number = 0;
  auto operator<=>(const Revision&) const = default;
};

inline std::string format_as(const Epoch& e) {
  return fmt::format("{}.{}", e.generation, e.counter);
}
inline std::string format_as(const Revision& r) {
  return fmt::format("{}.{}", r.generation, r.number);
}

}  // namespace weir

template <class Tag>
struct std::hash<weir::StrongId<Tag>> {
  std::size_t operator()(const weir::StrongId<Tag>& id) const noexcept {
    return std::hash<std::string>{}(id.str());
  }
};
