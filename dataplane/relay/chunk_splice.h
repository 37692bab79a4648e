#pragma once
// ChunkSplice: the "verbatim unless dirty" relay of one direction between two handshaken RTMP legs.
//
// Purpose: bytes of the source leg go to the receiving leg unchanged wherever the receiver's
// decoder will understand them as they were meant; only chunk headers that it would misread are
// rewritten. Payload of passed messages is never copied. A run of untouched chunks leaves as one
// view.
//
// How: the source's state is the decoder's. Beside it, per chunk stream, stands what the receiver
// believes (Receiver). A message header passes verbatim when it leads the receiver, of any dialect,
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
// Threading: all calls on the session's worker. Lifetime: holds no reference to handler or input
// between calls. Memory: the decoder, and 24 bytes per chunk stream.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/protocol/rtmp/chunk_decoder.h"
#include "dataplane/protocol/rtmp/message.h"
#include "dataplane/protocol/rtmp/message_assembler.h"

namespace weir::relay {

/// Messages of our own that may wait for the end of a chunk: a few commands, never a stream.
inline constexpr std::size_t kPendingInsertBytesMax = 64 * 1024;
inline constexpr std::size_t kPendingInsertsMax = 16;

enum class SpliceAction : std::uint8_t {
  kPass,     ///< relay it as it comes
  kDrop,     ///< the receiver never sees it
  kCollect,  ///< hand it over whole (bounded) and do not relay it
};

/// The conversation's side of the splice. Calls come from within feed() and insert(); of the
/// splice, insert() alone may be called from them.
class SpliceHandler {
 public:
  virtual ~SpliceHandler() = default;
  /// A view of feed()'s input, valid until feed() returns.
  virtual void send_view(rtmp::Bytes bytes) = 0;
  /// Bytes that the splice made up: copy them.
  virtual void send_copy(rtmp::Bytes bytes) = 0;
  /// Asked at the header of every message except SetChunkSize and Abort, which the splice mirrors
  /// itself. Times and message stream ids are the source's.
  virtual SpliceAction on_message(const rtmp::MessageHeader& header) = 0;
  /// A collected message is complete; the payload is valid during the call.
  virtual void on_collected(const rtmp::Message& message) = 0;
  /// A passed message is complete; `first_bytes` are the first of its payload (rtmp::media_kind).
  virtual void on_passed(const rtmp::MessageHeader& header, rtmp::Bytes first_bytes) = 0;
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
  std::uint64_t bytes_in = 0;        ///< bytes fed
  std::uint64_t media_bytes = 0;     ///< payload of passed audio, video and aggregate messages
  std::uint64_t media_messages = 0;  ///< of them, complete
  std::uint64_t rewritten = 0;       ///< chunk headers that could not pass verbatim
};

class ChunkSplice {
 public:
  /// Goes on where the assembler stopped. Messages that it has half collected are collected to
  /// their end, then shown to on_message(): passed, they are sent whole.
  ChunkSplice(rtmp::MessageAssembler&& source, const SpliceOutput& output);

  /// A new receiving leg that knows nothing; messages partly sent to the old one are lost to it and
  /// their remainder is dropped. Insertions that still wait go to the new leg.
  void set_output(const SpliceOutput& output);
  const SpliceOutput& output() const { return output_; }

  /// Relays `input`, all of it. False: error() ends the direction; what came before was relayed.
  bool feed(rtmp::Bytes input, SpliceHandler& handler);

  /// Sends a message of our own, as format 0, at once or as soon as the current chunk (and a partly
  /// relayed message of the same chunk stream) has ended. Time and stream id are the receiver's.
  /// False: too much waits already (kPendingInsertBytesMax); nothing was queued.
  bool insert(const rtmp::MessageHeader& header, rtmp::Bytes payload, SpliceHandler& handler);

  /// No message is partly relayed: the receiver's side could end or be replaced without loss.
  bool between_messages() const { return passing_ == 0; }
  /// Not inside a relayed chunk: insert() acts at once (on an unused chunk stream).
  bool between_chunks() const { return !inside_relayed_chunk_; }

  const SpliceCounters& counters() const { return counters_; }
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
  /// What the receiver believes of one chunk stream, and what becomes of the current message.
  struct Receiver {
    std::uint32_t timestamp = 0;
    std::uint32_t delta = 0;
    std::uint32_t length = 0;
    std::uint32_t stream_id = 0;
    std::uint32_t field = 0;  // timestamp field of the last header, repeated when extended
    rtmp::MessageType type = rtmp::MessageType::kAudio;
    Fate fate = Fate::kNone;
    bool known = false;
    bool delta_known = false;
    bool extended = false;
  };
  struct Pending {
    rtmp::MessageHeader header;
    std::vector<std::uint8_t> payload;
  };
  class Run;

  void on_header(const rtmp::ChunkEvent& event, Run& run);
  void on_payload(const rtmp::ChunkEvent& event, Run& run);
  void begin_message(const rtmp::ChunkEvent& event, Run& run);
  void pass_header(const rtmp::ChunkEvent& event, Receiver& receiver, Run& run);
  bool passes_verbatim(const rtmp::ChunkEvent& event, const Receiver& receiver,
                       const rtmp::MessageHeader& meant) const;
  void pass_continuation(const rtmp::ChunkEvent& event, const Receiver& receiver, Run& run);
  void collect(const rtmp::ChunkEvent& event, Run& run);
  void end_collected(const rtmp::Message& message, Receiver& receiver, Run& run);
  void end_abort(Run& run);
  void announce_chunk_size(Run& run);
  void write_control(const rtmp::ControlMessage& message, Run& run);
  bool may_insert(const rtmp::MessageHeader& header) const;
  void flush_pending(Run& run);
  void write_own(const rtmp::MessageHeader& header, rtmp::Bytes payload, SpliceHandler& handler);
  int slot_of(std::uint32_t chunk_stream) const;
  rtmp::MessageHeader translate(const rtmp::MessageHeader& header) const;

  rtmp::ChunkDecoder decoder_;
  rtmp::MessageCollector collector_;
  std::vector<Receiver> receivers_;  // by decoder slot
  std::vector<Pending> pending_;
  SpliceOutput output_;
  SpliceCounters counters_;
  Run* run_ = nullptr;  // only within feed()
  std::size_t passing_ = 0;
  std::size_t pending_bytes_ = 0;
  bool inside_relayed_chunk_ = false;
  rtmp::ChunkError error_ = rtmp::ChunkError::kNone;
};

}  // namespace weir::relay
