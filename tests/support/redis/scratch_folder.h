#pragma once
// ScratchFolder: a private directory of one test, removed with the object. run_program: a program
// to its end, and what it printed.
// Threading: any; one thread per object. Lifetime: the destructor removes everything below it.

#include <filesystem>
#include <string>
#include <vector>

namespace weir::testing {

class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

struct ProgramEnd {
  int status = -1;     ///< exit code; -1 when it could not be run or was killed
  std::string output;  ///< standard output and error
};

/// Searched in PATH. Ends by itself: programs that wait for something are not for it.
ProgramEnd run_program(const std::vector<std::string>& command);

/// Makes `ca.crt`, and `redis.crt`, `redis.key`, `client.crt`, `client.key` signed by it, for
/// 127.0.0.1 and localhost, in `folder`.
void make_certificates(const std::filesystem::path& folder);

}  // namespace weir::testing
