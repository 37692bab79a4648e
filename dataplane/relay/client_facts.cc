#include "dataplane/relay/client_facts.h"

#include "common/base/utf8.h"
#include "dataplane/protocol/amf/reader.h"
#include "dataplane/relay/session_limits.h"

namespace weir::relay {
namespace {

std::string_view connect_string(const std::vector<std::uint8_t>& arguments, std::string_view name) {
  const auto object = amf::Reader(arguments).next();
  return object ? amf::string_property(*object, name) : std::string_view{};
}

}  // namespace

std::string_view ConnectFacts::app() const {
  return connect_string(arguments, "app");
}

std::string_view ConnectFacts::tc_url() const {
  return connect_string(arguments, "tcUrl");
}

std::string ConnectFacts::agent() const {
  return to_utf8(connect_string(arguments, "flashVer"), kClientAgentBytesMax);
}

bool ConnectFacts::reconnects() const {
  const auto object = amf::Reader(arguments).next();
  const auto caps = object ? amf::number_property(*object, "capsEx") : std::nullopt;
  constexpr double kCapsMax = 0xFFFFFFFF;
  if (!caps || !(*caps >= 0 && *caps <= kCapsMax)) return false;
  return (static_cast<std::uint32_t>(*caps) & 1U) != 0;
}

}  // namespace weir::relay
