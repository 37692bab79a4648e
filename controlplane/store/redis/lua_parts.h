#pragma once
// The files of lua/, as text. Threading: constants.

#include <span>
#include <string_view>

namespace weir::store::redis {

struct LuaPart {
  std::string_view name;  ///< of the file, without its ending
  std::string_view text;
};

std::span<const LuaPart> lua_parts();

}  // namespace weir::store::redis
