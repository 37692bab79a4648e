#pragma once
// `--name=value` flags of the load tool, and its results as one line of JSON.
// Threading: plain values.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace weir::bench {

class Flags {
 public:
  Flags(int argc, char** argv) {
    for (int at = 2; at < argc; ++at) {
      const std::string_view flag = argv[at];
      const auto equals = flag.find('=');
      if (!flag.starts_with("--") || equals == std::string_view::npos) {
        throw std::invalid_argument(fmt::format("{}: write --name=value", flag));
      }
      values_[std::string(flag.substr(2, equals - 2))] = std::string(flag.substr(equals + 1));
    }
  }
  std::string text(const std::string& name, std::string otherwise) const {
    const auto found = values_.find(name);
    return found == values_.end() ? std::move(otherwise) : found->second;
  }
  std::uint64_t number(const std::string& name, std::uint64_t otherwise) const {
    const auto found = values_.find(name);
    return found == values_.end() ? otherwise : std::stoull(found->second);
  }

 private:
  std::map<std::string, std::string> values_;
};

inline void print_results(const std::vector<std::pair<std::string, double>>& results) {
  std::string line;
  for (const auto& [name, value] : results) {
    line += fmt::format("{}\"{}\": {}", line.empty() ? "" : ", ", name, value);
  }
  std::printf("{%s}\n", line.c_str());
  std::fflush(stdout);
}

}  // namespace weir::bench
