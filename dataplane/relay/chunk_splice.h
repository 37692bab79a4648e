#pragma once
// ChunkSplice: the "verbatim unless dirty" relay of one direction, from one handshaken RTMP leg to
// one or several others.
//
// Purpose: bytes of the source leg go to the receiving leg unchanged wherever the receiver's
// decoder will understand them as they were meant; only chunk headers that it would misread are
// rewritten. Payload of passed messages is never copied. A run of untouched chunks leaves as one
// view.
//
// How: the source's state is the decoder's. Beside it, per chunk stream, stands what the receiver
// believes (Belief). A message header passes verbatim when it leads the receiver, of any dialect,
// to the intended time, length, type and message stream id; that is decided by comparison, so a new
// leg, a dropped or an inserted message need no flags:
//   dirty  nothing (or something else) is known to the receiver -> format 0 with everything in it;
//   semi   all is known but the delta, as after every format 0 (dialects differ) -> a format 3
//   message
//          becomes format 2;
//   clean  all agrees -> verbatim.
// Deltas of 0xFFFFFF and more become format 0, because SRS reads them as absolute times.
// The receiver is told the source's chunk size whenever it changes, so chunk borders of both legs
// always coincide: a message whose extended timestamp differs gets new continuation headers,
// nothing else.
//
// Outputs: a client with several message streams has one chunk stream and several origins. The
// handler names the output of each message; every output has beliefs of its own, and a message that
// went elsewhere leaves them as they were. Each byte is parsed once, however many outputs there
// are. Output 0 is always there and is the only one that costs nothing extra.
//
// Threading: all calls on the session's worker. Lifetime: holds no reference to handler or input
// between calls. Memory: the decoder, and per chunk stream 28 bytes and 24 for each further output.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "dataplane/protocol/rtmp/chunk_decoder.h"
#include "dataplane/protocol/rtmp/message.h"
#include "dataplane/protocol/rtmp/message_assembler.h"

namespace weir::relay {

/// Names a receiving leg of a splice.
using OutputIndex = std::uint8_t;
inline constexpr OutputIndex kSpliceOutputsMax = 8;

/// Messages of our own that may wait for the end of a chunk, by output: a few commands, never a
/// stream.
inline constexpr std::size_t kPendingInsertBytesMax = 64 * 1024;
inline constexpr std::size_t kPendingInsertsMax = 16;

enum class SpliceAction : std::uint8_t {
  kPass,     ///< relay it as it comes
  kDrop,     ///< the receiver never sees it
  kCollect,  ///< hand it over whole (bounded) and do not relay it
};

/// What becomes of a message, and which output it is for when it passes.
struct SpliceChoice {
  SpliceAction action;
  OutputIndex output = 0;

  // NOLINTNEXTLINE(google-explicit-constructor): handlers with one output return the action
  SpliceChoice(SpliceAction action_, OutputIndex output_ = 0) : action(action_), output(output_) {}
};

/// The conversation's side of the splice. Calls come from within feed() and insert(). From them
/// insert() may be called, and from on_message() and on_collected() set_output() of an output that
/// is not in use.
class SpliceHandler {
 public:
  virtual ~SpliceHandler() = default;
  /// A view of feed()'s input, valid until feed() returns.
  virtual void send_view(OutputIndex output, rtmp::Bytes bytes) = 0;
  /// Bytes that the splice made up: copy them.
  virtual void send_copy(OutputIndex output, rtmp::Bytes bytes) = 0;
  /// Asked at the header of every message except SetChunkSize and Abort, which the splice mirrors
  /// itself. Times and message stream ids are the source's.
  virtual SpliceChoice on_message(const rtmp::MessageHeader& header) = 0;
  /// A collected message is complete; the payload is valid during the call.
  virtual void on_collected(const rtmp::Message& message) = 0;
  /// A passed message is complete; `first_bytes` are the first of its payload (rtmp::media_kind).
  virtual void on_passed(OutputIndex output, const rtmp::MessageHeader& header,
                         rtmp::Bytes first_bytes) = 0;
};

/// What the receiving leg is to be told.
struct SpliceOutput {
  /// Last SetChunkSize sent to the receiver, before the splice writes its first byte.
  std::uint32_t chunk_size = rtmp::kChunkSizeDefault;
  /// Message stream id of the source, and what the receiver calls it; others stay as they are.
  std::uint32_t stream_id_from = 1;
  std::uint32_t stream_id_to = 1;
  /// Added to every timestamp, modulo 2^32.
  std::uint32_t time_offset = 0;
};

struct SpliceCounters {
  std::uint64_t media_bytes = 0;     ///< payload of passed audio, video and aggregate messages
  std::uint64_t media_messages = 0;  ///< of them, complete
  std::uint64_t rewritten = 0;       ///< chunk headers that could not pass verbatim
};

class ChunkSplice {
 public:
  /// Goes on where the assembler stopped. Messages that it has half collected are collected to
  /// their end, then shown to on_message(): passed, they are sent whole. `output` is output 0.
  explicit ChunkSplice(rtmp::MessageAssembler&& source, const SpliceOutput& output = {});
  ~ChunkSplice();
  ChunkSplice(ChunkSplice&&) noexcept;
  ChunkSplice& operator=(ChunkSplice&&) noexcept;

  /// A new receiving leg that knows nothing; messages partly sent to the old one are lost to it and
  /// their remainder is dropped. Insertions that still wait go to the new leg.
  void set_output(const SpliceOutput& output, OutputIndex index = 0);
  /// The receiving leg is gone, with all that waits for it.
  void drop_output(OutputIndex index);
  /// Its receiver calls the stream otherwise than was believed when the bytes were written.
  void rename_stream(std::uint32_t stream_id_to, OutputIndex index = 0);
  const SpliceOutput& output(OutputIndex index = 0) const { return state(index).told; }

  /// Relays `input`, all of it. False: error() ends the direction; what came before was relayed.
  bool feed(rtmp::Bytes input, SpliceHandler& handler);

  /// Sends a message of our own, as format 0, at once or as soon as the current chunk (and a partly
  /// relayed message of the same chunk stream) has ended. Time and stream id are the receiver's.
  /// False: too much waits already (kPendingInsertBytesMax); nothing was queued.
  bool insert(const rtmp::MessageHeader& header, rtmp::Bytes payload, SpliceHandler& handler,
              OutputIndex index = 0);

  /// No message is partly relayed: the receiver's side could end or be replaced without loss.
  bool between_messages(OutputIndex index = 0) const;
  /// Not inside a relayed chunk: insert() acts at once (on an unused chunk stream).
  bool between_chunks(OutputIndex index = 0) const { return open_output_ != index; }

  const SpliceCounters& counters(OutputIndex index = 0) const { return state(index).counters; }
  const rtmp::ChunkDecoder& source() const { return decoder_; }
  rtmp::ChunkError error() const { return error_; }

 private:
  enum class Fate : std::uint8_t {
    kNone,     // no message in progress
    kPass,     // relayed chunk by chunk
    kDrop,     // swallowed, or its leg is gone
    kCollect,  // for the handler
    kResume,   // begun before the splice: collected, then decided
    kControl,  // SetChunkSize and Abort: the splice's own
  };
  /// What a receiver believes of one chunk stream.
  struct Belief {
    std::uint32_t timestamp = 0;
    std::uint32_t delta = 0;
    std::uint32_t length = 0;
    std::uint32_t stream_id = 0;
    std::uint32_t field = 0;  // timestamp field of the last header, repeated when extended
    rtmp::MessageType type = rtmp::MessageType::kAudio;
    bool known = false;
    bool delta_known = false;
    bool extended = false;
  };
  /// One chunk stream of the source: what output 0 believes of it, and what becomes of the current
  /// message.
  struct Slot {
    Belief belief;
    Fate fate = Fate::kNone;
    OutputIndex output = 0;  // kPass
  };
  struct OutputState {
    SpliceOutput told;
    SpliceCounters counters;
  };
  struct FurtherOutput;
  struct Pending {
    OutputIndex output;
    rtmp::MessageHeader header;
    std::vector<std::uint8_t> payload;
  };
  class Run;
  static constexpr OutputIndex kNoOutput = 0xFF;

  const OutputState& state(OutputIndex index) const {
    return index == 0 ? first_ : further_state(index);
  }
  OutputState& state(OutputIndex index) {
    return const_cast<OutputState&>(std::as_const(*this).state(index));
  }
  Belief& belief(std::uint8_t slot, OutputIndex index) {
    return index == 0 ? slots_[slot].belief : further_belief(slot, index);
  }
  const OutputState& further_state(OutputIndex index) const;
  Belief& further_belief(std::uint8_t slot, OutputIndex index);
  void forget_receiver(OutputIndex index);
  void on_header(const rtmp::ChunkEvent& event, Run& run);
  void on_payload(const rtmp::ChunkEvent& event, Run& run);
  void begin_message(const rtmp::ChunkEvent& event, Run& run);
  void pass_header(const rtmp::ChunkEvent& event, OutputIndex index, Run& run);
  bool passes_verbatim(const rtmp::ChunkEvent& event, const Belief& belief,
                       const rtmp::MessageHeader& meant) const;
  void pass_continuation(const rtmp::ChunkEvent& event, OutputIndex index, Run& run);
  void collect(const rtmp::ChunkEvent& event, Run& run);
  void end_collected(const rtmp::Message& message, std::uint8_t slot, Run& run);
  void end_abort(Run& run);
  void announce_chunk_size(OutputIndex index, Run& run);
  void write_control(const rtmp::ControlMessage& message, OutputIndex index, Run& run);
  bool may_insert(const rtmp::MessageHeader& header, OutputIndex index) const;
  void flush_pending(Run& run);
  void write_own(const rtmp::MessageHeader& header, rtmp::Bytes payload, OutputIndex index,
                 SpliceHandler& handler);
  int slot_of(std::uint32_t chunk_stream) const;
  static rtmp::MessageHeader translate(const rtmp::MessageHeader& header,
                                       const SpliceOutput& output);

  rtmp::ChunkDecoder decoder_;
  rtmp::MessageCollector collector_;
  std::vector<Slot> slots_;  // by decoder slot
  std::vector<Pending> pending_;
  OutputState first_;
  std::vector<std::unique_ptr<FurtherOutput>> further_;  // of output 1 and up; gaps are empty
  Run* run_ = nullptr;                                   // only within feed()
  OutputIndex open_output_ = kNoOutput;                  // a chunk of it is partly relayed
  rtmp::ChunkError error_ = rtmp::ChunkError::kNone;
};

}  // namespace weir::relay
