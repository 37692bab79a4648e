#include "dataplane/protocol/amf/reader.h"

#include <bit>

#include "common/bytes/byte_reader.h"
#include "dataplane/protocol/amf/amf3.h"

namespace weir::amf {
namespace {

/// Reads one value, nested ones included; recursion is bounded by kDepthMax.
class Walker {
 public:
  Walker(Bytes input, std::size_t& elements_left)
      : input_(input), in_(input), elements_left_(elements_left) {}

  Error walk(Value& value, std::size_t depth) {
    if (depth > kDepthMax || elements_left_ == 0) return Error::kLimit;
    --elements_left_;
    const std::size_t start = in_.position();
    const Error error = walk_body(value, depth);
    value.raw = input_.subspan(start, in_.position() - start);
    return error;
  }

  std::size_t position() const { return in_.position(); }

 private:
  Error ended() const { return in_.ok() ? Error::kNone : Error::kTruncated; }

  Error walk_body(Value& value, std::size_t depth) {
    const auto marker = static_cast<Marker>(in_.u8());
    if (!in_.ok()) return Error::kTruncated;
    value = Value{.type = Type::kOther};
    switch (marker) {
      case Marker::kNumber:
        value.type = Type::kNumber;
        value.number = std::bit_cast<double>(in_.u64());
        return ended();
      case Marker::kBoolean:
        value.type = Type::kBoolean;
        value.boolean = in_.u8() != 0;
        return ended();
      case Marker::kString:
        value.type = Type::kString;
        return text(in_.u16(), kStringBytesMax, value.text);
      case Marker::kLongString:
        value.type = Type::kString;
        return text(in_.u32(), kLongStringBytesMax, value.text);
      case Marker::kXmlDocument:
        return text(in_.u32(), kLongStringBytesMax, value.text);
      case Marker::kNull:
        value.type = Type::kNull;
        return Error::kNone;
      case Marker::kUndefined:
        value.type = Type::kUndefined;
        return Error::kNone;
      case Marker::kUnsupported:
        return Error::kNone;
      case Marker::kDate:
        value.type = Type::kDate;
        value.number = std::bit_cast<double>(in_.u64());
        in_.skip(2);  // time zone: reserved (2.13)
        return ended();
      default:
        return walk_container(marker, value, depth);
    }
  }

  Error walk_container(Marker marker, Value& value, std::size_t depth) {
    switch (marker) {
      case Marker::kTypedObject: {
        std::string_view class_name;
        const Error error = text(in_.u16(), kStringBytesMax, class_name);
        if (error != Error::kNone) return error;
        value.type = Type::kObject;
        return properties(value, depth);
      }
      case Marker::kObject:
        value.type = Type::kObject;
        return properties(value, depth);
      case Marker::kEcmaArray:
        // The count is only a hint (2.10): encoders send 0 or too many.
        in_.skip(4);
        value.type = Type::kEcmaArray;
        return properties(value, depth);
      case Marker::kStrictArray:
        value.type = Type::kStrictArray;
        return elements(value, depth);
      case Marker::kAvmPlus: {
        Value inner;
        const Error error = read_amf3(in_.rest(), depth, elements_left_, inner);
        in_.skip(inner.raw.size());
        value = inner;
        return error;
      }
      case Marker::kReference:
      case Marker::kMovieClip:
      case Marker::kRecordset:
        return Error::kRefused;
      default:
        return Error::kMalformed;
    }
  }

  Error text(std::size_t length, std::size_t max, std::string_view& out) {
    if (!in_.ok()) return Error::kTruncated;
    if (length > max) return Error::kLimit;
    out = in_.text(length);
    return ended();
  }

  Error properties(Value& value, std::size_t depth) {
    const std::size_t start = in_.position();
    while (true) {
      const std::size_t name_length = in_.u16();
      if (!in_.ok()) return Error::kTruncated;
      if (name_length == 0 && !in_.rest().empty() &&
          in_.rest().front() == static_cast<std::uint8_t>(Marker::kObjectEnd)) {
        in_.skip(1);
        break;
      }
      std::string_view name;
      Error error = text(name_length, kStringBytesMax, name);
      if (error != Error::kNone) return error;
      Value ignored;
      error = walk(ignored, depth + 1);
      if (error != Error::kNone) return error;
    }
    value.body = input_.subspan(start, in_.position() - start);
    return Error::kNone;
  }

  Error elements(Value& value, std::size_t depth) {
    const std::uint32_t count = in_.u32();
    // Each element takes a byte at least.
    if (!in_.ok() || count > in_.remaining()) return Error::kTruncated;
    const std::size_t start = in_.position();
    for (std::uint32_t i = 0; i < count; ++i) {
      Value ignored;
      const Error error = walk(ignored, depth + 1);
      if (error != Error::kNone) return error;
    }
    value.body = input_.subspan(start, in_.position() - start);
    return Error::kNone;
  }

  Bytes input_;
  ByteReader in_;
  std::size_t& elements_left_;
};

/// A value inside one that was checked as a whole, so that no bound can be hit again.
std::optional<Value> next_checked(Bytes& rest) {
  if (rest.empty()) return std::nullopt;
  std::size_t elements = kElementsMax;
  Walker walker(rest, elements);
  Value value;
  const Error error = walker.walk(value, 1);
  if (error != Error::kNone) return std::nullopt;
  rest = rest.subspan(walker.position());
  return value;
}

}  // namespace

const char* to_text(Error error) {
  switch (error) {
    case Error::kNone:
      return "no error";
    case Error::kTruncated:
      return "AMF value cut short";
    case Error::kMalformed:
      return "malformed AMF value";
    case Error::kRefused:
      return "AMF reference or reserved type";
    case Error::kLimit:
      return "AMF value beyond limits";
  }
  return "unknown AMF error";
}

std::optional<Value> Reader::next() {
  if (rest_.empty() || error_ != Error::kNone) return std::nullopt;
  Walker walker(rest_, elements_left_);
  Value value;
  error_ = walker.walk(value, 1);
  if (error_ != Error::kNone) return std::nullopt;
  rest_ = rest_.subspan(walker.position());
  return value;
}

PropertyReader::PropertyReader(const Value& container) {
  if (container.has_properties()) rest_ = container.body;
}

std::optional<Property> PropertyReader::next() {
  const Bytes start = rest_;
  ByteReader in(rest_);
  const std::size_t name_length = in.u16();
  const std::string_view name = in.text(name_length);
  if (!in.ok()) return std::nullopt;
  Bytes rest = in.rest();
  if (name.empty() && rest.size() == 1) return std::nullopt;  // object end
  const auto value = next_checked(rest);
  if (!value) return std::nullopt;
  rest_ = rest;
  return Property{name, *value, start.first(start.size() - rest.size())};
}

ElementReader::ElementReader(const Value& array) {
  if (array.type == Type::kStrictArray) rest_ = array.body;
}

std::optional<Value> ElementReader::next() {
  return next_checked(rest_);
}

std::optional<Property> find_property(const Value& container, std::string_view name) {
  PropertyReader reader(container);
  while (auto property = reader.next()) {
    if (property->name == name) return property;
  }
  return std::nullopt;
}

std::string_view string_property(const Value& container, std::string_view name) {
  const auto property = find_property(container, name);
  return property && property->value.is_string() ? property->value.text : std::string_view{};
}

std::optional<double> number_property(const Value& container, std::string_view name) {
  const auto property = find_property(container, name);
  if (!property || !property->value.is_number()) return std::nullopt;
  return property->value.number;
}

}  // namespace weir::amf
