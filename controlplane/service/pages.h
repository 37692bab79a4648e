#pragma once
// Pages of lists: sizes and opaque tokens (house rules: pagination). Threading: pure.

#include <cstddef>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace weir::service {

struct PageStart {
  std::size_t size = 0;
  std::string after;  ///< name of the last item of the page before; empty = from the start
};

/// `filter`: every other field of the request, in a fixed form: a token is good only for the filter
/// it was made with. Errors (invalid_argument): a negative size, a token that is not one or is of
/// another filter.
Result<PageStart> read_page(int page_size, const std::string& page_token, std::string_view filter);
/// Empty for the last page.
std::string page_token(const std::string& last, std::string_view filter);

}  // namespace weir::service
