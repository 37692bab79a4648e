#pragma once
// Fields: a script's reply, read field by field; what is not as expected fails the whole.
// Threading: one thread. Lifetime: owns the reply.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "controlplane/store/redis/reply.h"

namespace weir::store::redis {

class Fields {
 public:
  Fields() = default;
  explicit Fields(std::vector<Reply> items) : items_(std::move(items)) {}

  std::string text();
  std::uint64_t number();
  bool flag();  ///< `1` or `0`
  std::vector<Reply> list();
  /// A list of texts, of a length that is a multiple of `group`.
  std::vector<std::string> texts(std::size_t group);

  bool failed() const { return failed_; }
  void fail() { failed_ = true; }

 private:
  Reply* next();

  std::vector<Reply> items_;
  std::size_t at_ = 0;
  bool failed_ = false;
};

}  // namespace weir::store::redis
