#pragma once
// Operating errors as values.
//
// Purpose: Result<T> is what every function returns that can fail for a reason outside the program.
// Programmer errors are WEIR_ASSERT (contract.h). Exceptions do not cross a module border.
// Threading: values; no shared state.
// Lifetime: self-contained.

#include <string>
#include <utility>

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

namespace weir {

/// Who is at fault: decides what is logged, counted and told to whom.
enum class Side {
  kInternal,      ///< this process
  kClient,        ///< encoder, player, CLI, RPC caller
  kOrigin,        ///< media server
  kControlPlane,  ///< control plane or its store
};

/// What went wrong. `code` is for programs, `message` for people: it names what, where and what to
/// do.
struct Error {
  boost::system::error_code code;
  std::string message;
  Side side = Side::kInternal;
  bool retryable = false;  ///< the same call may succeed later without any change by the caller
};

template <class T>
using Result = boost::system::result<T, Error>;

/// Required by boost::system::result when value() is called on an error: a programmer error.
[[noreturn]] void throw_exception_from_error(const Error& error,
                                             const boost::source_location& where);

/// An error with a generic code (`errc`) and a message.
inline Error make_error(boost::system::errc::errc_t code, std::string message,
                        Side side = Side::kInternal, bool retryable = false) {
  return Error{boost::system::errc::make_error_code(code), std::move(message), side, retryable};
}

}  // namespace weir
