#pragma once
// Value: one AMF value as it stands in somebody's buffer.
//
// Purpose: scalars are decoded, containers stay raw bytes that are walked on demand (reader.h), and
// every value knows the exact bytes it occupies, so that it can be repeated verbatim. Threading:
// values. Lifetime: views; the buffer must outlive them.

#include <cstdint>
#include <span>
#include <string_view>

namespace weir::amf {

using Bytes = std::span<const std::uint8_t>;

/// AMF0 type markers (AMF0 specification, 2.1).
enum class Marker : std::uint8_t {
  kNumber = 0x00,
  kBoolean = 0x01,
  kString = 0x02,
  kObject = 0x03,
  kMovieClip = 0x04,  // reserved, refused
  kNull = 0x05,
  kUndefined = 0x06,
  kReference = 0x07,  // refused: nothing in RTMP needs it, and cycles are an attack
  kEcmaArray = 0x08,
  kObjectEnd = 0x09,
  kStrictArray = 0x0A,
  kDate = 0x0B,
  kLongString = 0x0C,
  kUnsupported = 0x0D,
  kRecordset = 0x0E,  // reserved, refused
  kXmlDocument = 0x0F,
  kTypedObject = 0x10,
  kAvmPlus = 0x11,  ///< one AMF3 value follows
};

enum class Type : std::uint8_t {
  kNumber,
  kBoolean,
  kString,       ///< short, long, or AMF3 string
  kObject,       ///< plain or typed; walk it with PropertyReader
  kEcmaArray,    ///< walk it with PropertyReader
  kStrictArray,  ///< walk it with ElementReader
  kNull,
  kUndefined,
  kDate,   ///< `number` is milliseconds since 1970
  kOther,  ///< bounded and skipped: XML, unsupported, AMF3 containers
};

struct Value {
  Type type = Type::kUndefined;
  bool boolean = false;
  double number = 0;
  std::string_view text;
  /// The whole value, marker included.
  Bytes raw;
  /// Containers: the bytes after marker, class name and count.
  Bytes body;

  bool is_string() const { return type == Type::kString; }
  bool is_number() const { return type == Type::kNumber; }
  bool has_properties() const { return type == Type::kObject || type == Type::kEcmaArray; }
};

enum class Error : std::uint8_t {
  kNone,
  kTruncated,  ///< ends inside a value
  kMalformed,  ///< unknown marker, missing object end
  kRefused,    ///< references, reserved types, AMF3 externalizable objects
  kLimit,      ///< limits.h
};

const char* to_text(Error error);

}  // namespace weir::amf
