#include "controlplane/service/pages.h"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

#include "controlplane/service/limits.h"

namespace weir::service {
namespace {

constexpr std::size_t kHashDigits = 16;

/// FNV-1a: tells filters apart; it keeps no secret.
std::string filter_hash(std::string_view filter) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : filter) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return fmt::format("{:016x}", hash);
}

}  // namespace

Result<PageStart> read_page(int page_size, const std::string& page_token, std::string_view filter) {
  const auto invalid = [](const char* message) {
    return make_error(boost::system::errc::invalid_argument, message, Side::kClient);
  };
  if (page_size < 0) return invalid("page_size: must not be negative");
  PageStart start;
  start.size = static_cast<std::size_t>(page_size == 0 ? kPageSizeDefault
                                                       : std::min(page_size, kPageSizeMax));
  if (page_token.empty()) return start;
  if (page_token.size() <= kHashDigits) return invalid("page_token: not from this list");
  if (std::string_view(page_token).substr(0, kHashDigits) != filter_hash(filter)) {
    return invalid("page_token: of a request with other fields; start without a token");
  }
  start.after = page_token.substr(kHashDigits);
  return start;
}

std::string page_token(const std::string& last, std::string_view filter) {
  return last.empty() ? std::string() : filter_hash(filter) + last;
}

}  // namespace weir::service
