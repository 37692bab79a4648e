#pragma once
// Reader: walks AMF0 values (and AMF3 ones behind marker 0x11) without copying.
//
// Purpose: next() checks a value completely (bounds, depth, element count) before it is returned,
// so what PropertyReader and ElementReader walk inside a returned value is known to be well-formed.
// Threading: one object per thread. Lifetime: views of the input.

#include <cstddef>
#include <optional>
#include <string_view>

#include "dataplane/protocol/amf/limits.h"
#include "dataplane/protocol/amf/value.h"

namespace weir::amf {

class Reader {
 public:
  explicit Reader(Bytes input) : rest_(input) {}

  /// nullopt: the end of the input, or an error (see error()); after an error always nullopt.
  std::optional<Value> next();
  bool at_end() const { return rest_.empty(); }
  Error error() const { return error_; }
  /// What has not been read yet.
  Bytes rest() const { return rest_; }

 private:
  Bytes rest_;
  std::size_t elements_left_ = kElementsMax;
  Error error_ = Error::kNone;
};

struct Property {
  std::string_view name;
  Value value;
  /// Name and value together.
  Bytes raw;
};

/// The properties of an object or ECMA array that Reader returned; of anything else: none.
class PropertyReader {
 public:
  explicit PropertyReader(const Value& container);
  std::optional<Property> next();

 private:
  Bytes rest_;
};

/// The elements of a strict array that Reader returned; of anything else: none.
class ElementReader {
 public:
  explicit ElementReader(const Value& array);
  std::optional<Value> next();

 private:
  Bytes rest_;
};

/// The first property of that name (the one that SRS, nginx-rtmp and librtmp would use).
std::optional<Property> find_property(const Value& container, std::string_view name);

/// The string property of that name, else an empty view.
std::string_view string_property(const Value& container, std::string_view name);

/// The number property of that name.
std::optional<double> number_property(const Value& container, std::string_view name);

}  // namespace weir::amf
