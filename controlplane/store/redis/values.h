#pragma once
// Placements, origins and records as they stand in Redis (lua/placement.lua, origin.lua,
// record.lua).
//
// Purpose: scripts write them, this reads them; what cannot be read is nullopt, never a guess.
// Threading: pure. Lifetime: values.

#include <optional>
#include <string>
#include <string_view>

#include "controlplane/store/redis/words.h"
#include "controlplane/store/state_store.h"

namespace weir::store::redis {

/// `s|<forwarder>|<session>`, `d`, `e|<name>`
std::string holder_word(const model::Holder& holder);
/// The forwarder's word; empty: not a session.
std::string forwarder_word(const model::Holder& holder);
std::optional<model::Holder> parse_holder(std::string_view word);

char state_letter(model::PlacementState state);
std::optional<model::Placement> parse_placement(std::string_view stream, std::string_view packed);

/// `|<protocol>/<address>|…|`: where it can be met, to know it again.
std::string places_word(const model::OriginDescription& description);
/// All but its id; written by replicas, kept by scripts as it is.
std::string pack_description(const model::OriginDescription& description);
std::optional<OriginRecord> parse_origin(std::string_view id, std::string_view packed);

/// `policy`, `pin`, …
std::string_view kind_word(RecordKind kind);
/// `field`: `<kind> <name>`.
std::optional<Record> parse_record(std::string_view field, std::string_view packed);

/// At most kVerdictBytesMax bytes, no character cut in half.
std::string bounded_verdict(std::string verdict);

/// What a feed entry of `kind` says; nullopt: it cannot be read.
std::optional<decltype(Change::what)> parse_change(Revision revision, std::string_view kind,
                                                   std::string_view text);
/// `<generation>-<number>`
std::optional<Revision> parse_revision(std::string_view text, char separator);

}  // namespace weir::store::redis
