#pragma once
// Values that several messages of weir.peer.v1 have in common.
// Threading: pure. Lifetime: values.

#include <chrono>
#include <cstdint>
#include <string_view>

#include "common/base/clock.h"
#include "controlplane/core/messages.h"
#include "weir/peer/v1/peer.pb.h"

namespace weir::peering {

namespace wire = weir::peer::v1;

/// Longer than any age that means something, and far from where sums overflow.
inline constexpr std::uint64_t kMillisecondsMax = 1'000'000'000'000;
/// Ids and other words of a peer: longer ones are not of this program.
inline constexpr std::size_t kWordBytesMax = 1'024;

std::uint64_t to_ms(Duration duration);
Duration from_ms(std::uint64_t ms);
std::int64_t to_ms(WallTime time);
WallTime wall_from_ms(std::int64_t ms);
/// A name that can be one.
bool is_word(std::string_view text);

wire::Outcome to_wire(core::ContactOutcome outcome);
/// What is not known counts as kUnreachable, which is evidence against nobody but the path.
core::ContactOutcome from_wire(wire::Outcome outcome);

std::uint32_t to_wire(model::Protocol protocol);
model::Protocol protocol_from_wire(std::uint32_t protocol);

void write_session(const core::ClientSession& session, wire::Session* out);
/// False: it names no session, forwarder or stream.
bool read_session(const wire::Session& session, core::ClientSession& out);

}  // namespace weir::peering
