#pragma once
// AMF3 behind marker 0x11 of AMF0: read past safely; scalars are decoded (AMF3 specification, 3.x).
//
// Purpose: clients of objectEncoding 3 may put one AMF3 value into an AMF0 sequence. Containers are
// only measured. References must point to what this value has defined; externalizable objects are
// refused, because their length is known to their class alone. Threading: pure. Lifetime: views of
// the input.

#include <cstddef>

#include "dataplane/protocol/amf/value.h"

namespace weir::amf {

/// Reads the value at the start of `input` (behind the marker). `value.raw` is its bytes.
/// `elements_left` is shared with the AMF0 reader that met the marker.
Error read_amf3(Bytes input, std::size_t depth, std::size_t& elements_left, Value& value);

}  // namespace weir::amf
