#pragma once
// What replicas tell one another through the store, as plain values: bulletins, broadcasts, mail.
//
// Purpose: controlplane/peering turns them into bytes and back. None of it decides about ownership,
// and any of it may be late or lost. Threading: values. Lifetime: self-contained.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/stream_key.h"
#include "controlplane/core/events.h"
#include "controlplane/core/messages.h"
#include "controlplane/model/origin.h"

namespace weir::core {

// --- bulletins: a replica as it stands

struct PeerOrigin {
  OriginId origin;
  IncarnationId incarnation;  ///< empty = not registered yet
  bool running = false;
  bool probe_answered = false;
  std::optional<model::Load> load;
  Duration load_age{};
};

struct PeerAgent {
  AgentId agent;
  std::string instance;
  std::uint64_t attach = 0;
  Duration silence{};       ///< since its last message
  Duration attached_for{};  ///< this stream of it
  std::vector<PeerOrigin> origins;
  std::uint32_t rejected = 0;
  std::uint32_t waiting = 0;  ///< for a process to run
};

struct PeerForwarder {
  ForwarderId forwarder;
  std::string instance;
  std::uint64_t attach = 0;
  Duration silence{};
  Duration attached_for{};
  std::string version;
  std::string zone;
  std::vector<model::Endpoint> listeners;
  WallTime first_attached{};
  std::uint32_t unidentified = 0;
  std::uint32_t publishers = 0;
  std::uint32_t players = 0;
  std::vector<IncarnationId> active_incarnations;
};

struct PeerProbe {
  OriginId origin;
  IncarnationId incarnation;
  std::uint64_t number = 0;  ///< counts up: each is taken once
  ContactOutcome outcome = ContactOutcome::kAnswered;
};

struct Bulletin {
  std::string instance;  ///< unique for the run of the replica
  std::string version;
  std::uint64_t sequence = 0;
  std::uint64_t generation = 0;
  Duration uptime{};
  Duration store_age{};
  std::string store_trouble;
  std::vector<PeerAgent> agents;          ///< complete
  std::vector<PeerForwarder> forwarders;  ///< complete
  std::vector<PeerProbe> probes;
  std::vector<StreamKey> players_wait;
};

// --- broadcasts

struct PeerDial {
  ForwarderId forwarder;
  IncarnationId incarnation;
  ContactOutcome outcome = ContactOutcome::kAnswered;
  std::uint32_t count = 1;
};

struct PeerCharge {
  IncarnationId incarnation;
  std::uint32_t streams = 0;
  double bits_per_second = 0;
};

struct Broadcast {
  std::string instance;
  std::vector<PeerDial> dials;
  std::vector<PeerCharge> charges;
  std::vector<Event> events;
  bool introduce = false;  ///< its sender knows nobody yet
};

// --- mail: questions and answers

struct AskSessions {
  ForwarderId forwarder;
  std::vector<SessionId> sessions;
};
struct SessionsKnown {
  bool answered = false;
  std::vector<SessionFacts> sessions;
};
struct CloseRemote {
  ForwarderId forwarder;
  SessionId session;
  CloseReason reason = CloseReason::kTakenOver;
};
struct RemoteClosed {};
struct ListRemote {
  SessionId after;
  std::uint32_t limit = 0;
  std::string stream;
  ForwarderId forwarder;
};
struct RemotePage {
  std::vector<ClientSession> sessions;  ///< in order of id; media_idle as of the answer
  bool more = false;
  std::vector<ForwarderId> unreachable;
};
struct KickRemote {
  SessionId session;
};
struct RemoteKicked {
  std::optional<ClientSession> session;
  bool kicked = false;
};

struct Mail {
  std::string instance;  ///< of who asks, also in the answer
  std::uint64_t question = 0;
  std::variant<AskSessions, CloseRemote, ListRemote, KickRemote, SessionsKnown, RemoteClosed,
               RemotePage, RemoteKicked>
      body;
};

/// Bytes of these, for the store. What cannot be understood is nothing: it comes from a replica of
/// another version, or from whoever else writes to the store.
class PeerCodec {
 public:
  virtual ~PeerCodec() = default;
  virtual std::string encode(const Bulletin& bulletin) const = 0;
  virtual std::string encode(const Broadcast& broadcast) const = 0;
  virtual std::string encode(const Mail& mail) const = 0;
  virtual std::optional<Bulletin> decode_bulletin(std::string_view bytes) const = 0;
  virtual std::optional<Broadcast> decode_broadcast(std::string_view bytes) const = 0;
  virtual std::optional<Mail> decode_mail(std::string_view bytes) const = 0;
};

}  // namespace weir::core
