// What replicas read out of the store: whatever is understood is written again and understood the
// same way.

#include <cstdint>
#include <string_view>

#include "common/base/contract.h"
#include "controlplane/peering/peer_codec.h"

namespace {

using weir::peering::ProtoPeerCodec;

void check(const ProtoPeerCodec& codec, const weir::core::Bulletin& bulletin) {
  const auto again = codec.decode_bulletin(codec.encode(bulletin));
  WEIR_ASSERT(again && again->instance == bulletin.instance);
  WEIR_ASSERT(again->agents.size() == bulletin.agents.size());
  for (std::size_t at = 0; at < bulletin.agents.size(); ++at) {
    WEIR_ASSERT(again->agents[at].agent == bulletin.agents[at].agent);
    WEIR_ASSERT(again->agents[at].silence == bulletin.agents[at].silence);
    WEIR_ASSERT(again->agents[at].origins.size() == bulletin.agents[at].origins.size());
  }
  WEIR_ASSERT(again->forwarders.size() == bulletin.forwarders.size());
  WEIR_ASSERT(again->probes.size() == bulletin.probes.size());
  WEIR_ASSERT(again->players_wait == bulletin.players_wait);
}

void check(const ProtoPeerCodec& codec, const weir::core::Broadcast& broadcast) {
  const auto again = codec.decode_broadcast(codec.encode(broadcast));
  WEIR_ASSERT(again && again->instance == broadcast.instance);
  WEIR_ASSERT(again->dials.size() == broadcast.dials.size());
  WEIR_ASSERT(again->charges.size() == broadcast.charges.size());
  for (const auto& charge : broadcast.charges) {
    WEIR_ASSERT(charge.streams > 0 && charge.bits_per_second >= 0);
  }
  WEIR_ASSERT(again->events.size() == broadcast.events.size());
}

void check(const ProtoPeerCodec& codec, const weir::core::Mail& mail) {
  const auto again = codec.decode_mail(codec.encode(mail));
  WEIR_ASSERT(again && again->instance == mail.instance && again->question == mail.question);
  WEIR_ASSERT(again->body.index() == mail.body.index());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ProtoPeerCodec codec;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 3) {
    case 0:
      if (const auto bulletin = codec.decode_bulletin(bytes)) check(codec, *bulletin);
      break;
    case 1:
      if (const auto broadcast = codec.decode_broadcast(bytes)) check(codec, *broadcast);
      break;
    default:
      if (const auto mail = codec.decode_mail(bytes)) check(codec, *mail);
  }
  return 0;
}
