// Differential property of the splice: whatever a legal sender does, and whatever is dropped,
// inserted, split, re-routed or sent to another output, receivers of three dialects read exactly
// the messages that were passed on to them.

#include <algorithm>
#include <array>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "common/base/random.h"
#include "dataplane/protocol/rtmp/message_assembler.h"
#include "dataplane/relay/chunk_splice.h"
#include "tests/support/chunk_train.h"
#include "tests/support/reference_decoder.h"

namespace weir::relay {
namespace {

using rtmp::Bytes;
using rtmp::MessageHeader;
using rtmp::MessageType;

constexpr std::uint64_t kMessagesDefault = 250'000;
constexpr std::uint64_t kMessagesPerTrain = 400;
/// Steps told when a train fails: those before it on the same chunk stream, and what concerns all.
constexpr std::size_t kTrailMax = 400;
/// Message stream id of what the relay itself inserts; no train uses it.
constexpr std::uint32_t kOwnStream = 777;

std::uint64_t number_from_environment(const char* name, std::uint64_t fallback) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : fallback;
}

struct Expected {
  MessageHeader header;
  std::vector<std::uint8_t> payload;
  bool aborted = false;
  std::uint64_t header_end = 0;  // where in the byte stream its first payload byte stands
};

std::string describe(const MessageHeader& header) {
  return fmt::format("csid {} type {} time {} length {} stream {}", header.chunk_stream,
                     static_cast<int>(header.type), header.timestamp, header.length,
                     header.stream_id);
}

/// What a run has covered, so that a long one can show that it was no idle one.
struct Counts {
  std::uint64_t messages = 0;
  std::uint64_t passed = 0;
  std::uint64_t dropped = 0;
  std::uint64_t collected = 0;
  std::uint64_t aborted = 0;
  std::uint64_t inserted = 0;
  std::uint64_t legs = 0;
  std::uint64_t rewritten = 0;
  std::uint64_t bytes = 0;
  std::array<std::uint64_t, 4> formats{};
};

/// One output of the splice, and what its readers should read.
struct Receiver {
  SpliceOutput told;
  std::vector<std::unique_ptr<test::ReferenceDecoder>> readers;
  std::vector<Expected> expected;
  std::deque<Expected> expected_own;  // inserted; may still wait for the end of a chunk
  bool live = false;
};

/// One train through one splice to the three readers of each output.
class Journey final : public SpliceHandler {
 public:
  Journey(std::uint64_t seed, Counts& counts) : random_(seed), counts_(counts) {
    style_.nginx_format3 = chance(30);
    style_.repeats_extended = chance(70);
    style_.only_full_headers = chance(10);
    style_.wide_ids = chance(30);
    style_.many_ids = chance(10);
    style_.aborts = !style_.nginx_format3 && chance(20);
    style_.large = chance(3);
    if (chance(40)) {
      receivers_ = std::vector<Receiver>(2 + random_.below(kSpliceOutputsMax - 1));
      style_.message_streams = static_cast<std::uint32_t>(receivers_.size()) + 1;
      by_stream_ = chance(70);
    }
    train_ = std::make_unique<test::ChunkTrain>(random_, style_);
    assembler_.emplace(style_.nginx_format3 ? rtmp::Dialect::kNginxRtmp
                                            : rtmp::Dialect::kSpecification);
    new_leg(0);
  }

  /// Sends about `messages` messages. The first disagreement; empty: there was none.
  const std::string& run(std::uint64_t messages) {
    const std::uint64_t before_splice = random_.below(6);
    while (begun_ < messages && failure_.empty()) {
      for (std::uint64_t chunks = 1 + random_.below(6); chunks > 0; --chunks) produce();
      deliver_input(splice_.has_value() || begun_ > before_splice);
      if (splice_ && chance(2)) change_leg();
      if (splice_ && receivers_.size() > 1 && chance(1)) drop_leg();
      if (splice_ && chance(5)) insert_own();
    }
    train_->finish(produced_);
    deliver_input(true);
    while (!produced_.empty() && failure_.empty()) deliver_input(true);
    check_received();
    for (std::size_t i = 0; i < receivers_.size(); ++i) {
      const Receiver& receiver = receivers_[i];
      if (!receiver.live) continue;
      for (const auto& reader : receiver.readers) check(reader->idle(), "a reader waits for more");
      const auto output = static_cast<OutputIndex>(i);
      check(splice_->between_messages(output), "the splice waits for more");
      check(receiver.expected_own.empty(), "an inserted message did not come");
      counts_.rewritten += splice_->counters(output).rewritten;
    }
    for (const auto& [id, queue] : intended_) {
      for (const Expected& left : queue) check(left.aborted, "not seen: " + describe(left.header));
    }
    counts_.bytes += delivered_;
    return failure_;
  }

  /// The train before the failure, and how it was sent.
  std::string trail() const {
    std::string text = test::to_text(style_) + "\n";
    for (const auto& [chunk_stream, step] : trail_) {
      if (!failed_stream_ || !chunk_stream || *chunk_stream == *failed_stream_) {
        text += "  " + step + "\n";
      }
    }
    return text;
  }

  void send_view(OutputIndex output, Bytes bytes) override {
    const bool inside = bytes.data() >= input_.data() &&
                        bytes.data() + bytes.size() <= input_.data() + input_.size();
    check(inside, "a view of something else than the input");
    hear(output, bytes);
  }

  void send_copy(OutputIndex output, Bytes bytes) override { hear(output, bytes); }

  SpliceChoice on_message(const MessageHeader& header) override {
    current_[header.chunk_stream] = next_intended(header);
    if (chance(3)) insert_own();
    const std::uint64_t dice = random_.below(100);
    if (dice >= 95) {
      note(header.chunk_stream, "collect");
      return SpliceAction::kCollect;
    }
    const auto output = static_cast<OutputIndex>(
        (by_stream_ ? header.stream_id : random_.below(receivers_.size())) % receivers_.size());
    // A stream that begins, or comes back, in the middle of the train.
    if (!receivers_[output].live && chance(40)) {
      new_leg(output);
      splice_->set_output(receivers_[output].told, output);
    }
    if (dice >= 88 || !receivers_[output].live) {
      ++counts_.dropped;
      note(header.chunk_stream, "drop");
      return SpliceAction::kDrop;
    }
    note(header.chunk_stream, fmt::format("pass to {}", output));
    return {SpliceAction::kPass, output};
  }

  void on_collected(const rtmp::Message& message) override {
    ++counts_.collected;
    const auto& meant = current_[message.header.chunk_stream].payload;
    check(std::equal(meant.begin(), meant.end(), message.payload.begin(), message.payload.end()),
          "collected something else", message.header.chunk_stream);
    if (chance(20)) insert_own();
  }

  void on_passed(OutputIndex output, const MessageHeader& header, Bytes first_bytes) override {
    ++counts_.passed;
    const Expected& meant = current_[header.chunk_stream];
    check(header == meant.header, "passed something else", header.chunk_stream);
    const auto kept = Bytes(meant.payload).first(std::min(meant.payload.size(), rtmp::kFirstBytes));
    check(std::equal(kept.begin(), kept.end(), first_bytes.begin(), first_bytes.end()),
          "other first bytes", header.chunk_stream);
    const SpliceOutput& told = receivers_[output].told;
    Expected passed = meant;
    passed.header.timestamp += told.time_offset;
    if (passed.header.stream_id == told.stream_id_from) {
      passed.header.stream_id = told.stream_id_to;
    }
    receivers_[output].expected.push_back(std::move(passed));
    if (chance(3)) insert_own();
  }

 private:
  bool chance(unsigned percent) { return random_.below(100) < percent; }

  void check(bool holds, const std::string& what, std::optional<std::uint32_t> stream = {}) {
    if (holds || !failure_.empty()) return;
    failure_ = what;
    failed_stream_ = stream;
  }

  void note(std::optional<std::uint32_t> chunk_stream, std::string step) {
    if (trail_.size() == kTrailMax) trail_.pop_front();
    trail_.emplace_back(chunk_stream, std::move(step));
  }

  void hear(OutputIndex output, Bytes bytes) {
    check(receivers_[output].live, "bytes for a leg that is gone");
    for (const auto& reader : receivers_[output].readers) reader->feed(bytes);
  }

  void produce() {
    const std::uint32_t before = train_->chunk_size();
    const std::uint64_t begins = delivered_ + produced_.size();
    const test::ChunkTrain::Step step = train_->step(produced_);
    if (train_->chunk_size() != before) {
      note({}, fmt::format("chunk size {}", train_->chunk_size()));
    }
    if (step.aborted) {
      ++counts_.aborted;
      note(step.aborted, "aborted");
      auto& queue = intended_[*step.aborted];
      // Seen by the splice already, else the last one sent on its chunk stream.
      if (!queue.empty()) queue.back().aborted = true;
    }
    if (step.begun == nullptr) return;
    ++begun_;
    ++counts_.messages;
    ++counts_.formats[static_cast<std::size_t>(step.format)];
    const test::TrainMessage& begun = *step.begun;
    const MessageHeader header{static_cast<MessageType>(begun.type), begun.time,
                               static_cast<std::uint32_t>(begun.payload.size()), begun.stream_id,
                               begun.chunk_stream};
    note(begun.chunk_stream, fmt::format("format {}: {}", step.format, describe(header)));
    intended_[begun.chunk_stream].push_back(
        {.header = header, .payload = begun.payload, .header_end = begins + step.header_bytes});
  }

  Expected next_intended(const MessageHeader& header) {
    auto& queue = intended_[header.chunk_stream];
    // What was given up before the splice, or collected for it and then given up, is never shown.
    while (!queue.empty() && queue.front().aborted &&
           (!splice_ || queue.front().header_end <= splice_begins_)) {
      queue.pop_front();
    }
    if (queue.empty()) {
      check(false, "a message that nobody sent: " + describe(header), header.chunk_stream);
      return {};
    }
    Expected meant = std::move(queue.front());
    queue.pop_front();
    check(header == meant.header,
          fmt::format("read {}\nmeant {}", describe(header), describe(meant.header)),
          header.chunk_stream);
    return meant;
  }

  /// A piece of what was produced, in memory of its own so that a view kept too long is found.
  void deliver_input(bool may_splice) {
    std::size_t size = produced_.size();
    if (chance(60)) size = std::min<std::size_t>(size, 1 + random_.below(chance(50) ? 20 : 900));
    input_.assign(produced_.begin(), produced_.begin() + static_cast<std::ptrdiff_t>(size));
    input_.shrink_to_fit();
    delivered_ += size;
    produced_.erase(produced_.begin(), produced_.begin() + static_cast<std::ptrdiff_t>(size));
    Bytes rest(input_);
    while (!splice_) {
      const auto message = assembler_->next(rest);
      if (assembler_->error() != rtmp::ChunkError::kNone) {
        return check(false, to_text(assembler_->error()));
      }
      if (message && message->header.type != MessageType::kSetChunkSize &&
          message->header.type != MessageType::kAbort) {
        const Expected meant = next_intended(message->header);
        check(std::equal(meant.payload.begin(), meant.payload.end(), message->payload.begin(),
                         message->payload.end()),
              "assembled something else", message->header.chunk_stream);
      }
      if (may_splice && (!message || chance(30))) {
        begin_splice(rest.size());
      } else if (!message) {
        return;
      }
    }
    const bool sound = splice_->feed(rest, *this);
    check(sound, to_text(splice_->error()));
    check_received();
  }

  void begin_splice(std::size_t rest) {
    splice_begins_ = delivered_ - rest;
    note({}, fmt::format("splice begins at byte {}", splice_begins_));
    splice_.emplace(std::move(*assembler_), receivers_[0].told);
    for (std::size_t i = 1; i < receivers_.size(); ++i) {
      if (!chance(70)) continue;
      new_leg(i);
      splice_->set_output(receivers_[i].told, static_cast<OutputIndex>(i));
    }
  }

  void new_leg(std::size_t index) {
    ++counts_.legs;
    Receiver& receiver = receivers_[index];
    receiver.live = true;
    const std::uint32_t told =
        chance(50) ? 128
                   : 128 + static_cast<std::uint32_t>(random_.below(chance(80) ? 900 : 1 << 20));
    receiver.told = {.chunk_size = told,
                     .stream_id_from = 1,
                     .stream_id_to = static_cast<std::uint32_t>(chance(70) ? 1 : random_.below(9)),
                     .time_offset = chance(70) ? 0 : static_cast<std::uint32_t>(random_.next())};
    if (by_stream_) receiver.told.stream_id_from = static_cast<std::uint32_t>(index);
    note({}, fmt::format("leg {}: chunk size {} stream {} is {} time offset {}", index, told,
                         receiver.told.stream_id_from, receiver.told.stream_id_to,
                         receiver.told.time_offset));
    receiver.readers.clear();
    receiver.readers.push_back(test::make_specification_decoder(told));
    // The others know no Abort: what its sender means is lost on them, relay or not.
    if (style_.aborts) return;
    receiver.readers.push_back(test::make_srs_decoder(told));
    receiver.readers.push_back(test::make_nginx_rtmp_decoder(told));
  }

  void change_leg() {
    check_received();
    const std::size_t index = random_.below(receivers_.size());
    new_leg(index);
    splice_->set_output(receivers_[index].told, static_cast<OutputIndex>(index));
  }

  void drop_leg() {
    check_received();
    const std::size_t index = random_.below(receivers_.size());
    Receiver& receiver = receivers_[index];
    if (!receiver.live) return;
    note({}, fmt::format("leg {} is gone", index));
    receiver.live = false;
    receiver.expected_own.clear();
    counts_.rewritten += splice_->counters(static_cast<OutputIndex>(index)).rewritten;
    splice_->drop_output(static_cast<OutputIndex>(index));
  }

  void insert_own() {
    constexpr std::array<std::uint32_t, 4> kIds{rtmp::kPrivateChunkStream, 2, 5, 6};
    const std::size_t index = random_.below(receivers_.size());
    if (!receivers_[index].live) return;
    MessageHeader header{MessageType::kDataAmf3, static_cast<std::uint32_t>(random_.next()), 0,
                         kOwnStream, kIds[random_.below(kIds.size())]};
    const std::vector<std::uint8_t> payload(random_.below(300), static_cast<std::uint8_t>(++own_));
    if (!splice_->insert(header, payload, *this, static_cast<OutputIndex>(index))) return;
    ++counts_.inserted;
    header.length = static_cast<std::uint32_t>(payload.size());
    note(header.chunk_stream, fmt::format("insert for {}: {}", index, describe(header)));
    receivers_[index].expected_own.push_back({.header = header, .payload = payload});
  }

  void check_received() {
    for (Receiver& receiver : receivers_) {
      if (receiver.live) check_received(receiver);
    }
  }

  void check_received(Receiver& receiver) {
    std::size_t own_seen = 0;
    for (std::size_t i = 0; i < receiver.readers.size(); ++i) {
      test::ReferenceDecoder& reader = *receiver.readers[i];
      constexpr std::array<const char*, 3> kNames{"specification", "SRS", "nginx-rtmp"};
      if (!reader.failure().empty()) return check(false, kNames[i] + (": " + reader.failure()));
      std::size_t passed = 0;
      std::size_t own = 0;
      for (const auto& got : reader.take()) {
        const bool ours = got.stream_id == kOwnStream;
        const std::size_t index = ours ? own++ : passed++;
        if (index >= (ours ? receiver.expected_own.size() : receiver.expected.size())) {
          return check(false, fmt::format("{} reads one message more", kNames[i]));
        }
        compare(kNames[i], got, ours ? receiver.expected_own[index] : receiver.expected[index],
                reader.time_mask());
      }
      check(passed == receiver.expected.size(), fmt::format("{} reads fewer messages", kNames[i]));
      own_seen = own;
    }
    receiver.expected.clear();
    receiver.expected_own.erase(
        receiver.expected_own.begin(),
        receiver.expected_own.begin() + static_cast<std::ptrdiff_t>(own_seen));
  }

  void compare(const char* reader, const test::ReferenceMessage& got, const Expected& meant,
               std::uint32_t time_mask) {
    const MessageHeader& header = meant.header;
    const bool same_header = got.type == static_cast<std::uint8_t>(header.type) &&
                             got.time == (header.timestamp & time_mask) &&
                             got.stream_id == header.stream_id &&
                             got.payload.size() == meant.payload.size();
    if (!same_header) {
      check(false,
            fmt::format("{} reads type {} time {} length {} stream {}\nmeant {}", reader, got.type,
                        got.time, got.payload.size(), got.stream_id, describe(header)),
            header.chunk_stream);
    }
    check(got.payload == meant.payload,
          fmt::format("{} reads another payload of {}", reader, describe(header)),
          header.chunk_stream);
  }

  SeededRandom random_;
  Counts& counts_;
  test::TrainStyle style_;
  std::unique_ptr<test::ChunkTrain> train_;
  std::optional<rtmp::MessageAssembler> assembler_;
  std::optional<ChunkSplice> splice_;
  std::vector<Receiver> receivers_ = std::vector<Receiver>(1);
  bool by_stream_ = false;  // a message's output follows from its stream, else by chance
  std::vector<std::uint8_t> produced_, input_;
  std::map<std::uint32_t, std::deque<Expected>> intended_;  // sent, not yet seen by the splice
  std::map<std::uint32_t, Expected> current_;
  std::deque<std::pair<std::optional<std::uint32_t>, std::string>> trail_;
  std::string failure_;
  std::optional<std::uint32_t> failed_stream_;
  std::uint64_t begun_ = 0;
  std::uint64_t delivered_ = 0;      // bytes given to assembler or splice
  std::uint64_t splice_begins_ = 0;  // of them, to the assembler
  std::uint8_t own_ = 0;
};

/// The shortest beginning of a failing train that fails, too.
std::uint64_t shrink(std::uint64_t seed) {
  for (std::uint64_t messages = 1; messages < kMessagesPerTrain; ++messages) {
    Counts ignored;
    if (!Journey(seed, ignored).run(messages).empty()) return messages;
  }
  return kMessagesPerTrain;
}

TEST(ChunkSpliceProperty, ReceiversOfEveryDialectReadTheMessagesThatWerePassed) {
  const std::uint64_t total = number_from_environment("WEIR_PROPERTY_MESSAGES", kMessagesDefault);
  const std::uint64_t first_seed = number_from_environment("WEIR_PROPERTY_SEED", 1);
  Counts counts;
  std::uint64_t seed = first_seed;
  for (; counts.messages < total; ++seed) {
    if (Journey(seed, counts).run(kMessagesPerTrain).empty()) continue;
    const std::uint64_t messages = shrink(seed);
    Journey journey(seed, counts);
    const std::string failure = journey.run(messages);
    FAIL() << "seed " << seed << ", " << messages << " messages: " << failure << "\n"
           << journey.trail() << "again with WEIR_PROPERTY_SEED=" << seed
           << " WEIR_PROPERTY_MESSAGES=1";
  }
  fmt::print(
      "seeds {} to {}: {} messages (of format 0 to 3: {}), {} bytes; {} passed, {} dropped, "
      "{} collected, {} aborted, {} inserted; {} legs, {} headers rewritten\n",
      first_seed, seed - 1, counts.messages, fmt::join(counts.formats, " "), counts.bytes,
      counts.passed, counts.dropped, counts.collected, counts.aborted, counts.inserted, counts.legs,
      counts.rewritten);
}

}  // namespace
}  // namespace weir::relay
