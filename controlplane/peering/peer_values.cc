#include "controlplane/peering/peer_values.h"

#include <algorithm>

#include "common/base/contract.h"
#include "common/base/stream_key.h"

namespace weir::peering {

using std::chrono::milliseconds;

std::uint64_t to_ms(Duration duration) {
  const auto ms = std::chrono::duration_cast<milliseconds>(duration).count();
  return ms < 0 ? 0 : std::min(static_cast<std::uint64_t>(ms), kMillisecondsMax);
}

Duration from_ms(std::uint64_t ms) {
  return milliseconds(static_cast<std::int64_t>(std::min(ms, kMillisecondsMax)));
}

std::int64_t to_ms(WallTime time) {
  return std::chrono::duration_cast<milliseconds>(time.time_since_epoch()).count();
}

WallTime wall_from_ms(std::int64_t ms) {
  // Year 2255: beyond it the calendar's nanoseconds do not fit.
  constexpr std::int64_t kMax = 9'000'000'000'000;
  return WallTime(milliseconds(std::clamp(ms, std::int64_t{0}, kMax)));
}

bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= kWordBytesMax;
}

wire::Outcome to_wire(core::ContactOutcome outcome) {
  switch (outcome) {
    case core::ContactOutcome::kAnswered:
      return wire::OUTCOME_ANSWERED;
    case core::ContactOutcome::kRefused:
      return wire::OUTCOME_REFUSED;
    case core::ContactOutcome::kReset:
      return wire::OUTCOME_RESET;
    case core::ContactOutcome::kTimedOut:
      return wire::OUTCOME_TIMED_OUT;
    case core::ContactOutcome::kUnreachable:
      return wire::OUTCOME_UNREACHABLE;
    case core::ContactOutcome::kTurnedAway:
      return wire::OUTCOME_TURNED_AWAY;
  }
  WEIR_UNREACHABLE("contact outcome");
}

core::ContactOutcome from_wire(wire::Outcome outcome) {
  switch (outcome) {
    case wire::OUTCOME_ANSWERED:
      return core::ContactOutcome::kAnswered;
    case wire::OUTCOME_REFUSED:
      return core::ContactOutcome::kRefused;
    case wire::OUTCOME_RESET:
      return core::ContactOutcome::kReset;
    case wire::OUTCOME_TIMED_OUT:
      return core::ContactOutcome::kTimedOut;
    case wire::OUTCOME_TURNED_AWAY:
      return core::ContactOutcome::kTurnedAway;
    default:
      return core::ContactOutcome::kUnreachable;
  }
}

std::uint32_t to_wire(model::Protocol protocol) {
  return static_cast<std::uint32_t>(protocol) + 1;
}

model::Protocol protocol_from_wire(std::uint32_t protocol) {
  if (protocol < 1 || protocol > 4) return model::Protocol::kRtmp;
  return static_cast<model::Protocol>(protocol - 1);
}

void write_session(const core::ClientSession& session, wire::Session* out) {
  out->set_session(session.id.str());
  out->set_forwarder(session.forwarder.str());
  out->set_stream(session.stream.str());
  out->set_intent(session.intent == core::Intent::kPublish ? 1 : 2);
  out->set_state(static_cast<std::uint32_t>(session.state) + 1);
  out->set_protocol(to_wire(session.protocol));
  out->set_client_address(session.client_address);
  out->set_client_agent(session.client_agent);
  out->set_origin(session.origin.str());
  out->set_incarnation(session.incarnation.str());
  out->set_epoch_generation(session.epoch.generation);
  out->set_epoch_counter(session.epoch.counter);
  out->set_create_time_ms(to_ms(session.create_time));
  out->set_media_bytes(session.media_bytes);
  if (session.media_idle) out->set_media_idle_ms(to_ms(*session.media_idle));
}

bool read_session(const wire::Session& session, core::ClientSession& out) {
  auto stream = parse_stream_key(session.stream());
  if (!stream || !is_word(session.session()) || !is_word(session.forwarder())) return false;
  out.id = SessionId(session.session());
  out.forwarder = ForwarderId(session.forwarder());
  out.stream = std::move(*stream);
  out.intent = session.intent() == 1 ? core::Intent::kPublish : core::Intent::kPlay;
  out.state = session.state() == 3   ? core::SessionState::kActive
              : session.state() == 2 ? core::SessionState::kConnecting
                                     : core::SessionState::kWaiting;
  out.protocol = protocol_from_wire(session.protocol());
  out.client_address = session.client_address();
  out.client_agent = session.client_agent();
  out.origin = OriginId(session.origin());
  out.incarnation = IncarnationId(session.incarnation());
  out.epoch = {session.epoch_generation(), session.epoch_counter()};
  out.create_time = wall_from_ms(session.create_time_ms());
  out.media_bytes = session.media_bytes();
  if (session.has_media_idle_ms()) out.media_idle = from_ms(session.media_idle_ms());
  return true;
}

}  // namespace weir::peering
