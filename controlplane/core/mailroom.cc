#include "controlplane/core/mailroom.h"

#include <utility>

#include "controlplane/core/limits.h"

namespace weir::core {
namespace {

bool is_question(const Mailroom::Body& body) {
  return std::holds_alternative<AskSessions>(body) || std::holds_alternative<CloseRemote>(body) ||
         std::holds_alternative<ListRemote>(body) || std::holds_alternative<KickRemote>(body);
}

}  // namespace

Mailroom::Mailroom(Context& context, const Replicas& replicas)
    : context_(context), replicas_(replicas) {}

void Mailroom::ask(store::Mailbox to, Body question, Duration patience, Answered done) {
  if (context_.codec == nullptr || open_.size() >= kMailOpenMax) {
    context_.executor.post([done = std::move(done)]() mutable { done(std::nullopt); });
    return;
  }
  const std::uint64_t number = ++last_question_;
  const TimerId timer = context_.executor.run_after(patience, [this, number] {
    count("unanswered");
    finish(number, std::nullopt);
  });
  open_.emplace(number, Open{std::move(done), timer});
  send(std::move(to), Mail{replicas_.instance(), number, std::move(question)}, patience,
       [this, number](bool sent) {
         if (sent) return count("asked");
         count("refused");
         finish(number, std::nullopt);
       });
}

void Mailroom::send(store::Mailbox to, const Mail& mail, Duration deadline,
                    Callback<void(bool)> done) {
  store::Command command;
  command.id = fmt::format("{}.{}", replicas_.instance(), ++last_command_);
  command.from = context_.options.replica;
  command.bytes = context_.codec->encode(mail);
  command.deadline = deadline;
  context_.store.send_command(std::move(to), std::move(command),
                              [done = std::move(done)](store::Reply<bool> reply) mutable {
                                const bool* sent = std::get_if<bool>(&reply);
                                done(sent != nullptr && *sent);
                              });
}

void Mailroom::came(const store::Mailbox& mailbox) {
  const bool ours = mailbox.kind == store::Mailbox::Kind::kReplica
                        ? mailbox.id == context_.options.replica.str()
                        : mailbox.kind == store::Mailbox::Kind::kForwarder && attached_here &&
                              attached_here(ForwarderId(mailbox.id));
  if (ours) take(mailbox);
}

void Mailroom::attached(const ForwarderId& forwarder) {
  if (context_.codec == nullptr || replicas_.others().empty()) return;
  take({store::Mailbox::Kind::kForwarder, forwarder.str()});
}

void Mailroom::take(const store::Mailbox& mailbox) {
  if (context_.codec == nullptr) return;
  context_.store.take_commands(mailbox, [this](store::Reply<std::vector<store::Command>> reply) {
    const auto* commands = std::get_if<std::vector<store::Command>>(&reply);
    if (commands == nullptr) return;  // who asked gives up by himself
    for (const store::Command& command : *commands) read(command);
  });
}

void Mailroom::read(const store::Command& command) {
  auto mail = context_.codec->decode_mail(command.bytes);
  if (!mail) return count("not_understood");
  if (!is_question(mail->body)) {
    if (mail->instance == replicas_.instance()) finish(mail->question, std::move(mail->body));
    return;
  }
  if (!on_question) return;
  on_question(mail->body, [this, asker = mail->instance, number = mail->question,
                           from = command.from](Body answer) {
    Mail out{asker, number, std::move(answer)};
    // A page is cut to what a mailbox takes: the rest is on the next one.
    if (auto* page = std::get_if<RemotePage>(&out.body)) {
      while (page->sessions.size() > 1 &&
             context_.codec->encode(out).size() > store::kCommandBytesMax) {
        page->sessions.resize(page->sessions.size() / 2);
        page->more = true;
      }
    }
    send({store::Mailbox::Kind::kReplica, from.str()}, out, kGatherDeadline,
         [this](bool sent) { count(sent ? "answered" : "refused"); });
  });
}

void Mailroom::finish(std::uint64_t question, std::optional<Body> answer) {
  auto node = open_.extract(question);
  if (node.empty()) return;
  context_.executor.cancel(node.mapped().timer);
  node.mapped().done(std::move(answer));
}

void Mailroom::count(const char* what) {
  context_.metrics
      .counter("weir_controlplane_mail_total", "Questions between replicas, by what became of them",
               {{"what", what}})
      .add();
}

}  // namespace weir::core
