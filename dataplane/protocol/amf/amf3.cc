#include "dataplane/protocol/amf/amf3.h"

#include <bit>
#include <string_view>
#include <vector>

#include "common/bytes/byte_reader.h"
#include "dataplane/protocol/amf/limits.h"

namespace weir::amf {
namespace {

enum class Marker3 : std::uint8_t {
  kUndefined = 0x00,
  kNull = 0x01,
  kFalse = 0x02,
  kTrue = 0x03,
  kInteger = 0x04,
  kDouble = 0x05,
  kString = 0x06,
  kXmlDocument = 0x07,
  kDate = 0x08,
  kArray = 0x09,
  kObject = 0x0A,
  kXml = 0x0B,
  kByteArray = 0x0C,
};

struct Traits {
  std::uint32_t sealed = 0;
  bool dynamic = false;
};

class Walker {
 public:
  Walker(Bytes input, std::size_t& elements_left) : in_(input), elements_left_(elements_left) {}

  Error walk(Value& value, std::size_t depth) {
    if (depth > kDepthMax || elements_left_ == 0) return Error::kLimit;
    --elements_left_;
    const auto marker = static_cast<Marker3>(in_.u8());
    if (!in_.ok()) return Error::kTruncated;
    value.type = Type::kOther;
    switch (marker) {
      case Marker3::kUndefined:
        value.type = Type::kUndefined;
        return Error::kNone;
      case Marker3::kNull:
        value.type = Type::kNull;
        return Error::kNone;
      case Marker3::kFalse:
      case Marker3::kTrue:
        value.type = Type::kBoolean;
        value.boolean = marker == Marker3::kTrue;
        return Error::kNone;
      case Marker3::kInteger: {
        // 29 bits, two's complement.
        const auto bits = static_cast<std::int32_t>(u29() << 3);
        value.type = Type::kNumber;
        value.number = bits >> 3;
        return ended();
      }
      case Marker3::kDouble:
        value.type = Type::kNumber;
        value.number = std::bit_cast<double>(in_.u64());
        return ended();
      case Marker3::kString:
        value.type = Type::kString;
        return string(value.text);
      case Marker3::kDate:
        return date(value);
      case Marker3::kXmlDocument:
      case Marker3::kXml:
      case Marker3::kByteArray:
        return block();
      case Marker3::kArray:
        return array(depth);
      case Marker3::kObject:
        return object(depth);
    }
    // Vectors and dictionaries (AMF3 of Flash 10) never occur in RTMP commands.
    return Error::kRefused;
  }

  std::size_t position() const { return in_.position(); }

 private:
  Error ended() const { return in_.ok() ? Error::kNone : Error::kTruncated; }

  std::uint32_t u29() {
    std::uint32_t value = 0;
    for (int i = 0; i < 3; ++i) {
      const std::uint8_t byte = in_.u8();
      value = value << 7 | (byte & 0x7F);
      if ((byte & 0x80) == 0) return value;
    }
    return value << 8 | in_.u8();
  }

  /// U29 whose low bit tells an inline value (returns its upper bits) from a reference.
  Error inline_or_reference(std::size_t defined, std::uint32_t& bits, bool& is_inline) {
    const std::uint32_t header = u29();
    if (!in_.ok()) return Error::kTruncated;
    bits = header >> 1;
    is_inline = (header & 1) != 0;
    return is_inline || bits < defined ? Error::kNone : Error::kRefused;
  }

  Error string(std::string_view& text) {
    std::uint32_t length = 0;
    bool is_inline = false;
    const Error error = inline_or_reference(strings_.size(), length, is_inline);
    if (error != Error::kNone) return error;
    if (!is_inline) {
      text = strings_[length];
      return Error::kNone;
    }
    if (length > kLongStringBytesMax) return Error::kLimit;
    text = in_.text(length);
    if (!in_.ok()) return Error::kTruncated;
    // The empty string is never sent by reference (3.8). The table grows with the element count
    // only.
    if (!text.empty()) strings_.push_back(text);
    return Error::kNone;
  }

  Error date(Value& value) {
    std::uint32_t bits = 0;
    bool is_inline = false;
    const Error error = inline_or_reference(objects_, bits, is_inline);
    if (error != Error::kNone || !is_inline) return error;
    ++objects_;
    value.type = Type::kDate;
    value.number = std::bit_cast<double>(in_.u64());
    return ended();
  }

  Error block() {
    std::uint32_t length = 0;
    bool is_inline = false;
    const Error error = inline_or_reference(objects_, length, is_inline);
    if (error != Error::kNone || !is_inline) return error;
    ++objects_;
    if (length > kLongStringBytesMax) return Error::kLimit;
    in_.skip(length);
    return ended();
  }

  /// Name-value pairs up to an empty name.
  Error pairs(std::size_t depth) {
    while (true) {
      std::string_view name;
      Error error = string(name);
      if (error != Error::kNone) return error;
      if (name.empty()) return Error::kNone;
      Value ignored;
      error = walk(ignored, depth + 1);
      if (error != Error::kNone) return error;
    }
  }

  Error values(std::uint32_t count, std::size_t depth) {
    // Each value takes a byte at least.
    if (count > in_.remaining()) return Error::kTruncated;
    for (std::uint32_t i = 0; i < count; ++i) {
      Value ignored;
      const Error error = walk(ignored, depth + 1);
      if (error != Error::kNone) return error;
    }
    return Error::kNone;
  }

  Error array(std::size_t depth) {
    std::uint32_t dense = 0;
    bool is_inline = false;
    Error error = inline_or_reference(objects_, dense, is_inline);
    if (error != Error::kNone || !is_inline) return error;
    ++objects_;
    error = pairs(depth);
    return error == Error::kNone ? values(dense, depth) : error;
  }

  Error object(std::size_t depth) {
    std::uint32_t bits = 0;
    bool is_inline = false;
    Error error = inline_or_reference(objects_, bits, is_inline);
    if (error != Error::kNone || !is_inline) return error;
    ++objects_;
    Traits traits;
    error = read_traits(bits, traits);
    if (error == Error::kNone) error = values(traits.sealed, depth);
    if (error == Error::kNone && traits.dynamic) error = pairs(depth);
    return error;
  }

  Error read_traits(std::uint32_t bits, Traits& traits) {
    if ((bits & 1) == 0) {  // U29O-traits-ref
      if (bits >> 1 >= traits_.size()) return Error::kRefused;
      traits = traits_[bits >> 1];
      return Error::kNone;
    }
    if ((bits & 2) != 0) return Error::kRefused;  // externalizable
    if (traits_.size() == kAmf3TraitsMax) return Error::kLimit;
    traits.dynamic = (bits & 4) != 0;
    traits.sealed = bits >> 3;
    std::string_view name;
    Error error = string(name);
    if (error != Error::kNone) return error;
    if (traits.sealed > elements_left_) return Error::kLimit;
    for (std::uint32_t i = 0; i < traits.sealed; ++i) {
      error = string(name);
      if (error != Error::kNone) return error;
    }
    traits_.push_back(traits);
    return Error::kNone;
  }

  ByteReader in_;
  std::size_t& elements_left_;
  std::size_t objects_ = 0;
  std::vector<std::string_view> strings_;
  std::vector<Traits> traits_;
};

}  // namespace

Error read_amf3(Bytes input, std::size_t depth, std::size_t& elements_left, Value& value) {
  Walker walker(input, elements_left);
  const Error error = walker.walk(value, depth);
  value.raw = input.first(walker.position());
  return error;
}

}  // namespace weir::amf
