#pragma once
// Mailroom: questions to whoever has a forwarder, or to a replica, and the answers (design 4,
// send_command).
//
// Purpose: one place for numbers, deadlines and mailboxes; what a question means is decided by
// on_question. A question that nobody answers in time is answered with nothing. Threading: the
// core's thread. Lifetime: questions under way are dropped with it.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>

#include "controlplane/core/context.h"
#include "controlplane/core/peer_messages.h"
#include "controlplane/core/replicas.h"

namespace weir::core {

class Mailroom {
 public:
  using Body = decltype(Mail::body);
  using Answered = Callback<void(std::optional<Body>)>;

  Mailroom(Context& context, const Replicas& replicas);

  /// Answered within `patience`, later than this call.
  void ask(store::Mailbox to, Body question, Duration patience, Answered done);
  /// The store says that there is something in a mailbox.
  void came(const store::Mailbox& mailbox);
  /// A peer has just attached: what came for it before is for us.
  void attached(const ForwarderId& forwarder);

  /// Answers later; a question that is not ours is not answered.
  std::function<void(const Body& question, Callback<void(Body)> answer)> on_question;
  std::function<bool(const ForwarderId&)> attached_here;

 private:
  struct Open {
    Answered done;
    TimerId timer = 0;
  };

  void take(const store::Mailbox& mailbox);
  void read(const store::Command& command);
  void send(store::Mailbox to, const Mail& mail, Duration deadline, Callback<void(bool)> done);
  void finish(std::uint64_t question, std::optional<Body> answer);
  void count(const char* what);

  Context& context_;
  const Replicas& replicas_;
  std::unordered_map<std::uint64_t, Open> open_;
  std::uint64_t last_question_ = 0;
  std::uint64_t last_command_ = 0;
};

}  // namespace weir::core
