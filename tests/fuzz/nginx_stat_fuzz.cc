// Statistics pages as a hostile or broken server might print them: no crash, and what is accepted
// stays within the limits. Seeds: tests/vectors/nginx_stat.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/base/contract.h"
#include "origin-agent/source/limits.h"
#include "origin-agent/source/nginx_rtmp/stat_page.h"
#include "origin-agent/source/nginx_rtmp/xml_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto page =
      weir::agent::parse_stat_page(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!page) return 0;
  WEIR_ASSERT(page->pid > 0);
  WEIR_ASSERT(page->streams.size() <= weir::agent::kStatStreamsMax);
  return 0;
}
