#pragma once
// Json: one JSON value with its members in the order of the text, as scripts are written in.
//
// Purpose: the order of an AMF object's properties is part of a byte-exact sequence, and most JSON
// readers forget it. Threading: values. Lifetime: self-contained.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::tests {

struct Json {
  enum class Kind : std::uint8_t { kNull, kBoolean, kNumber, kString, kArray, kObject };

  Kind kind = Kind::kNull;
  bool boolean = false;
  double number = 0;
  std::string text;
  std::vector<Json> items;         ///< of an array; values of an object's members
  std::vector<std::string> names;  ///< of an object's members

  bool is(Kind wanted) const { return kind == wanted; }
  /// The member of that name; nullptr when there is none.
  const Json* find(std::string_view name) const;
  /// Members by name, with what holds when they are missing.
  double number_or(std::string_view name, double otherwise) const;
  std::uint32_t unsigned_or(std::string_view name, std::uint32_t otherwise) const;
  bool boolean_or(std::string_view name, bool otherwise) const;
  std::string text_or(std::string_view name, std::string_view otherwise) const;
};

/// nullopt: not one JSON value; `why` then says what and at which byte.
std::optional<Json> parse_json(std::string_view text, std::string& why);

/// "…" with everything escaped that JSON wants escaped.
std::string json_string(std::string_view text);

}  // namespace weir::tests
