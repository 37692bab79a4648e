// Stream keys from what clients say: a key that is accepted is within its limit, has no empty part,
// and reads back from its own text.

#include <cstdint>
#include <string_view>

#include "common/base/contract.h"
#include "common/base/stream_key.h"

namespace {

void check(const weir::StreamKey& key) {
  WEIR_ASSERT(!key.vhost().empty() && !key.app().empty() && !key.stream().empty());
  WEIR_ASSERT(key.str().size() <= weir::kStreamKeyBytesMax);
  WEIR_ASSERT(key.str() == key.vhost() + "/" + key.app() + "/" + key.stream());
  for (const char c : key.str()) WEIR_ASSERT(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F);
  const auto again = weir::parse_stream_key(key.str());
  WEIR_ASSERT(again.has_value() && *again == key);
}

std::string_view cut(std::string_view& text) {
  const auto end = text.find('\n');
  const std::string_view part = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  return part;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const weir::VhostRules kRules({"media.example.com"});
  std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto key = weir::parse_stream_key(text)) check(*key);
  const std::string_view tc_url = cut(text);
  const std::string_view app = cut(text);
  if (const auto key = weir::stream_key_from_rtmp(tc_url, app, text, kRules)) check(*key);
  return 0;
}
