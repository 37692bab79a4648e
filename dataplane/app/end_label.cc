#include "dataplane/app/end_label.h"

#include <algorithm>
#include <array>
#include <utility>

namespace weir::forwarder {
namespace {

/// What a reason says before its first colon.
constexpr auto kLabels = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"client closed", "CLIENT_CLOSED"},
    {"client ended its stream", "CLIENT_CLOSED"},
    {"player closed its stream", "CLIENT_CLOSED"},
    {"player deleted its stream", "CLIENT_CLOSED"},
    {"client sent nothing", "CLIENT_TIMEOUT"},
    {"client sent nothing for long", "CLIENT_TIMEOUT"},
    {"client did not finish the handshake in time", "CLIENT_TIMEOUT"},
    {"client did not send connect in time", "CLIENT_TIMEOUT"},
    {"client did not publish or play in time", "CLIENT_TIMEOUT"},
    {"client deadline", "CLIENT_TIMEOUT"},
    {"client", "CLIENT_PROTOCOL"},
    {"handshake", "CLIENT_PROTOCOL"},
    {"PROXY header refused", "PROXY_HEADER"},
    {"PROXY header malformed", "PROXY_HEADER"},
    {"command before connect", "CLIENT_PROTOCOL"},
    {"client sent a malformed command", "CLIENT_PROTOCOL"},
    {"client sent connect twice", "CLIENT_PROTOCOL"},
    {"client sent connect without an object", "CLIENT_PROTOCOL"},
    {"client created too many streams", "CLIENT_LIMIT"},
    {"client requested too many streams", "CLIENT_LIMIT"},
    {"client sent too many commands before publish or play", "CLIENT_LIMIT"},
    {"client sent too much before publish or play", "CLIENT_LIMIT"},
    {"client sent too much before the origin accepted", "CLIENT_LIMIT"},
    {"client sent too much in connect", "CLIENT_LIMIT"},
    {"client sent too much behind the stream name", "CLIENT_LIMIT"},
    {"client address has too many", "ADDRESS_LIMIT"},
    {"bad stream name", "BAD_STREAM_NAME"},
    {"rejected", "BAD_STREAM_NAME"},
    {"stream held", "STREAM_HELD"},
    {"no origin accepted the stream in time", "NO_ORIGIN"},
    {"nobody published the stream in time", "NO_PUBLISHER"},
    {"too many players wait", "WAITING_LIMIT"},
    {"origin refused", "ORIGIN_REFUSED"},
    {"origin does not serve the stream", "ORIGIN_REFUSED"},
    {"origin lost", "ORIGIN_CLOSED"},
    {"origin closed the player's leg", "ORIGIN_CLOSED"},
    {"origin", "ORIGIN_PROTOCOL"},
    {"the stream has ended", "STREAM_ENDED"},
    {"the stream moved to another origin", "STREAM_MOVED"},
    {"the connection closed", "CONNECTION_CLOSED"},
    {"fenced", "FENCED"},
    {"taken over", "TAKEN_OVER"},
    {"too many bytes queued", "SHED"},
    {"forwarder stops", "SHUTDOWN"},
    {"the forwarder stops", "SHUTDOWN"},
});

}  // namespace

std::string_view end_label(std::string_view reason) {
  const std::string_view name = reason.substr(0, reason.find(':'));
  const auto* found =
      std::find_if(kLabels.begin(), kLabels.end(), [&](const auto& l) { return l.first == name; });
  return found == kLabels.end() ? "OTHER" : found->second;
}

}  // namespace weir::forwarder
