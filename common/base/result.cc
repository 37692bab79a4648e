#include "common/base/result.h"

#include "common/base/contract.h"

namespace weir {

void throw_exception_from_error(const Error& error, const boost::source_location& where) {
  contract_violation(("value() of a failed Result: " + error.message).c_str(), where.file_name(),
                     static_cast<int>(where.line()));
}

}  // namespace weir
