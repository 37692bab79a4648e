#include "controlplane/store/redis/client.h"

#include <algorithm>
#include <utility>

#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include "controlplane/store/redis/client_state.h"
#include "controlplane/store/redis/limits.h"
#include "controlplane/store/redis/refusal.h"

namespace weir::store::redis {
namespace {

/// EVALSHA, EVALSHA again behind the text that another command took along, then the text itself.
constexpr std::uint8_t kTriesMax = 3;

double seconds(Duration time) {
  return std::chrono::duration<double>(time).count();
}

/// Refusals after which nothing else will be taken on the same connection.
bool ends_connection(Refusal refusal) {
  switch (refusal) {
    case Refusal::kReadOnly:
    case Refusal::kLoading:
    case Refusal::kMasterDown:
    case Refusal::kNotAuthenticated:
    case Refusal::kCluster:
      return true;
    default:
      return false;
  }
}

}  // namespace

void Client::State::submit(Command command) {
  command.called = clock.now();
  command.deadline = command.called + options.command_deadline;
  const std::string_view why =
      phase == Phase::kStopped ? "the client has stopped" : commands.refusal_of(command);
  if (!why.empty()) {
    boost::asio::post(io, [self = shared_from_this(), why, refused = std::move(command)]() mutable {
      self->finish(refused, CommandError{Failure::kNotConnected, Refusal::kNone, std::string(why)});
    });
    return;
  }
  // Deadlines come in the order of calls: while a timer runs, it is for an earlier one.
  if (command.done && !deadline_armed) arm_deadline(command.deadline);
  if (phase == Phase::kOpen)
    write(std::move(command));
  else
    commands.wait(std::move(command));
}

void Client::State::write(Command command) {
  ++command.tries;
  // Behind the first text of a script its name is enough: Redis reads them in this order.
  const bool with_text =
      command.script != nullptr &&
      (command.tries == kTriesMax ||
       (command.tries > 1 && texts_written.insert(command.script->sha()).second));
  scratch.clear();
  command.append_to(scratch, run_id, with_text);
  connection->write(scratch);
  commands.written(std::move(command));
}

void Client::State::flush_waiting() {
  while (auto command = commands.take_waiting()) write(std::move(*command));
}

void Client::State::answered(Reply reply) {
  auto command = commands.take_answered();
  if (!command) return lose("an answer to nothing: not the protocol of Redis");
  if (reply.is_error()) {
    refused(std::move(*command), std::move(reply.text));
  } else {
    const bool was_in_trouble = !logged_topic.empty();
    if (was_in_trouble) trouble.succeeded(command->name());
    finish(*command, std::move(reply));
    if (was_in_trouble && phase == Phase::kOpen) note_trouble();
  }
  if (phase == Phase::kLeaving && !commands.any_written()) lose(leaving_because);
}

void Client::State::refused(Command command, std::string text) {
  const Refusal refusal = classify(text);
  const bool again = refusal == Refusal::kNoScript && command.script != nullptr &&
                     command.tries < kTriesMax && phase == Phase::kOpen;
  if (again) {
    // Nobody waits for it any more: then it has failed, and stays undone.
    if (command.done) write(std::move(command));
    return;
  }
  if (is_trouble(refusal) && !ends_connection(refusal)) {
    trouble.refused(command.name(), text, clock.now());
    note_trouble();
  }
  finish(command, CommandError{Failure::kRefused, refusal, printable(text)});
  if (ends_connection(refusal)) leave(explain(text));
}

void Client::State::finish(Command& command, Answer answer) {
  if (!command.done) return;
  metrics.answered(answer, seconds(clock.now() - command.called));
  auto done = std::exchange(command.done, {});
  done(std::move(answer));
}

void Client::State::fail_written(const std::string& why) {
  std::deque<Command> gone = commands.take_written();
  for (Command& command : gone)
    finish(command, CommandError{Failure::kNoAnswer, Refusal::kNone, why});
}

void Client::State::fail_waiting() {
  std::deque<Command> gone = commands.take_all_waiting();
  for (Command& command : gone)
    finish(command,
           CommandError{Failure::kNotConnected, Refusal::kNone, trouble.text(clock.now())});
}

void Client::State::arm_deadline(MonotonicTime due) {
  deadline_armed = true;
  const MonotonicTime now = clock.now();
  const Duration after = std::max<Duration>(due - now, std::chrono::milliseconds(1));
  expected_expiry = now + after;
  deadline_timer.expires_after(after);
  deadline_timer.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    if (const auto self = weak.lock(); self && !error) self->expire();
  });
}

void Client::State::expire() {
  const MonotonicTime now = clock.now();
  if (now > expected_expiry + kStoodStill) {
    expected_expiry = now + kLookAgain;
    deadline_timer.expires_after(kLookAgain);
    deadline_timer.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
      if (const auto self = weak.lock(); self && !error) self->expire();
    });
    return;
  }
  deadline_armed = false;
  std::vector<Command> waiting = commands.take_expired_waiting(now);
  std::vector<Command> written = commands.take_expired_written(now);
  for (Command& command : waiting)
    finish(command, CommandError{Failure::kNotConnected, Refusal::kNone, trouble.text(now)});
  for (Command& command : written)
    finish(command,
           CommandError{Failure::kNoAnswer, Refusal::kNone, "Redis did not answer in time"});
  if (phase == Phase::kStopped || deadline_armed) return;
  if (const auto due = commands.next_deadline()) arm_deadline(*due);
}

void Client::State::stop() {
  if (phase == Phase::kStopped) return;
  const bool was_open = phase == Phase::kOpen || phase == Phase::kLeaving;
  phase = Phase::kStopped;
  events = {};
  pause_timer.cancel();
  deadline_timer.cancel();
  finder.reset();
  watches.clear();
  connection.reset();
  run_id.clear();
  if (was_open) metrics.connected(false);
  trouble.unconnected("the client has stopped");
  fail_written("the client has stopped");
  fail_waiting();
}

Client::Client(boost::asio::io_context& io, const Clock& clock, Random& random, Options options,
               log::Logger log, metrics::Registry& registry)
    : state_(std::make_shared<State>(io, clock, random, std::move(options), std::move(log),
                                     registry)) {}

Client::~Client() {
  state_->stop();
}

Result<void> Client::start(ClientEvents events) {
  return state_->start(std::move(events));
}

void Client::stop() {
  state_->stop();
}

void Client::run(const Script& script, std::vector<std::string> keys, std::vector<std::string> args,
                 Callback<void(Answer)> done) {
  Command command;
  command.script = &script;
  command.keys = std::move(keys);
  command.args = std::move(args);
  command.done = std::move(done);
  state_->submit(std::move(command));
}

void Client::command(std::vector<std::string> args, Callback<void(Answer)> done) {
  WEIR_ASSERT(!args.empty());
  Command command;
  command.args = std::move(args);
  command.done = std::move(done);
  state_->submit(std::move(command));
}

bool Client::connected() const {
  return state_->phase == State::Phase::kOpen;
}

const std::string& Client::run_id() const {
  return state_->run_id;
}

std::string Client::trouble() const {
  return state_->trouble.text(state_->clock.now());
}

const Options& Client::options() const {
  return state_->options;
}

}  // namespace weir::store::redis
