// The AMF3 reader over arbitrary bytes, alone and behind AMF0's marker for one AMF3 value: it stays
// inside the input and within the element limit, and both ways agree.

#include <cstdint>
#include <vector>

#include "common/base/contract.h"
#include "dataplane/protocol/amf/amf3.h"
#include "dataplane/protocol/amf/limits.h"
#include "dataplane/protocol/amf/reader.h"

namespace {

constexpr std::uint8_t kAvmPlus = 0x11;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const weir::amf::Bytes input(data, size);
  // Behind the marker the same value counts one element more: the AMF0 value that it is.
  std::size_t elements = weir::amf::kElementsMax - 1;
  weir::amf::Value value;
  const weir::amf::Error error = weir::amf::read_amf3(input, 1, elements, value);
  WEIR_ASSERT(elements <= weir::amf::kElementsMax);
  WEIR_ASSERT(value.raw.size() <= size);
  if (error == weir::amf::Error::kNone && value.is_string() && !value.text.empty()) {
    const auto* text = reinterpret_cast<const std::uint8_t*>(value.text.data());
    WEIR_ASSERT(text >= data && text + value.text.size() <= data + size);
  }

  std::vector<std::uint8_t> wrapped{kAvmPlus};
  wrapped.insert(wrapped.end(), input.begin(), input.end());
  weir::amf::Reader reader(wrapped);
  const auto same = reader.next();
  WEIR_ASSERT(same.has_value() == (error == weir::amf::Error::kNone));
  if (!same) return 0;
  WEIR_ASSERT(same->type == value.type && same->raw.size() == value.raw.size() + 1);
  WEIR_ASSERT(same->text == value.text && same->boolean == value.boolean);
  return 0;
}
