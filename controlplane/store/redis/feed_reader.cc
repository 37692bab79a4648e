#include "controlplane/store/redis/feed_reader.h"

#include <utility>

#include "controlplane/store/redis/script_limits.h"
#include "controlplane/store/redis/values.h"

namespace weir::store::redis {
namespace {

/// `<kind> <id>`, as send_command.lua is given it.
std::optional<Mailbox> parse_mailbox(std::string_view word) {
  const auto space = word.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  const auto kind = to_number(word.substr(0, space));
  auto id = from_word(word.substr(space + 1));
  if (!kind || *kind > static_cast<std::uint64_t>(Mailbox::Kind::kReplica) || !id) {
    return std::nullopt;
  }
  return Mailbox{static_cast<Mailbox::Kind>(*kind), *std::move(id)};
}

}  // namespace

FeedReader::FeedReader(Executor& executor, const Clock& clock, ScriptCaller& scripts)
    : executor_(executor), clock_(clock), scripts_(scripts), read_to_end_(clock.now()) {
  schedule(Duration::zero());
}

FeedReader::~FeedReader() {
  executor_.cancel(timer_);
  *alive_ = false;
  for (auto& [id, subscriber] : subscribers_) {
    subscriber->ended = true;
    if (subscriber->ready()) continue;
    executor_.post(
        [done = std::move(subscriber->done)]() mutable { done(StoreError::kUnavailable); });
  }
}

Duration FeedReader::age() const {
  return clock_.now() - read_to_end_;
}

// --------------------------------------------------------------------------------- the poll

void FeedReader::schedule(Duration delay) {
  timer_ = executor_.run_after(delay, [this] { poll(); });
}

void FeedReader::poll() {
  polled_at_ = clock_.now();
  Caller caller;
  std::vector<std::string> args;
  if (read_) {
    caller.highest_seen = *read_;
    args = {number_word(read_->generation), number_word(read_->number)};
  } else {
    args = {"", "0"};
  }
  args.push_back(std::to_string(kChangesPerPoll));
  args.push_back(bulletins_seen_);
  args.push_back(broadcasts_seen_);
  args.push_back(mail_seen_);
  scripts_.call(store_scripts().poll, kFirstShard, caller, std::move(args),
                [this, alive = alive_, asked = read_](ScriptCaller::Outcome outcome) {
                  if (*alive) on_poll(asked, std::move(outcome));
                });
}

void FeedReader::on_poll(std::optional<Revision> asked, ScriptCaller::Outcome outcome) {
  const auto alive = alive_;
  std::vector<Change> changes;
  bool more = false;
  if (const auto* error = std::get_if<StoreError>(&outcome)) {
    if (*error == StoreError::kHistoryLost) {
      changes.push_back({{}, Change::HistoryLost{}});
      refuse_waiting();
      if (!*alive) return;
    }
  } else {
    Fields& fields = std::get<Fields>(outcome);
    const bool gap = !take_changes(asked, fields, changes, more);
    const bool notices = take_notices(fields, changes);
    if (fields.failed() || !notices) scripts_.unexpected(store_scripts().poll);
    if (fields.failed()) {
      changes.clear();
      more = false;
    } else if (!more) {
      // It says how things were when it was asked for, however late it is read.
      read_to_end_ = polled_at_;
    }
    if (gap && !fields.failed()) reset();
  }
  if (!*alive) return;
  deliver(changes);
  if (*alive) schedule(more ? Duration::zero() : Duration(kPollInterval));
}

/// False: there is a gap between what was read and what is here.
bool FeedReader::take_changes(std::optional<Revision> asked, Fields& fields,
                              std::vector<Change>& changes, bool& more) {
  const auto last = parse_revision(fields.text(), '-');
  more = fields.flag();
  const bool gap = fields.flag();
  const std::vector<std::string> entries = fields.texts(3);
  if (!last) fields.fail();
  // A snapshot began meanwhile: the next poll reads from there.
  if (fields.failed() || asked != read_) return true;
  bool readable = true;
  for (std::size_t i = 0; i < entries.size(); i += 3) {
    const auto revision = parse_revision(entries[i], '-');
    auto what = revision ? parse_change(*revision, entries[i + 1], entries[i + 2]) : std::nullopt;
    readable = readable && what;
    if (what) changes.push_back({*revision, *std::move(what)});
  }
  read_ = *last;
  return !gap && readable;
}

bool FeedReader::take_notices(Fields& fields, std::vector<Change>& changes) {
  std::string bulletins_seen = fields.text();
  std::vector<std::string> bulletins = fields.texts(2);
  std::string broadcasts_seen = fields.text();
  std::vector<std::string> broadcasts = fields.texts(2);
  std::string mail_seen = fields.text();
  const std::vector<std::string> mail = fields.texts(1);
  if (fields.failed()) return false;
  bulletins_seen_ = std::move(bulletins_seen);
  broadcasts_seen_ = std::move(broadcasts_seen);
  mail_seen_ = std::move(mail_seen);
  bool readable = true;
  for (std::size_t i = 0; i < bulletins.size(); i += 2) {
    auto from = from_word(bulletins[i]);
    const bool present = bulletins[i + 1].starts_with('1');
    readable = readable && from;
    if (!from) continue;
    std::optional<std::string> bytes;
    if (present) bytes = bulletins[i + 1].substr(1);
    changes.push_back({{}, Change::BulletinChanged{ReplicaId(*std::move(from)), std::move(bytes)}});
  }
  for (std::size_t i = 0; i < broadcasts.size(); i += 2) {
    auto from = from_word(broadcasts[i]);
    readable = readable && from;
    if (!from) continue;
    changes.push_back(
        {{}, Change::BroadcastReceived{ReplicaId(*std::move(from)), std::move(broadcasts[i + 1])}});
  }
  for (const std::string& word : mail) {
    auto mailbox = parse_mailbox(word);
    readable = readable && mailbox;
    if (mailbox) changes.push_back({{}, Change::MailCame{*std::move(mailbox)}});
  }
  return readable;
}

// --------------------------------------------------------------------------- subscribers

std::uint64_t FeedReader::add(Done<Snapshot> done, StateStore::Feed on_change) {
  auto subscriber = std::make_shared<Subscriber>();
  subscriber->on_change = std::move(on_change);
  subscriber->done = std::move(done);
  subscribers_.emplace(++last_subscription_, subscriber);
  read_all(subscriber);
  return last_subscription_;
}

void FeedReader::remove(std::uint64_t subscription) {
  const auto found = subscribers_.find(subscription);
  if (found == subscribers_.end()) return;
  const auto subscriber = found->second;
  subscribers_.erase(found);
  subscriber->ended = true;
  subscriber->reading.reset();
  if (subscriber->ready()) return;
  executor_.post(
      [done = std::exchange(subscriber->done, {})]() mutable { done(StoreError::kUnavailable); });
}

void FeedReader::read_all(const std::shared_ptr<Subscriber>& subscriber) {
  subscriber->kept.clear();
  subscriber->draft.reset();
  const std::weak_ptr<Subscriber> weak = subscriber;
  subscriber->reading = read_snapshot(
      scripts_,
      [this](Revision first) {
        // The first of all readers: the feed is read from where its snapshot began.
        if (!read_) read_ = first;
      },
      [this, weak](std::variant<SnapshotDraft, StoreError> outcome) {
        const auto reader = weak.lock();
        if (!reader || reader->ended) return;
        if (const auto* error = std::get_if<StoreError>(&outcome)) {
          reader->ended = true;
          std::erase_if(subscribers_, [&](const auto& each) { return each.second == reader; });
          return std::exchange(reader->done, {})(*error);
        }
        reader->draft = std::get<SnapshotDraft>(std::move(outcome));
        finish(reader);
      });
}

/// What they wait for cannot come before the generation is raised, which nobody else may do.
void FeedReader::refuse_waiting() {
  const auto alive = alive_;
  const auto subscribers = subscribers_;  // what is called may add and remove
  for (const auto& [id, subscriber] : subscribers) {
    if (subscriber->ended || !subscriber->draft) continue;
    subscriber->ended = true;
    subscribers_.erase(id);
    std::exchange(subscriber->done, {})(StoreError::kHistoryLost);
    if (!*alive) return;
  }
}

/// Delivers the snapshot once all changes up to its end are there.
void FeedReader::finish(const std::shared_ptr<Subscriber>& subscriber) {
  if (!subscriber->draft || !read_ || *read_ < subscriber->draft->last) return;
  SnapshotDraft draft = *std::exchange(subscriber->draft, std::nullopt);
  std::vector<Change> kept = std::exchange(subscriber->kept, {});
  subscriber->reading.reset();
  for (const Change& change : kept) {
    if (change.revision > draft.first && change.revision <= draft.last) draft.apply(change);
  }
  const Revision last = draft.last;
  std::exchange(subscriber->done, {})(draft.take());
  for (const Change& change : kept) {
    if (subscriber->ended) return;
    if (change.revision > last) subscriber->on_change(change);
  }
}

void FeedReader::deliver(const std::vector<Change>& changes) {
  const auto alive = alive_;
  const auto subscribers = subscribers_;  // what is delivered may add and remove
  for (const auto& [id, subscriber] : subscribers) {
    if (subscriber->ready()) {
      for (const Change& change : changes) {
        if (subscriber->ended) break;
        subscriber->on_change(change);
      }
    } else {
      for (const Change& change : changes) {
        if (change.revision != Revision{}) subscriber->kept.push_back(change);
      }
      if (!subscriber->ended) finish(subscriber);
    }
    if (!*alive) return;
  }
}

void FeedReader::reset() {
  const auto alive = alive_;
  const auto subscribers = subscribers_;
  for (const auto& [id, subscriber] : subscribers) {
    if (subscriber->ended) continue;
    if (subscriber->ready()) {
      subscriber->on_change({read_.value_or(Revision{}), Change::Reset{}});
      if (!*alive) return;
    } else {
      read_all(subscriber);
    }
  }
}

}  // namespace weir::store::redis
