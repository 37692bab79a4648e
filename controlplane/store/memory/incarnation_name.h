#pragma once
// The text of an incarnation: `<origin>.<generation in base 32>.<number>`.
//
// Purpose: unique across losses of history without any memory of them (the generation never
// repeats), and ordered for one origin. The origin can be read back from it, also when the store
// has forgotten it. Threading: pure functions. Lifetime: values.

#include <cstdint>
#include <optional>

#include "common/base/ids.h"

namespace weir::store {

struct IncarnationName {
  OriginId origin;
  std::uint64_t generation = 0;
  std::uint64_t number = 0;

  /// Order of two lives of one origin.
  bool began_after(const IncarnationName& other) const {
    return generation != other.generation ? generation > other.generation : number > other.number;
  }
};

IncarnationId format(const IncarnationName& name);
/// nullopt: not minted by a store.
std::optional<IncarnationName> parse(const IncarnationId& id);

}  // namespace weir::store
