#include "common/base/contract.h"

#include <cstdio>
#include <cstdlib>

namespace weir {

void contract_violation(const char* what, const char* file, int line) {
  std::fprintf(stderr, "contract violated: %s at %s:%d\n", what, file, line);
  std::abort();
}

}  // namespace weir
