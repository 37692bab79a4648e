#pragma once
// ProtoPeerCodec: bulletins, broadcasts and mail as weir.peer.v1, for the store.
//
// Purpose: the only place that knows how replicas write to one another. Bytes that cannot be
// understood, or that name what cannot be (an empty id, an impossible stream key), are refused
// whole or left out one by one; numbers out of range are brought into it. Threading: pure, no
// state. Lifetime: self-contained.

#include "controlplane/core/peer_messages.h"

namespace weir::peering {

class ProtoPeerCodec final : public core::PeerCodec {
 public:
  std::string encode(const core::Bulletin& bulletin) const override;
  std::string encode(const core::Broadcast& broadcast) const override;
  std::string encode(const core::Mail& mail) const override;
  std::optional<core::Bulletin> decode_bulletin(std::string_view bytes) const override;
  std::optional<core::Broadcast> decode_broadcast(std::string_view bytes) const override;
  std::optional<core::Mail> decode_mail(std::string_view bytes) const override;
};

}  // namespace weir::peering
