#include "controlplane/core/cluster_sessions.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "controlplane/core/limits.h"

namespace weir::core {

/// One list under way.
struct ClusterSessions::Gathering {
  ListedSessionsQuery query;
  std::function<void(SessionsPage)> respond;
  std::size_t open = 0;
  std::map<SessionId, ClientSession> found;
  /// What lies beyond is not known: a replica had more than it told.
  std::optional<SessionId> known_to;
  std::set<std::string> unreachable;

  void take(const ClientSession& session) { found.try_emplace(session.id, session); }
  void cut(const SessionId& last) {
    if (!known_to || last < *known_to) known_to = last;
  }
};

struct ClusterSessions::Kicking {
  SessionId session;
  std::string reason;
  std::string window_id;
  Respond<SessionInfo> respond;
  std::size_t open = 0;
  std::optional<ClientSession> found;
  bool done = false;
  std::set<std::string> silent;
};

ClusterSessions::ClusterSessions(Context& context, EventRing& events, const Replicas& replicas,
                                 Mailroom& mailroom, SessionDesk& desk, Listing& listing,
                                 const SessionTable& sessions)
    : context_(context),
      events_(events),
      replicas_(replicas),
      mailroom_(mailroom),
      desk_(desk),
      listing_(listing),
      sessions_(sessions) {}

void ClusterSessions::tick() {
  window_.expire(context_.clock.now());
}

// ---------------------------------------------------------------------------------------- lists

void ClusterSessions::list(ListedSessionsQuery query, std::function<void(SessionsPage)> respond) {
  auto gathering = std::make_shared<Gathering>();
  gathering->query = std::move(query);
  gathering->respond = std::move(respond);
  const ListedSessionsQuery& of = gathering->query;
  const auto here = listing_.sessions(of.after, of.limit, of.stream, of.forwarder);
  for (const SessionInfo& info : here.items) gathering->take(info.session);
  if (!here.next.empty()) gathering->cut(SessionId(here.next));
  for (const ForwarderId& away : listing_.unreachable(of.forwarder)) {
    gathering->unreachable.insert("forwarders/" + away.str());
  }
  name_missing(of.forwarder,
               [&](std::string away) { gathering->unreachable.insert(std::move(away)); });
  // Of one that is attached here nobody else knows.
  const bool here_only =
      !of.forwarder.empty() && desk_.where(of.forwarder) == SessionDesk::Where::kHere;
  gathering->open = 1;
  for (const auto& [id, replica] : replicas_.others()) {
    if (here_only) break;
    // Whatever its bulletin says: a forwarder may have come to it since.
    ++gathering->open;
    const ListRemote question{SessionId(of.after), static_cast<std::uint32_t>(of.limit), of.stream,
                              of.forwarder};
    mailroom_.ask({store::Mailbox::Kind::kReplica, id.str()}, question, kGatherDeadline,
                  [this, gathering, from = id](const std::optional<Mailroom::Body>& body) {
                    const auto* page = body ? std::get_if<RemotePage>(&*body) : nullptr;
                    if (page == nullptr) {
                      gathering->unreachable.insert("replicas/" + from.str());
                    } else {
                      for (const ClientSession& session : page->sessions) gathering->take(session);
                      if (page->more && !page->sessions.empty())
                        gathering->cut(page->sessions.back().id);
                      for (const ForwarderId& away : page->unreachable) {
                        gathering->unreachable.insert("forwarders/" + away.str());
                      }
                    }
                    if (--gathering->open == 0) merge(gathering);
                  });
  }
  if (--gathering->open == 0) merge(gathering);
}

void ClusterSessions::name_missing(const ForwarderId& only,
                                   const std::function<void(std::string)>& name) const {
  for (const auto& [forwarder, replica] : replicas_.missing()) {
    if (!only.empty() && forwarder != only) continue;
    if (desk_.where(forwarder) == SessionDesk::Where::kHere) continue;
    name("forwarders/" + forwarder.str());
    name("replicas/" + replica.str());
  }
}

void ClusterSessions::merge(const std::shared_ptr<Gathering>& gathering) {
  SessionsPage page;
  bool more = gathering->known_to.has_value();
  for (auto& [id, session] : gathering->found) {
    if (page.items.size() == gathering->query.limit ||
        (gathering->known_to && id > *gathering->known_to)) {
      more = true;
      break;
    }
    page.items.push_back({std::move(session)});
  }
  if (more && !page.items.empty()) page.next = page.items.back().session.id.str();
  page.unreachable.assign(gathering->unreachable.begin(), gathering->unreachable.end());
  gathering->respond(std::move(page));
}

void ClusterSessions::answer(const ListRemote& question, Callback<void(Mailroom::Body)> respond) {
  const std::size_t limit = std::min<std::size_t>(question.limit, kSessionsPerMail);
  auto page = listing_.sessions(question.after.str(), limit, question.stream, question.forwarder);
  RemotePage out;
  for (SessionInfo& info : page.items) out.sessions.push_back(std::move(info.session));
  out.more = !page.next.empty();
  out.unreachable = listing_.unreachable(question.forwarder);
  respond(std::move(out));
}

// ---------------------------------------------------------------------------------------- kicks

void ClusterSessions::kick(const SessionId& session, const std::string& reason,
                           const std::string& request_id, Respond<SessionInfo> respond) {
  const std::string window_id = request_id.empty() ? "" : request_id + '\n' + session.str();
  auto first = window_.enter(window_id, std::move(respond), context_.clock.now());
  if (!first) return;
  auto kicking = std::make_shared<Kicking>();
  kicking->session = session;
  kicking->reason = reason;
  kicking->window_id = window_id;
  kicking->respond = std::move(*first);
  kicking->open = 1;
  const auto* entry = sessions_.find(session);
  if (entry != nullptr) kicking->found = entry->session;
  if (entry != nullptr && desk_.where(entry->session.forwarder) == SessionDesk::Where::kHere) {
    ++kicking->open;
    kick_here(entry->session, [this, kicking](bool done) {
      kicking->done = done;
      if (--kicking->open == 0) kicked(kicking);
    });
  } else {
    name_missing({}, [&](std::string away) { kicking->silent.insert(std::move(away)); });
    for (const auto& [id, replica] : replicas_.others()) {
      ++kicking->open;
      mailroom_.ask({store::Mailbox::Kind::kReplica, id.str()}, KickRemote{session},
                    kGatherDeadline,
                    [this, kicking, from = id](std::optional<Mailroom::Body> body) {
                      auto* answer = body ? std::get_if<RemoteKicked>(&*body) : nullptr;
                      if (answer == nullptr) {
                        kicking->silent.insert("replicas/" + from.str());
                      } else if (answer->session && !kicking->done) {
                        kicking->found = std::move(answer->session);
                        kicking->done = answer->kicked;
                      }
                      if (--kicking->open == 0) kicked(kicking);
                    });
    }
  }
  if (--kicking->open == 0) kicked(kicking);
}

void ClusterSessions::kick_here(const ClientSession& session, Callback<void(bool)> done) {
  if (desk_.where(session.forwarder) != SessionDesk::Where::kHere) return done(false);
  desk_.close_here(session.forwarder, session.id, CloseReason::kKicked, std::move(done));
}

void ClusterSessions::kicked(const std::shared_ptr<Kicking>& kicking) {
  const std::string name = "sessions/" + kicking->session.str();
  const auto answer = [&]() -> Answer<SessionInfo> {
    if (kicking->found && kicking->done) return SessionInfo{*kicking->found};
    if (kicking->found) {
      return CoreError{Reason::kBusyRetry,
                       fmt::format("its forwarder {} is not attached, or does not answer",
                                   kicking->found->forwarder.str()),
                       name,
                       {{"unreachable", "forwarders/" + kicking->found->forwarder.str()}},
                       kRetryBusy};
    }
    if (!kicking->silent.empty()) {
      return CoreError{
          Reason::kBusyRetry,
          fmt::format("not known here, and {} did not answer", fmt::join(kicking->silent, ", ")),
          name,
          {{"unreachable", fmt::format("{}", fmt::join(kicking->silent, ","))}},
          kRetryBusy};
    }
    return CoreError{Reason::kSessionNotFound,
                     fmt::format("session {} is not known", kicking->session.str()),
                     name,
                     {},
                     std::nullopt};
  }();
  if (const auto* ended = std::get_if<SessionInfo>(&answer)) {
    events_.add("SESSION_KICKED", Severity::kInfo, name,
                kicking->reason.empty() ? "ended by order"
                                        : fmt::format("ended by order: {}", kicking->reason),
                {{"forwarder", ended->session.forwarder.str()},
                 {"stream", ended->session.stream.str()},
                 {"reason", kicking->reason}});
  }
  window_.finish(kicking->window_id, answer);
  kicking->respond(answer);
}

void ClusterSessions::answer(const KickRemote& question, Callback<void(Mailroom::Body)> respond) {
  const auto* entry = sessions_.find(question.session);
  if (entry == nullptr) return respond(RemoteKicked{});
  kick_here(entry->session,
            [session = entry->session, respond = std::move(respond)](bool done) mutable {
              respond(RemoteKicked{std::move(session), done});
            });
}

}  // namespace weir::core
