#include "controlplane/store/memory/post_office.h"

#include <algorithm>

#include "controlplane/store/limits.h"

namespace weir::store {

bool PostOffice::put_bulletin(const ReplicaId& from, const std::string& bytes, MonotonicTime now) {
  if (bytes.size() > kBulletinBytesMax) return false;
  if (!bulletins_.contains(from) && bulletins_.size() >= kReplicasMax) return false;
  bulletins_[from] = now + kBulletinExpiry;
  return true;
}

std::optional<ReplicaId> PostOffice::next_expired_bulletin(MonotonicTime now) {
  const auto expired = std::find_if(bulletins_.begin(), bulletins_.end(),
                                    [&](const auto& entry) { return entry.second <= now; });
  if (expired == bulletins_.end()) return std::nullopt;
  const ReplicaId from = expired->first;
  bulletins_.erase(expired);
  return from;
}

bool PostOffice::send(const Mailbox& to, Command command, MonotonicTime now) {
  if (command.bytes.size() > kCommandBytesMax) return false;
  const Address address{to.kind, to.id};
  const auto found = mail_.find(address);
  if (found == mail_.end() ? mail_.size() >= kMailboxesMax
                           : found->second.size() >= kMailboxCommandsMax) {
    return false;
  }
  const MonotonicTime until = now + command.deadline;
  mail_[address].push_back({std::move(command), until});
  mail_expiries_.emplace(until, address);
  return true;
}

std::vector<Command> PostOffice::take(const Mailbox& from, MonotonicTime now) {
  std::vector<Command> taken;
  auto node = mail_.extract({from.kind, from.id});
  if (node.empty()) return taken;
  for (Sent& sent : node.mapped()) {
    if (sent.until <= now) continue;
    sent.command.deadline = sent.until - now;
    taken.push_back(std::move(sent.command));
  }
  return taken;
}

bool PostOffice::put_media_session(std::string ufrag, std::string bytes, Duration expiry,
                                   MonotonicTime now) {
  if (bytes.size() > kRecordBytesMax) return false;
  if (!media_sessions_.contains(ufrag) && media_sessions_.size() >= kMediaSessionsMax) return false;
  const MonotonicTime until = now + std::min<Duration>(expiry, kMediaSessionExpiryMax);
  media_expiries_.emplace(until, ufrag);
  media_sessions_.insert_or_assign(std::move(ufrag), MediaSession{std::move(bytes), until});
  return true;
}

std::optional<std::string> PostOffice::find_media_session(const std::string& ufrag,
                                                          MonotonicTime now) const {
  const auto found = media_sessions_.find(ufrag);
  if (found == media_sessions_.end() || found->second.until <= now) return std::nullopt;
  return found->second.bytes;
}

void PostOffice::forget_old(MonotonicTime now) {
  while (!mail_expiries_.empty() && mail_expiries_.begin()->first <= now) {
    const auto found = mail_.find(mail_expiries_.begin()->second);
    if (found != mail_.end()) {
      std::erase_if(found->second, [&](const Sent& sent) { return sent.until <= now; });
      if (found->second.empty()) mail_.erase(found);
    }
    mail_expiries_.erase(mail_expiries_.begin());
  }
  while (!media_expiries_.empty() && media_expiries_.begin()->first <= now) {
    const auto found = media_sessions_.find(media_expiries_.begin()->second);
    if (found != media_sessions_.end() && found->second.until <= now) media_sessions_.erase(found);
    media_expiries_.erase(media_expiries_.begin());
  }
}

}  // namespace weir::store
