// Mail: questions between replicas and their answers.

#include <utility>

#include "common/base/contract.h"
#include "controlplane/peering/peer_codec.h"
#include "controlplane/peering/peer_values.h"

namespace weir::peering {
namespace {

using Body = decltype(core::Mail::body);

core::CloseReason close_reason(std::uint32_t number) {
  if (number == 1) return core::CloseReason::kTakenOver;
  return number == 3 ? core::CloseReason::kKicked : core::CloseReason::kFenced;
}

struct Writer {
  wire::Mail& out;

  void operator()(const core::AskSessions& ask) const {
    auto* to = out.mutable_ask_sessions();
    to->set_forwarder(ask.forwarder.str());
    for (const SessionId& session : ask.sessions) to->add_sessions(session.str());
  }
  void operator()(const core::CloseRemote& close) const {
    auto* to = out.mutable_close_session();
    to->set_forwarder(close.forwarder.str());
    to->set_session(close.session.str());
    to->set_reason(static_cast<std::uint32_t>(close.reason) + 1);
  }
  void operator()(const core::ListRemote& list) const {
    auto* to = out.mutable_list_sessions();
    to->set_after(list.after.str());
    to->set_limit(list.limit);
    to->set_stream(list.stream);
    to->set_forwarder(list.forwarder.str());
  }
  void operator()(const core::KickRemote& kick) const {
    out.mutable_kick_session()->set_session(kick.session.str());
  }
  void operator()(const core::SessionsKnown& known) const {
    auto* to = out.mutable_sessions_known();
    to->set_answered(known.answered);
    for (const core::SessionFacts& facts : known.sessions) {
      auto* one = to->add_sessions();
      one->set_session(facts.session.str());
      if (facts.media_idle) one->set_media_idle_ms(to_ms(*facts.media_idle));
      one->set_waiting(facts.waiting);
      if (facts.active_for) one->set_active_for_ms(to_ms(*facts.active_for));
    }
  }
  void operator()(const core::RemoteClosed&) const { out.mutable_session_closed(); }
  void operator()(const core::RemotePage& page) const {
    auto* to = out.mutable_session_page();
    for (const auto& session : page.sessions) write_session(session, to->add_sessions());
    to->set_more(page.more);
    for (const auto& forwarder : page.unreachable) to->add_unreachable(forwarder.str());
  }
  void operator()(const core::RemoteKicked& kicked) const {
    auto* to = out.mutable_session_kicked();
    if (kicked.session) write_session(*kicked.session, to->mutable_session());
    to->set_kicked(kicked.kicked);
  }
};

std::optional<Body> read_question(const wire::Mail& in) {
  if (in.has_ask_sessions()) {
    core::AskSessions ask{ForwarderId(in.ask_sessions().forwarder()), {}};
    for (const auto& session : in.ask_sessions().sessions()) ask.sessions.emplace_back(session);
    return ask;
  }
  if (in.has_close_session()) {
    const auto& close = in.close_session();
    return core::CloseRemote{ForwarderId(close.forwarder()), SessionId(close.session()),
                             close_reason(close.reason())};
  }
  if (in.has_list_sessions()) {
    const auto& list = in.list_sessions();
    return core::ListRemote{SessionId(list.after()), list.limit(), list.stream(),
                            ForwarderId(list.forwarder())};
  }
  if (in.has_kick_session()) return core::KickRemote{SessionId(in.kick_session().session())};
  return std::nullopt;
}

core::SessionsKnown read_known(const wire::SessionsKnown& in) {
  core::SessionsKnown known{in.answered(), {}};
  for (const wire::SessionFacts& facts : in.sessions()) {
    core::SessionFacts& to = known.sessions.emplace_back();
    to.session = SessionId(facts.session());
    if (facts.has_media_idle_ms()) to.media_idle = from_ms(facts.media_idle_ms());
    to.waiting = facts.waiting();
    if (facts.has_active_for_ms()) to.active_for = from_ms(facts.active_for_ms());
  }
  return known;
}

std::optional<Body> read_answer(const wire::Mail& in) {
  if (in.has_sessions_known()) return read_known(in.sessions_known());
  if (in.has_session_closed()) return core::RemoteClosed{};
  if (in.has_session_page()) {
    core::RemotePage page;
    for (const auto& session : in.session_page().sessions()) {
      core::ClientSession one;
      if (read_session(session, one)) page.sessions.push_back(std::move(one));
    }
    page.more = in.session_page().more();
    for (const auto& away : in.session_page().unreachable()) page.unreachable.emplace_back(away);
    return page;
  }
  if (in.has_session_kicked()) {
    core::RemoteKicked kicked;
    core::ClientSession session;
    if (in.session_kicked().has_session() && read_session(in.session_kicked().session(), session)) {
      kicked.session = std::move(session);
    }
    kicked.kicked = in.session_kicked().kicked();
    return kicked;
  }
  return std::nullopt;
}

}  // namespace

std::string ProtoPeerCodec::encode(const core::Mail& mail) const {
  wire::Mail out;
  out.set_instance(mail.instance);
  out.set_question(mail.question);
  std::visit(Writer{out}, mail.body);
  return out.SerializeAsString();
}

std::optional<core::Mail> ProtoPeerCodec::decode_mail(std::string_view bytes) const {
  wire::Mail in;
  if (!in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return std::nullopt;
  if (!is_word(in.instance())) return std::nullopt;
  auto body = read_question(in);
  if (!body) body = read_answer(in);
  if (!body) return std::nullopt;
  return core::Mail{in.instance(), in.question(), std::move(*body)};
}

}  // namespace weir::peering
