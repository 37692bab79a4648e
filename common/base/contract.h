#pragma once
// Contract checks: a violation is a bug in this program, so the process ends with a message.
// Always on, Release included: they stand at state transitions and module borders, not in inner
// loops. Threading: any.

namespace weir {

[[noreturn]] void contract_violation(const char* what, const char* file, int line);

}  // namespace weir

#define WEIR_ASSERT(condition)                                    \
  do {                                                            \
    if (!(condition)) [[unlikely]]                                \
      ::weir::contract_violation(#condition, __FILE__, __LINE__); \
  } while (false)

#define WEIR_UNREACHABLE(what) ::weir::contract_violation(what, __FILE__, __LINE__)
