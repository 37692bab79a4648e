#pragma once
// A credential that cannot be printed by accident: formatting yields "<redacted>".
// Threading: value. Lifetime: the bytes are wiped on destruction.

#include <string>
#include <string_view>

#include "common/base/format.h"

namespace weir {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  Secret(const Secret&) = default;
  Secret& operator=(const Secret&) = default;
  Secret(Secret&&) noexcept = default;
  Secret& operator=(Secret&&) noexcept = default;
  ~Secret();

  bool empty() const { return value_.empty(); }
  /// The plain value: only for comparison and for the wire.
  const std::string& reveal() const { return value_; }
  /// Constant-time in the length of `other`.
  bool equals(std::string_view other) const;

 private:
  std::string value_;
};

inline std::string_view format_as(const Secret&) { return "<redacted>"; }

}  // namespace weir
