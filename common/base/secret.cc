#include "common/base/secret.h"

#include <cstring>

namespace weir {

Secret::~Secret() {
  if (!value_.empty()) ::explicit_bzero(value_.data(), value_.size());
}

bool Secret::equals(std::string_view other) const {
  unsigned difference = value_.size() == other.size() ? 0U : 1U;
  for (std::size_t i = 0; i < other.size(); ++i) {
    const char mine = value_.empty() ? '\0' : value_[i % value_.size()];
    difference |= static_cast<unsigned char>(mine ^ other[i]);
  }
  return difference == 0;
}

}  // namespace weir
