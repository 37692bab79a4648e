#include "common/rpc/endpoints.h"

#include <utility>

#include "common/base/contract.h"

namespace weir::rpc {

Endpoints::Endpoints(std::vector<std::string> addresses, Random& random)
    : addresses_(std::move(addresses)) {
  WEIR_ASSERT(!addresses_.empty());
  index_ = static_cast<std::size_t>(random.below(addresses_.size()));
}

}  // namespace weir::rpc
