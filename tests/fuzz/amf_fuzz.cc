// The AMF reader over arbitrary bytes: what it returns stays inside the input, containers can be
// walked, and a property that was replaced is found again with all other bytes unchanged.

#include <cstdint>
#include <vector>

#include "common/base/contract.h"
#include "dataplane/protocol/amf/reader.h"
#include "dataplane/protocol/amf/writer.h"

namespace {

using weir::amf::Bytes;
using weir::amf::Value;

void check_inside(Bytes outer, Bytes inner) {
  if (inner.empty()) return;
  WEIR_ASSERT(inner.data() >= outer.data());
  WEIR_ASSERT(inner.data() + inner.size() <= outer.data() + outer.size());
}

void walk(const Value& value, int depth) {
  WEIR_ASSERT(depth < 20);
  std::size_t named = 0;
  weir::amf::PropertyReader properties(value);
  while (const auto property = properties.next()) {
    check_inside(value.raw, property->raw);
    named += property->raw.size();
    walk(property->value, depth + 1);
  }
  if (value.has_properties()) WEIR_ASSERT(named + 3 == value.body.size());
  weir::amf::ElementReader elements(value);
  while (const auto element = elements.next()) walk(*element, depth + 1);
}

void replace(const Value& object) {
  const auto encoded = weir::amf::encode_string("weir:f/s/1.2");
  const auto changed = weir::amf::with_property(object, "swfUrl", encoded);
  weir::amf::Reader reader(changed);
  const auto value = reader.next();
  // One property more may cross a limit; otherwise the result reads back.
  if (!value) return;
  WEIR_ASSERT(reader.at_end());
  WEIR_ASSERT(weir::amf::string_property(*value, "swfUrl") == "weir:f/s/1.2");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes input(data, size);
  weir::amf::Reader reader(input);
  std::size_t consumed = 0;
  while (const auto value = reader.next()) {
    check_inside(input, value->raw);
    consumed += value->raw.size();
    walk(*value, 0);
    if (value->has_properties()) replace(*value);
  }
  WEIR_ASSERT(consumed + reader.rest().size() == size);
  return 0;
}
