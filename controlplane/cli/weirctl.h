#pragma once
// weirctl as a function: parses, runs one command, returns the exit code.
// Threading: one thread. Lifetime: the streams outlive the call.

#include <iosfwd>
#include <string>

namespace weir::cli {

/// Results go to `out`, complaints to `err`.
int run(int argc, const char* const* argv, const std::string& version, std::ostream& out,
        std::ostream& err);

}  // namespace weir::cli
