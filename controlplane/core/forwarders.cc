#include "controlplane/core/forwarders.h"

#include <utility>

#include "controlplane/core/limits.h"

namespace weir::core {
namespace {

std::string forwarder_name(const ForwarderId& id) {
  return "forwarders/" + id.str();
}

/// Why a hello cannot be taken; empty = it can.
std::string_view refusal(const ForwarderHello& hello) {
  if (hello.forwarder.empty() || hello.forwarder.str().size() > kTextBytesMax) {
    return "the hello names no forwarder id, or one that is too long";
  }
  if (hello.instance.empty()) return "the hello names no instance";
  if (hello.sessions.size() > kSessionsPerForwarderMax) return "too many sessions in the hello";
  if (hello.interests.size() > kInterestsPerForwarderMax) return "too many interests in the hello";
  return {};
}

}  // namespace

Forwarders::Forwarders(Context& context, ClusterView& view, Generation& generation,
                       EventRing& events, ForwarderListener& listener)
    : context_(context),
      view_(view),
      generation_(generation),
      events_(events),
      listener_(listener) {}

void Forwarders::opened(const std::shared_ptr<ForwarderLink>& link) {
  context_.executor.run_after(kHelloWithin, [this, waiting = std::weak_ptr(link)] {
    const auto link = waiting.lock();
    if (link && !links_.contains(link.get())) {
      link->end(Reason::kInvalidField, "no hello came within 5 s");
    }
  });
}

void Forwarders::message(const std::shared_ptr<ForwarderLink>& link, ForwarderUp message) {
  const auto attached = links_.find(link.get());
  if (auto* first = std::get_if<ForwarderHello>(&message)) {
    if (attached != links_.end())
      return link->end(Reason::kInvalidField, "a hello comes once, as the first message");
    return hello(link, std::move(*first));
  }
  // Messages of a stream that was ended may still be on their way.
  if (attached == links_.end())
    return link->end(Reason::kInvalidField, "the first message is a hello");
  ForwarderRecord& record = records_.at(attached->second);
  record.last_seen = context_.clock.now();
  record.heard_since_renewal = true;
  dispatch(record, message);
}

void Forwarders::hello(const std::shared_ptr<ForwarderLink>& link, ForwarderHello hello) {
  if (const auto why = refusal(hello); !why.empty()) return link->end(Reason::kInvalidField, why);
  generation_.seen(hello.generation_seen);
  if (!generation_.ready())
    return link->end(Reason::kStoreUnavailable, "the store cannot be reached yet");
  const AttachStream stream{hello.instance, hello.attach, context_.clock.now()};
  const auto known = records_.find(hello.forwarder);
  const bool late = known != records_.end() && known->second.stream.counted_with(stream) &&
                    known->second.stream.newer_than(stream);
  if (late || (superseded && superseded(hello.forwarder, stream))) {
    return link->end(Reason::kBusyRetry, "a newer stream of this forwarder is attached");
  }
  if (known == records_.end() && records_.size() >= kForwardersMax) {
    return link->end(Reason::kLimitReached, "too many forwarders");
  }
  ForwarderRecord& record = records_[hello.forwarder];
  const bool other_run = record.instance != hello.instance;
  if (record.link) {
    if (other_run) {
      events_.add("FORWARDER_REPLACED", Severity::kWarning, forwarder_name(hello.forwarder),
                  "another process attached under the same id; the older one was let go");
    }
    const auto older = record.link;
    detach(record);
    older->end(Reason::kBusyRetry, "another stream of this forwarder id was attached");
  }
  if (other_run) record.first_attached = context_.clock.wall_now();
  record.id = hello.forwarder;
  record.instance = hello.instance;
  record.version = hello.version;
  record.zone = hello.zone;
  record.listeners = hello.listeners;
  record.unidentified = hello.unidentified;
  record.stream = stream;
  record.active_incarnations.clear();
  record.link = link;
  record.last_seen = context_.clock.now();
  record.detached_since.reset();
  links_.emplace(link.get(), record.id);
  link->send(
      ForwarderWelcome{context_.options.replica, generation_.value(), context_.options.vhosts});
  link->send(generation_.heartbeat());
  renew(record);
  events_.add("FORWARDER_ATTACHED", Severity::kInfo, forwarder_name(record.id),
              fmt::format("version {}, {} sessions", record.version, hello.sessions.size()),
              {{"instance", record.instance}});
  listener_.forwarder_attached(hello);
}

void Forwarders::dispatch(ForwarderRecord& record, ForwarderUp& message) {
  const ForwarderId id = record.id;
  if (auto* sessions = std::get_if<SessionChanges>(&message)) {
    // Whose they are is known from the stream they came on.
    for (ClientSession& session : sessions->upserted) session.forwarder = id;
    listener_.sessions_changed(id, *sessions);
  } else if (auto* dial = std::get_if<DialReport>(&message)) {
    listener_.dial_reported(id, *dial);
  } else if (auto* interest = std::get_if<RouteInterest>(&message)) {
    listener_.interest_changed(id, *interest);
  } else if (auto* answer = std::get_if<SessionAnswer>(&message)) {
    const auto query = queries_.find(answer->query);
    // Only who was asked can answer.
    if (query == queries_.end() || query->second.forwarder != id) return;
    answer_query(answer->query, std::move(answer->sessions));
  } else if (auto* heartbeat = std::get_if<ForwarderHeartbeat>(&message)) {
    record.unidentified = heartbeat->unidentified;
    record.active_incarnations = heartbeat->active_incarnations;
    if (record.active_incarnations.size() > kActiveIncarnationsMax) {
      record.active_incarnations.resize(kActiveIncarnationsMax);
    }
    listener_.bytes_seen(id, heartbeat->active_incarnations);
  } else if (auto* claim = std::get_if<ClaimRequest>(&message)) {
    listener_.claimed(id, *claim);
  }
}

void Forwarders::closed(const std::shared_ptr<ForwarderLink>& link) {
  const auto found = links_.find(link.get());
  if (found == links_.end()) return;
  detach(records_.at(found->second));
}

void Forwarders::detach(ForwarderRecord& record) {
  const ForwarderId id = record.id;
  links_.erase(record.link.get());
  record.link.reset();
  record.detached_since = context_.clock.now();
  std::vector<std::uint64_t> unanswered;
  for (const auto& [number, query] : queries_) {
    if (query.forwarder == id) unanswered.push_back(number);
  }
  for (const std::uint64_t number : unanswered) answer_query(number, std::nullopt);
  events_.add("FORWARDER_DETACHED", Severity::kWarning, forwarder_name(id),
              "its attach stream has ended; its sessions run on");
  listener_.forwarder_detached(id);
}

void Forwarders::let_go(const ForwarderId& forwarder) {
  const auto found = records_.find(forwarder);
  if (found == records_.end()) return;
  const auto link = found->second.link;
  if (link) {
    detach(found->second);
    link->end(Reason::kBusyRetry, "this forwarder is attached to another replica");
  }
  records_.erase(forwarder);
  listener_.forwarder_moved(forwarder);
}

void Forwarders::heartbeat() {
  send_all(generation_.heartbeat());
}

void Forwarders::tick() {
  const MonotonicTime now = context_.clock.now();
  std::vector<std::shared_ptr<ForwarderLink>> silent;
  std::vector<ForwarderId> forgotten;
  const bool renewal_due = now - renewed_at_ >= kRenewInterval;
  if (renewal_due) renewed_at_ = now;
  for (auto& [id, record] : records_) {
    if (record.link == nullptr) {
      if (now - *record.detached_since >= kDetachedKept) forgotten.push_back(id);
    } else if (now - record.last_seen >= kForwarderSilenceMax) {
      silent.push_back(record.link);
    } else if (renewal_due && record.heard_since_renewal) {
      renew(record);
    }
  }
  for (const auto& link : silent) {
    closed(link);
    link->end(Reason::kBusyRetry, "no message for 3 s");
  }
  for (const auto& id : forgotten) {
    records_.erase(id);
    listener_.forwarder_forgotten(id);
  }
}

void Forwarders::end_all(std::string_view reason) {
  for (auto& [id, record] : records_) {
    if (record.link) record.link->end(Reason::kShuttingDown, reason);
  }
}

void Forwarders::renew(ForwarderRecord& record) {
  record.heard_since_renewal = false;
  context_.store.renew_forwarder(record.id, view_.caller(), [this](store::Reply<bool> reply) {
    if (const auto* error = std::get_if<store::StoreError>(&reply)) generation_.note(*error);
  });
}

void Forwarders::send(const ForwarderId& forwarder, ForwarderDown message) {
  const auto found = records_.find(forwarder);
  if (found != records_.end() && found->second.link) found->second.link->send(std::move(message));
}

void Forwarders::send_all(const ForwarderDown& message) {
  for (const auto& [id, record] : records_) {
    if (record.link) record.link->send(message);
  }
}

void Forwarders::ask(const ForwarderId& forwarder, std::vector<SessionId> sessions,
                     Callback<void(Facts)> done) {
  const auto query = open_query(forwarder, kSessionQueryTimeout, std::move(done));
  if (query != 0) send(forwarder, SessionQuery{query, std::move(sessions)});
}

void Forwarders::close_session(const ForwarderId& forwarder, const SessionId& session,
                               CloseReason reason, Callback<void(bool)> done) {
  const auto query = open_query(
      forwarder, kCloseAnswerTimeout,
      [done = std::move(done)](const Facts& answer) mutable { done(answer.has_value()); });
  if (query != 0) send(forwarder, CloseSession{session, reason, query});
}

std::uint64_t Forwarders::open_query(const ForwarderId& forwarder, Duration timeout,
                                     Callback<void(Facts)> done) {
  if (!attached(forwarder) || queries_.size() >= kQueriesOpenMax) {
    done(std::nullopt);
    return 0;
  }
  const std::uint64_t number = ++last_query_;
  const TimerId timer =
      context_.executor.run_after(timeout, [this, number] { answer_query(number, std::nullopt); });
  queries_.emplace(number, Query{forwarder, std::move(done), timer});
  return number;
}

void Forwarders::answer_query(std::uint64_t query, Facts facts) {
  auto node = queries_.extract(query);
  if (node.empty()) return;
  context_.executor.cancel(node.mapped().timer);
  node.mapped().done(std::move(facts));
}

bool Forwarders::attached(const ForwarderId& forwarder) const {
  const auto* record = find(forwarder);
  return record != nullptr && record->link != nullptr;
}

const ForwarderRecord* Forwarders::find(const ForwarderId& forwarder) const {
  const auto found = records_.find(forwarder);
  return found == records_.end() ? nullptr : &found->second;
}

}  // namespace weir::core
