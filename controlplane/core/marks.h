#pragma once
// What operators ordered about one origin or one stream, read from the book.
// Threading: pure; the core's thread, as the book. Lifetime: values.

#include <optional>
#include <string>

#include "common/base/ids.h"
#include "common/base/stream_key.h"
#include "controlplane/core/record_book.h"
#include "controlplane/core/record_values.h"

namespace weir::core {

struct OriginMarks {
  std::optional<std::string> cordon;  ///< the reason
  std::optional<DrainMark> drain;
  double weight = 1;
  Revision cordon_revision, drain_revision, weight_revision;  ///< {0,0} = there is no such mark
  /// By the orders; whether it is alive is another question.
  bool takes_new() const { return !cordon && !drain; }
};

OriginMarks marks_of(const RecordBook& book, const OriginId& origin);
/// Where a stream may be placed only; empty = anywhere.
OriginId pin_of(const RecordBook& book, const StreamKey& stream);

}  // namespace weir::core
