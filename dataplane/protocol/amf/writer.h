#pragma once
// Writer: appends AMF0 values to a caller's vector, and the one edit that a relay makes in a
// foreign object.
//
// Purpose: what we send ourselves is AMF0 only. The caller bounds the output by what it passes in;
// strings beyond 65,535 bytes become long strings. Threading: one object per thread. Lifetime: the
// vector must outlive the writer.

#include <cstdint>
#include <string_view>
#include <vector>

#include "dataplane/protocol/amf/value.h"

namespace weir::amf {

class Writer {
 public:
  explicit Writer(std::vector<std::uint8_t>& out) : out_(out) {}

  Writer& number(double value);
  Writer& boolean(bool value);
  Writer& string(std::string_view value);
  Writer& null();
  Writer& undefined();
  /// A value that is already encoded.
  Writer& raw(Bytes value);

  Writer& begin_object();
  /// Announces `count` properties; end with end_object().
  Writer& begin_ecma_array(std::uint32_t count);
  /// `count` values follow; nothing ends them.
  Writer& begin_strict_array(std::uint32_t count);
  /// The name of the next property; its value follows.
  Writer& key(std::string_view name);
  Writer& end_object();

  Writer& property(std::string_view name, std::string_view value) {
    return key(name).string(value);
  }
  Writer& property(std::string_view name, const char* value) {
    return key(name).string(std::string_view(value));
  }
  Writer& property(std::string_view name, double value) { return key(name).number(value); }
  Writer& property(std::string_view name, bool value) { return key(name).boolean(value); }

 private:
  void unsigned_be(std::uint64_t value, int bytes);

  std::vector<std::uint8_t>& out_;
};

/// One encoded value.
std::vector<std::uint8_t> encode_string(std::string_view value);

/// `object.raw` with the value of the first property `name` replaced by `encoded`, or with the
/// property added as the last one; every other byte stays as it is. `object` must have properties.
std::vector<std::uint8_t> with_property(const Value& object, std::string_view name, Bytes encoded);

}  // namespace weir::amf
