#include "origin-agent/app/state_file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

namespace weir::agent {
namespace {

Error failed(std::string_view what, const std::string& path) {
  return Error{boost::system::error_code(errno, boost::system::system_category()),
               fmt::format("cannot {} {}: {}", what, path, std::strerror(errno))};
}

}  // namespace

StateFile::StateFile(const std::string& directory)
    : path_(directory.empty() ? std::string() : directory + "/origin-agent.state") {}

Result<SavedState> StateFile::read() const {
  if (path_.empty()) return SavedState();
  errno = 0;
  std::ifstream file(path_, std::ios::binary);
  if (!file) {
    if (errno == ENOENT) return SavedState();
    return failed("read", path_);
  }
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  auto state = decode_saved_state(text);
  if (!state) {
    Error error = state.error();
    error.message = fmt::format("{}: {}", path_, error.message);
    return error;
  }
  return state;
}

Result<void> StateFile::write(const SavedState& state) const {
  if (path_.empty()) return {};
  const std::string fresh = path_ + ".new";
  errno = 0;
  {
    std::ofstream file(fresh, std::ios::binary | std::ios::trunc);
    file << encode(state);
    file.close();
    if (!file) return failed("write", fresh);
  }
  if (std::rename(fresh.c_str(), path_.c_str()) != 0) return failed("replace", path_);
  return {};
}

}  // namespace weir::agent
