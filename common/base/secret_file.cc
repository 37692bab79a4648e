#include "common/base/secret_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include <fmt/format.h>

namespace weir {

Result<Secret> read_secret_file(const std::string& path, const std::string& flag) {
  const auto refuse = [&](const std::string& what) {
    return make_error(boost::system::errc::operation_not_permitted,
                      fmt::format("{} {}: {}", flag, path, what));
  };
  std::ifstream in(path);
  std::string token;
  if (!in) return refuse(fmt::format("cannot be read: {}", std::strerror(errno)));
  std::getline(in, token);
  while (!token.empty() && (token.back() == '\r' || token.back() == ' ')) token.pop_back();
  if (token.empty()) return refuse("its first line is empty; write the token there");
  // The token travels in a header: anything but visible ASCII would not arrive as written.
  if (!std::ranges::all_of(token, [](char c) { return c > ' ' && c < 0x7f; }))
    return refuse("the token holds other characters than visible ASCII");
  return Secret(std::move(token));
}

}  // namespace weir
