// The steps of ScriptSession: what each one sends or waits for.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "tests/support/rtmp/script_session.h"

namespace weir::tests {
namespace {

constexpr std::size_t kQueueMax = 4 * 1024 * 1024;
constexpr double kPatience = 5.0;
constexpr double kFarewell = 1.0;

std::chrono::steady_clock::duration seconds_of(double seconds) {
  return std::chrono::duration_cast<std::chrono::steady_clock::duration>(
      std::chrono::duration<double>(seconds));
}

ChunkStyle style_of(const Json& step) {
  ChunkStyle style;
  style.format = static_cast<int>(step.number_or("fmt", 0));
  style.id_bytes = static_cast<int>(step.number_or("id_bytes", 0));
  style.repeat_extended = step.boolean_or("repeat_extended", true);
  style.absolute_extended = step.boolean_or("absolute_extended", false);
  if (step.find("field")) style.field = step.unsigned_or("field", 0);
  if (step.find("length")) style.length = step.unsigned_or("length", 0);
  if (step.find("chunks")) style.chunks = step.unsigned_or("chunks", 1);
  return style;
}

/// librtmp puts everything on one chunk stream: format 0 for data and for time 0, 2 for the same
/// type and length as before, else 1.
int librtmp_format(const WireMessage& message, const WireMessage& previous) {
  if (message.time == 0 || message.type == 18) return 0;
  const bool same =
      message.type == previous.type && message.payload.size() == previous.payload.size();
  return same ? 2 : 1;
}

void put(std::uint32_t value, int bytes, std::vector<std::uint8_t>& out) {
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

}  // namespace

void ScriptSession::run() {
  while (!ended_ && !finishing_ && wait_ == Wait::kNothing) {
    if (queued() > kQueueMax) {
      flush();
      if (queued() > 0) return wait_for(Wait::kDrain, Json(), 4 * kPatience);
    }
    if (fed_ < feed_.size()) {
      pump_flv();
      continue;
    }
    if (steps_.empty()) break;
    const QueuedStep step = std::move(steps_.front());
    steps_.pop_front();
    ++step_number_;
    execute(step);
  }
  flush();
  if (!ended_ && !finishing_ && wait_ == Wait::kNothing && !options_.server) finish();
}

void ScriptSession::finish() {
  log_.write(id_, "done", EventLog::field("steps", std::uint64_t{step_number_}));
  if (peer_closed_) return end(false);
  finishing_ = true;
  timer_.expires_after(seconds_of(kFarewell));
  timer_.async_wait([self = shared_from_this()](boost::system::error_code error) {
    if (!error) self->end(false);
  });
  flush();
}

void ScriptSession::execute(const QueuedStep& queued) {
  if (!queued.step.is(Json::Kind::kObject)) return bad_step("not an object");
  if (!send_step(queued) && !wait_step(queued.step) && !other_step(queued.step))
    bad_step(queued.step.names.empty() ? "empty" : "no such step: " + queued.step.names[0]);
}

bool ScriptSession::send_step(const QueuedStep& queued) {
  const Json& step = queued.step;
  if (step.find("command")) return command(queued), true;
  if (step.find("message")) return message(queued), true;
  if (step.find("control")) return control(queued), true;
  if (step.find("chunk")) return chunk(*step.find("chunk")), true;
  if (step.find("flv")) return flv(step), true;
  if (step.find("handshake")) return handshake(step), true;
  if (const Json* rest = step.find("more")) {
    encoder_.more(static_cast<std::uint32_t>(rest->number), step.unsigned_or("chunks", UINT32_MAX),
                  out_);
    return true;
  }
  if (const Json* raw = step.find("raw")) {
    if (!parse_hex(raw->text, out_)) bad_step("raw holds something else than hexadecimal digits");
    return true;
  }
  if (const Json* zeros = step.find("zeros")) {
    out_.resize(out_.size() + static_cast<std::size_t>(zeros->number));
    return true;
  }
  return false;
}

bool ScriptSession::wait_step(const Json& step) {
  const double patience = step.number_or("within_ms", kPatience * 1000) / 1000;
  if (const Json* wanted = step.find("expect")) {
    wanted_count_ = step.unsigned_or("count", 1);
    wait_for(Wait::kMatch, *wanted, patience);
    look_for_match();
    if (wait_ == Wait::kMatch && peer_closed_) bad_step("the other end closed");
  } else if (step.find("expect_close")) {
    if (!peer_closed_) wait_for(Wait::kClose, step, patience);
  } else if (const Json* unwanted = step.find("expect_silence")) {
    if (step.boolean_or("from_now", true))
      for (Seen& seen : inbox_) seen.used = true;
    wait_for(Wait::kSilence, *unwanted, step.number_or("for_ms", 300) / 1000);
    look_for_match();
  } else if (const Json* pause = step.find("pause_ms")) {
    wait_for(Wait::kPause, step, pause->number / 1000);
  } else if (step.find("wait_signal")) {
    log_.write(id_, "waiting");
    wait_for(Wait::kSignal, step, step.number_or("within_ms", 60'000) / 1000);
  } else {
    return false;
  }
  flush();
  return true;
}

bool ScriptSession::other_step(const Json& step) {
  if (const Json* mark = step.find("mark")) {
    flush();
    log_.write(id_, "mark", EventLog::field("name", mark->text));
  } else if (const Json* size = step.find("chunk_size")) {
    encoder_.set_chunk_size(static_cast<std::uint32_t>(size->number));
  } else if (const Json* read = step.find("read")) {
    read_paused_ = !read->boolean;
    wait_readable();
  } else if (const Json* automatic = step.find("auto")) {
    answer_pings_ = automatic->boolean_or("ping", answer_pings_);
    send_acks_ = automatic->boolean_or("ack", send_acks_);
  } else if (const Json* piece = step.find("write_pieces")) {
    flush();
    piece_ = static_cast<std::size_t>(piece->number);
  } else if (step.find("flush")) {
    flush();
  } else if (const Json* how = step.find("close")) {
    flush();
    boost::system::error_code ignored;
    if (how->text == "reset") {
      socket_.set_option(boost::asio::socket_base::linger(true, 0), ignored);
      end(false);
    } else if (how->text == "half") {
      socket_.shutdown(Socket::shutdown_send, ignored);
    } else {
      finish();
    }
  } else {
    return false;
  }
  return true;
}

/// Type 17 carries a format byte before its values.
void ScriptSession::command(const QueuedStep& queued) {
  const Json& step = queued.step;
  WireMessage message;
  message.type = static_cast<std::uint8_t>(step.unsigned_or("type", 20));
  if (message.type == 17)
    message.payload.push_back(static_cast<std::uint8_t>(step.unsigned_or("format_byte", 0)));
  std::string why;
  amf_.transaction = queued.transaction;
  Json name = *step.find("command");
  Json transaction;
  transaction.kind = Json::Kind::kNumber;
  transaction.number = step.number_or("transaction", queued.transaction);
  std::vector<Json> values{std::move(name), std::move(transaction)};
  if (const Json* args = step.find("args"))
    values.insert(values.end(), args->items.begin(), args->items.end());
  for (const Json& value : values)
    if (!write_amf0(value, amf_, message.payload, why)) return bad_step(why);
  message.chunk_stream = 3;
  begin(std::move(message), step, step.text_or("msid", "") == "same" ? queued.stream_id : 0);
}

void ScriptSession::message(const QueuedStep& queued) {
  const Json& step = queued.step;
  WireMessage message;
  message.type = static_cast<std::uint8_t>(step.unsigned_or("message", 0));
  message.chunk_stream = 4;
  std::string why;
  amf_.transaction = queued.transaction;
  if (const Json* bytes = step.find("hex"); bytes && !parse_hex(bytes->text, message.payload))
    return bad_step("hex holds something else than hexadecimal digits");
  if (const Json* values = step.find("values")) {
    for (const Json& value : values->items)
      if (!write_amf0(value, amf_, message.payload, why)) return bad_step(why);
  }
  if (const Json* fill = step.find("fill")) {
    const std::size_t from = message.payload.size();
    message.payload.resize(from + static_cast<std::size_t>(fill->number));
    SeededRandom(step.unsigned_or("seed", 1)).fill(std::span(message.payload).subspan(from));
  }
  begin(std::move(message), step, step.text_or("msid", "") == "same" ? queued.stream_id : 1);
}

/// `stream_id` holds when the step does not give a number.
void ScriptSession::begin(WireMessage message, const Json& step, std::uint32_t stream_id) {
  message.chunk_stream = step.unsigned_or("csid", message.chunk_stream);
  message.stream_id = step.unsigned_or("msid", stream_id);
  message.time = step.unsigned_or("time", message.time);
  out_.insert(out_.end(), held_back_.begin(), held_back_.end());
  held_back_.clear();
  encoder_.begin(std::move(message), style_of(step), out_);
}

void ScriptSession::control(const QueuedStep& queued) {
  const Json& step = queued.step;
  const std::string name = step.text_or("control", "");
  const std::uint32_t value =
      step.text_or("value", "") == "same" ? queued.stream_id : step.unsigned_or("value", 0);
  WireMessage message;
  message.chunk_stream = 2;
  static constexpr std::pair<std::string_view, std::uint8_t> kTypes[] = {
      {"set_chunk_size", 1}, {"abort", 2},  {"ack", 3},
      {"user", 4},           {"window", 5}, {"bandwidth", 6}};
  for (const auto& [text, type] : kTypes)
    if (name == text) message.type = type;
  if (message.type == 0) return bad_step("no such control message: " + name);
  if (message.type == 4) put(step.unsigned_or("event", 0), 2, message.payload);
  put(value, 4, message.payload);
  if (message.type == 4 && step.find("buffer"))
    put(step.unsigned_or("buffer", 0), 4, message.payload);
  if (message.type == 6) put(step.unsigned_or("limit", 2), 1, message.payload);
  begin(std::move(message), step, 0);
  if (name == "set_chunk_size") encoder_.set_chunk_size(value);
  if (name == "abort") encoder_.abort(value);
}

/// One chunk whose header and payload need not make sense.
void ScriptSession::chunk(const Json& step) {
  WireMessage message;
  message.type = static_cast<std::uint8_t>(step.unsigned_or("type", 9));
  message.chunk_stream = step.unsigned_or("csid", 4);
  message.stream_id = step.unsigned_or("msid", 1);
  if (const Json* bytes = step.find("hex"); bytes && !parse_hex(bytes->text, message.payload))
    return bad_step("hex holds something else than hexadecimal digits");
  const auto length =
      step.unsigned_or("length", static_cast<std::uint32_t>(message.payload.size()));
  ChunkEncoder::header(static_cast<int>(step.number_or("fmt", 0)),
                       static_cast<int>(step.number_or("id_bytes", 0)),
                       step.unsigned_or("field", 0), message, length, out_);
  if (step.find("extended")) put(step.unsigned_or("extended", 0), 4, out_);
  out_.insert(out_.end(), message.payload.begin(), message.payload.end());
}

void ScriptSession::handshake(const Json& step) {
  if (options_.server) {
    server_ = std::make_unique<rtmp::ServerHandshake>();
  } else {
    client_ = std::make_unique<ScriptHandshake>(
        step.find("handshake")->text, step.text_or("c2", "echo"),
        static_cast<std::uint8_t>(step.unsigned_or("version", 3)), random_);
    client_->start(out_);
  }
  wait_for(Wait::kHandshake, step, step.number_or("within_ms", kPatience * 1000) / 1000);
  flush();
}

void ScriptSession::flv(const Json& step) {
  std::string why;
  feed_.clear();
  fed_ = 0;
  if (!read_flv(step.find("flv")->text, feed_, why)) return bad_step(why);
  if (step.find("count"))
    feed_.resize(std::min<std::size_t>(feed_.size(), step.unsigned_or("count", 0)));
  feed_step_ = step;
  feed_began_ = std::chrono::steady_clock::now();
}

/// Tags that are due; a realtime script waits for the next one.
void ScriptSession::pump_flv() {
  const bool realtime = feed_step_.boolean_or("realtime", false);
  const std::uint32_t offset = feed_step_.unsigned_or("time_offset", 0);
  while (fed_ < feed_.size() && queued() <= kQueueMax) {
    const auto due = feed_began_ + std::chrono::milliseconds(feed_[fed_].time);
    const auto now = std::chrono::steady_clock::now();
    if (realtime && due > now)
      return wait_for(Wait::kPause, Json(), std::chrono::duration<double>(due - now).count());
    WireMessage message = feed_[fed_++];
    static constexpr std::string_view kNames[] = {"csid_audio", "csid_video", "csid_data"};
    static constexpr std::uint32_t kUsual[] = {4, 6, 4};
    const std::size_t kind = message.type == 8 ? 0 : message.type == 9 ? 1 : 2;
    message.chunk_stream = feed_step_.unsigned_or(kNames[kind], kUsual[kind]);
    message.time += offset;
    if (kind == 2 && feed_step_.boolean_or("set_data_frame", false)) {
      static constexpr std::string_view kPrefix("\x02\x00\x0d@setDataFrame", 16);
      message.payload.insert(message.payload.begin(), kPrefix.begin(), kPrefix.end());
    }
    message.stream_id = feed_step_.unsigned_or("msid", 1);
    ChunkStyle style = style_of(feed_step_);
    if (feed_step_.text_or("headers", "") == "librtmp") {
      style.format = librtmp_format(message, feed_previous_);
      feed_previous_ = {message.type, 0, 0, 0, std::vector<std::uint8_t>(message.payload.size())};
    }
    encoder_.begin(std::move(message), style, out_);
  }
}

void ScriptSession::wait_for(Wait what, const Json& step, double seconds) {
  wait_ = what;
  wanted_ = step;
  timer_.expires_after(seconds_of(seconds));
  timer_.async_wait([self = shared_from_this()](boost::system::error_code error) {
    if (!error && !self->ended_) self->timed_out();
  });
  flush();
}

void ScriptSession::timed_out() {
  const Wait what = std::exchange(wait_, Wait::kNothing);
  if (what == Wait::kPause || what == Wait::kSilence) return run();
  bad_step(what == Wait::kClose       ? "the other end did not close"
           : what == Wait::kHandshake ? "no handshake"
           : what == Wait::kDrain     ? "the other end does not read"
           : what == Wait::kSignal    ? "no signal"
                                      : "what is expected did not come");
}

bool ScriptSession::matches(const Seen& seen, const Json& wanted) {
  const auto number = [&](std::string_view name, double have) {
    const Json* want = wanted.find(name);
    return !want || want->number == have;
  };
  const auto text = [&](std::string_view name, const std::string& have) {
    const Json* want = wanted.find(name);
    return !want || want->text == have;
  };
  const auto known = [](const std::optional<std::uint32_t>& v) { return v ? double{1} * *v : -1; };
  return number("type", seen.type) && number("csid", seen.chunk_stream) &&
         number("msid", seen.stream_id) && number("time", seen.time) &&
         number("length", seen.length) && number("transaction", seen.transaction) &&
         number("user", known(seen.event)) && number("value", known(seen.value)) &&
         text("command", seen.command) && text("code", seen.code) && text("level", seen.level) &&
         text("sha256", seen.sha256);
}

void ScriptSession::look_for_match() {
  for (Seen& seen : inbox_) {
    if (seen.used || !matches(seen, wanted_)) continue;
    seen.used = true;
    if (wait_ == Wait::kSilence) return bad_step("something came that should not");
    if (wanted_count_ > 1) {
      --wanted_count_;
      continue;
    }
    wait_ = Wait::kNothing;
    timer_.cancel();
    return;
  }
  while (!inbox_.empty() && inbox_.front().used) inbox_.pop_front();
}

void ScriptSession::bad_step(std::string_view why) {
  wait_ = Wait::kNothing;
  log_.write(id_, "failed",
             EventLog::field("step", std::uint64_t{step_number_}) + EventLog::field("why", why));
  end(true);
}

}  // namespace weir::tests
