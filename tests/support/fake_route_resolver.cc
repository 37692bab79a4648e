#include "tests/support/fake_route_resolver.h"

#include <utility>

#include "common/base/contract.h"

namespace weir::test {

using routing::AcquireAnswer;
using routing::AcquireRequest;
using routing::Route;
using routing::RouteUpdate;
using routing::SessionInfo;

Route make_route(const std::string& origin, std::uint64_t epoch_counter,
                 const std::string& holder_session, const std::string& incarnation) {
  Route route;
  route.origin = OriginId(origin);
  route.incarnation = IncarnationId(incarnation.empty() ? origin + "-1" : incarnation);
  route.rtmp_endpoints = {origin + ":1935"};
  route.epoch = {.generation = 1, .counter = epoch_counter};
  route.holder_session = SessionId(holder_session);
  return route;
}

class FakeRouteResolver::WatcherHandle final : public routing::Subscription {
 public:
  explicit WatcherHandle(std::shared_ptr<Watcher> watcher) : watcher_(std::move(watcher)) {}
  ~WatcherHandle() override { watcher_->dropped = true; }

 private:
  std::shared_ptr<Watcher> watcher_;
};

FakeRouteResolver::~FakeRouteResolver() {
  for (const auto& [id, session] : sessions_) WEIR_ASSERT(session.ended.has_value());
}

void FakeRouteResolver::session_started(const SessionInfo& info, routing::SessionControl& control) {
  WEIR_ASSERT(!sessions_.contains(info.id));
  sessions_[info.id] = {.info = info, .states = {info.state}, .control = &control};
}

void FakeRouteResolver::session_changed(const SessionInfo& info) {
  Session& session = sessions_.at(info.id);
  WEIR_ASSERT(!session.ended);
  session.info = info;
  session.states.push_back(info.state);
}

void FakeRouteResolver::session_ended(const SessionId& id, std::string reason) {
  Session& session = sessions_.at(id);
  WEIR_ASSERT(!session.ended);
  session.ended = std::move(reason);
  session.control = nullptr;
}

void FakeRouteResolver::acquire(AcquireRequest request, Callback<void(AcquireAnswer)> answer) {
  for (const auto& [session, callback] : open_) WEIR_ASSERT(session != request.session);
  open_.emplace_back(request.session, std::move(answer));
  requests_.push_back(std::move(request));
}

std::unique_ptr<routing::Subscription> FakeRouteResolver::watch(
    const StreamKey& stream, routing::Intent, Callback<void(const RouteUpdate&)> on_update) {
  auto watcher = std::make_shared<Watcher>();
  watcher->stream = stream;
  watcher->on_update = std::move(on_update);
  watchers_.push_back(watcher);
  return std::make_unique<WatcherHandle>(std::move(watcher));
}

void FakeRouteResolver::report_dial(const IncarnationId& incarnation,
                                    routing::ContactOutcome outcome, Duration dial_time) {
  dials_.push_back({incarnation, outcome, dial_time});
}

void FakeRouteResolver::note_bytes_from(const IncarnationId& incarnation) {
  noted_.push_back(incarnation);
}

void FakeRouteResolver::answer(AcquireAnswer answer) {
  WEIR_ASSERT(!open_.empty());
  auto callback = std::move(open_.front().second);
  open_.pop_front();
  callback(std::move(answer));
}

void FakeRouteResolver::place(const StreamKey& stream, Route route) {
  ++revision_;
  route.revision = {.generation = 1, .number = revision_};
  routes_[stream] = std::move(route);
  for (const auto& watcher : std::vector(watchers_))
    if (watcher->stream == stream) tell(*watcher);
}

void FakeRouteResolver::unplace(const StreamKey& stream) {
  ++revision_;
  routes_.erase(stream);
  for (const auto& watcher : std::vector(watchers_))
    if (watcher->stream == stream) tell(*watcher);
}

void FakeRouteResolver::deliver() {
  if (silent_) return;
  for (const auto& watcher : std::vector(watchers_))
    if (!watcher->told) tell(*watcher);
}

void FakeRouteResolver::tell(Watcher& watcher) {
  if (watcher.dropped) return;
  watcher.told = true;
  RouteUpdate update{.stream = watcher.stream, .revision = {.generation = 1, .number = revision_}};
  if (const auto found = routes_.find(watcher.stream); found != routes_.end())
    update.route = found->second;
  watcher.on_update(update);
}

FakeRouteResolver::Session& FakeRouteResolver::only_session() {
  WEIR_ASSERT(sessions_.size() == 1);
  return sessions_.begin()->second;
}

std::size_t FakeRouteResolver::watchers() const {
  std::size_t count = 0;
  for (const auto& watcher : watchers_) count += watcher->dropped ? 0 : 1;
  return count;
}

}  // namespace weir::test
