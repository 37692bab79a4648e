#pragma once
// Limits of the AMF reader: what a stranger may make us walk through. Threading: constants.

#include <cstddef>

namespace weir::amf {

/// Nesting of objects and arrays. A connect object has 2 levels, HDR metadata 4.
inline constexpr std::size_t kDepthMax = 16;
/// Values and properties in one Reader's input, nested ones included: bounds the time of one
/// message.
inline constexpr std::size_t kElementsMax = 1024;
/// Short strings and property names. tcUrl with a signed token is the longest seen in the field.
inline constexpr std::size_t kStringBytesMax = 8 * 1024;
/// Long strings and XML documents.
inline constexpr std::size_t kLongStringBytesMax = 64 * 1024;
/// Trait definitions that one AMF3 value may refer back to.
inline constexpr std::size_t kAmf3TraitsMax = 32;

static_assert(kStringBytesMax < 0x10000, "a short string has a 16-bit length");

}  // namespace weir::amf
