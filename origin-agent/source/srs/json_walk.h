#pragma once
// walk_json: a JSON text as a sequence of values with their paths. Pure.
//
// Purpose: answers of SRS may be large and come from anybody who took its port; they are read
// without building a tree, in memory that does not depend on their size. The library's headers stay
// in json_walk.cc.
// Threading: pure function. Lifetime: paths and texts are valid during one call.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace weir::agent::srs {

/// Keys from the root; an element of an array has the key "[]".
using JsonPath = std::span<const std::string>;

struct JsonScalar {
  enum class Kind { kNull, kBool, kNumber, kText };
  Kind kind = Kind::kNull;
  bool boolean = false;
  double number = 0;
  std::string_view text;  ///< decoded; not necessarily UTF-8: names are what clients sent

  /// Numbers, and texts that hold a whole one: SRS writes its pid as a text, scripts as a number.
  /// 0 for everything else, and for what is negative.
  std::uint64_t as_count() const;
};

class JsonVisitor {
 public:
  virtual ~JsonVisitor() = default;
  /// An object or array begins, ends. The root has an empty path.
  virtual void begin(JsonPath) {}
  virtual void end(JsonPath) {}
  virtual void scalar(JsonPath path, const JsonScalar& value) = 0;
};

/// Control characters count as spaces, in texts too.
/// Errors (bad_message, side kOrigin): not one JSON object, or beyond a limit. The visitor may then
/// have seen a part.
Result<void> walk_json(std::string_view text, JsonVisitor& visitor);

}  // namespace weir::agent::srs
