#include "controlplane/core/marks.h"

namespace weir::core {

using store::RecordKind;

OriginMarks marks_of(const RecordBook& book, const OriginId& origin) {
  OriginMarks marks;
  if (const auto* cordon = book.find(RecordKind::kCordon, origin.str())) {
    marks.cordon = *cordon->value;
    marks.cordon_revision = cordon->revision;
  }
  if (const auto* drain = book.find(RecordKind::kDrain, origin.str())) {
    marks.drain = decode_drain(*drain->value);
    marks.drain_revision = drain->revision;
  }
  if (const auto* weight = book.find(RecordKind::kWeight, origin.str())) {
    marks.weight = decode_weight(*weight->value);
    marks.weight_revision = weight->revision;
  }
  return marks;
}

OriginId pin_of(const RecordBook& book, const StreamKey& stream) {
  const store::Record* pin = book.find(RecordKind::kPin, stream.str());
  return pin == nullptr ? OriginId{} : OriginId(*pin->value);
}

}  // namespace weir::core
