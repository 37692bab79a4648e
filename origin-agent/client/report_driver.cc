#include "origin-agent/client/report_driver.h"

#include <algorithm>
#include <utility>

#include "origin-agent/client/limits.h"

namespace weir::agent {
namespace {

/// An origin that neither answers nor refuses must not keep the others from being reported.
constexpr std::chrono::milliseconds kFirstLooksTimeout{2500};
constexpr std::chrono::seconds kUnreachableLineInterval{10};

std::string_view to_string(VerdictReason reason) {
  return reason == VerdictReason::kProcessGone ? "process gone" : "probes failed";
}

}  // namespace

ReportDriver::ReportDriver(Reporter reporter, AttachLink& link, Executor& executor,
                           const Clock& clock, EpochTable& epochs, DriverObserver& observer)
    : reporter_(std::move(reporter)),
      link_(link),
      executor_(executor),
      clock_(clock),
      epochs_(epochs),
      observer_(observer),
      logger_("agent"),
      unreachable_line_(kUnreachableLineInterval) {}

ReportDriver::~ReportDriver() {
  stop();
}

void ReportDriver::start() {
  first_looks_ = executor_.run_after(kFirstLooksTimeout, [this] {
    reporter_.first_looks_over(clock_.now());
    pump();
  });
  reporter_.tick(clock_.now());
  pump();
}

void ReportDriver::stop() {
  if (std::exchange(stopped_, true)) return;
  executor_.cancel(first_looks_);
  executor_.cancel(wakeup_);
  if (saving_ != 0) save();
  link_.close();
}

std::size_t ReportDriver::add_origin(OriginSpec spec) {
  return reporter_.add_origin(std::move(spec));
}

void ReportDriver::change_origin(std::size_t origin, OriginSpec spec) {
  reporter_.change_origin(clock_.now(), origin, std::move(spec));
  pump();
}

void ReportDriver::remove_origin(std::size_t origin) {
  absence_told_.erase(origin);
  reporter_.remove_origin(clock_.now(), origin);
  pump();
}

void ReportDriver::save_soon() {
  if (saving_ == 0) saving_ = executor_.run_after(kSaveDelay, [this] { save(); });
}

void ReportDriver::save() {
  executor_.cancel(std::exchange(saving_, 0));
  observer_.state_changed(reporter_.saved_state());
}

void ReportDriver::pump() {
  // A fake link may answer from inside an action; the loop below takes that up too.
  if (stopped_ || std::exchange(pumping_, true)) return;
  for (auto actions = reporter_.take_actions(); !actions.empty() && !stopped_;
       actions = reporter_.take_actions()) {
    for (ReporterAction& action : actions) act(action);
  }
  pumping_ = false;
  if (stopped_) return;
  if (attached_ != reporter_.attached()) {
    attached_ = reporter_.attached();
    observer_.attached_changed(attached_);
  }
  executor_.cancel(wakeup_);
  const MonotonicTime next = reporter_.next_wakeup();
  if (next == MonotonicTime::max()) return;
  wakeup_ = executor_.run_after(std::max(next - clock_.now(), Duration::zero()), [this] {
    reporter_.tick(clock_.now());
    pump();
  });
}

void ReportDriver::act(ReporterAction& action) {
  if (const auto* open = std::get_if<OpenLink>(&action)) {
    link_.open(open->endpoint, open->anew, *this);
  } else if (const auto* up = std::get_if<SendUp>(&action)) {
    link_.send(up->message);
  } else if (const auto* close = std::get_if<CloseLink>(&action)) {
    logger_.warning("leaving the control-plane replica: {}", close->why);
    link_.close();
  } else if (const auto* ask = std::get_if<AskFreshness>(&action)) {
    link_.ask_freshness(ask->endpoint, [this, endpoint = ask->endpoint](std::optional<bool> stale) {
      reporter_.freshness_told(clock_.now(), endpoint, stale);
      pump();
    });
  } else if (std::holds_alternative<SaveState>(action)) {
    save_soon();
  } else if (const auto* learn = std::get_if<LearnEpoch>(&action)) {
    epochs_.learn(learn->epoch);
  } else if (const auto* news = std::get_if<AcceptedNews>(&action)) {
    const Accepted& accepted = news->accepted;
    const log::Logger logger = logger_.with("origin", accepted.origin.str());
    if (accepted.incarnation.empty()) {
      logger.warning("not accepted: {}", accepted.rejection);
    } else {
      logger.info("process {} is incarnation {} of {}", accepted.process,
                  accepted.incarnation.str(), accepted.accepted_origin.str());
    }
  }
}

log::Logger ReportDriver::logger_of(std::size_t origin) const {
  return logger_.with("origin", reporter_.spec(origin).id.str());
}

void ReportDriver::process_seen(std::size_t origin, const ProcessIdentity& process) {
  logger_of(origin).info("process {} answers", to_text(process));
  absence_told_.erase(origin);
  observer_.origin_answering(origin, true);
  reporter_.process_seen(clock_.now(), origin, process);
  pump();
}

void ReportDriver::process_unanswered(std::size_t origin, const ProcessIdentity& process) {
  logger_of(origin).info("process {} runs and does not answer yet", to_text(process));
  reporter_.process_unanswered(clock_.now(), origin, process);
  pump();
}

void ReportDriver::process_absent(std::size_t origin, const std::string& why) {
  if (absence_told_.insert(origin).second) logger_of(origin).warning("no process: {}", why);
  reporter_.process_absent(clock_.now(), origin);
  pump();
}

void ReportDriver::process_failed(std::size_t origin, VerdictReason reason, MonotonicTime evidence,
                                  const std::string& why) {
  // Said before it is logged: this is what the cluster waits for.
  reporter_.process_failed(clock_.now(), origin, reason, evidence);
  pump();
  logger_of(origin).warning("verdict: {} ({})", to_string(reason), why);
  observer_.origin_answering(origin, false);
  observer_.verdict_given(origin, reason);
}

void ReportDriver::streams_read(std::size_t origin, std::vector<ReportedStream> streams) {
  reporter_.streams_read(origin, std::move(streams));
}

void ReportDriver::load_read(std::size_t origin, const LoadSample& load) {
  reporter_.load_read(origin, load);
  observer_.load_sampled(origin, load);
}

void ReportDriver::facts_found(std::size_t origin, const FoundFacts& facts) {
  observer_.facts_found(origin, facts);
}

void ReportDriver::link_received(const DownMessage& message) {
  if (const auto* welcome = std::get_if<Welcome>(&message)) {
    logger_.info("attached to replica '{}', generation {}", welcome->replica, welcome->generation);
  }
  reporter_.received(clock_.now(), message);
  pump();
}

void ReportDriver::link_closed(const std::string& why, endpoints::Failure failure) {
  if (attached_ || unreachable_line_.allow(clock_.now())) {
    logger_.warning("the control plane is not attached: {}", why);
  }
  reporter_.link_closed(clock_.now(), failure);
  pump();
}

}  // namespace weir::agent
