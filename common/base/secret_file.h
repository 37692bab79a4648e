#pragma once
// Reads a credential from a file. Threading: system calls; any thread. Lifetime: value.

#include <string>

#include "common/base/result.h"
#include "common/base/secret.h"

namespace weir {

/// The first line of `path`, without spaces at its end. `flag` is what errors name; their code is
/// operation_not_permitted: without the credential the process may not go on.
Result<Secret> read_secret_file(const std::string& path, const std::string& flag);

}  // namespace weir
