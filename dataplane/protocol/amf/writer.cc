#include "dataplane/protocol/amf/writer.h"

#include <bit>

#include "common/base/contract.h"
#include "dataplane/protocol/amf/reader.h"

namespace weir::amf {
namespace {

constexpr std::size_t kShortStringMax = 0xFFFF;
constexpr std::size_t kObjectEndBytes = 3;  // empty name and marker

}  // namespace

void Writer::unsigned_be(std::uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

Writer& Writer::number(double value) {
  unsigned_be(static_cast<std::uint8_t>(Marker::kNumber), 1);
  unsigned_be(std::bit_cast<std::uint64_t>(value), 8);
  return *this;
}

Writer& Writer::boolean(bool value) {
  unsigned_be(static_cast<std::uint8_t>(Marker::kBoolean), 1);
  unsigned_be(value ? 1 : 0, 1);
  return *this;
}

Writer& Writer::string(std::string_view value) {
  const bool is_short = value.size() <= kShortStringMax;
  const Marker marker = is_short ? Marker::kString : Marker::kLongString;
  unsigned_be(static_cast<std::uint8_t>(marker), 1);
  unsigned_be(value.size(), is_short ? 2 : 4);
  out_.insert(out_.end(), value.begin(), value.end());
  return *this;
}

Writer& Writer::null() {
  unsigned_be(static_cast<std::uint8_t>(Marker::kNull), 1);
  return *this;
}

Writer& Writer::undefined() {
  unsigned_be(static_cast<std::uint8_t>(Marker::kUndefined), 1);
  return *this;
}

Writer& Writer::raw(Bytes value) {
  out_.insert(out_.end(), value.begin(), value.end());
  return *this;
}

Writer& Writer::begin_object() {
  unsigned_be(static_cast<std::uint8_t>(Marker::kObject), 1);
  return *this;
}

Writer& Writer::begin_ecma_array(std::uint32_t count) {
  unsigned_be(static_cast<std::uint8_t>(Marker::kEcmaArray), 1);
  unsigned_be(count, 4);
  return *this;
}

Writer& Writer::begin_strict_array(std::uint32_t count) {
  unsigned_be(static_cast<std::uint8_t>(Marker::kStrictArray), 1);
  unsigned_be(count, 4);
  return *this;
}

Writer& Writer::key(std::string_view name) {
  WEIR_ASSERT(name.size() <= kShortStringMax);
  unsigned_be(name.size(), 2);
  out_.insert(out_.end(), name.begin(), name.end());
  return *this;
}

Writer& Writer::end_object() {
  unsigned_be(0, 2);
  unsigned_be(static_cast<std::uint8_t>(Marker::kObjectEnd), 1);
  return *this;
}

std::vector<std::uint8_t> encode_string(std::string_view value) {
  std::vector<std::uint8_t> out;
  Writer(out).string(value);
  return out;
}

std::vector<std::uint8_t> with_property(const Value& object, std::string_view name, Bytes encoded) {
  WEIR_ASSERT(object.has_properties() && object.body.size() >= kObjectEndBytes);
  std::vector<std::uint8_t> out;
  out.reserve(object.raw.size() + encoded.size() + name.size() + 2);
  Writer writer(out);
  if (const auto old = find_property(object, name)) {
    const auto before = static_cast<std::size_t>(old->value.raw.data() - object.raw.data());
    writer.raw(object.raw.first(before)).raw(encoded);
    writer.raw(object.raw.subspan(before + old->value.raw.size()));
    return out;
  }
  // The count of an ECMA array is left alone: it is a hint, and readers stop at the object end.
  const std::size_t before = object.raw.size() - kObjectEndBytes;
  writer.raw(object.raw.first(before)).key(name).raw(encoded);
  writer.raw(object.raw.subspan(before));
  return out;
}

}  // namespace weir::amf
