#pragma once
// ChunkSplice's own parts, shared by its source files.
// Threading: as the splice. Lifetime: the splice's; a Run lives for one feed().

#include <utility>
#include <vector>

#include "dataplane/relay/chunk_splice.h"

namespace weir::relay {

/// An output beyond the first.
struct ChunkSplice::FurtherOutput : OutputState {
  std::vector<Belief> beliefs;  // by decoder slot, as far as one was used
};

/// Joins neighbouring views of the input into one send.
class ChunkSplice::Run {
 public:
  explicit Run(SpliceHandler& handler) : handler_(handler) {}

  SpliceHandler& handler() { return handler_; }

  /// rtmp::Bytes of the source, unchanged. Those that lie in the decoder (headers across inputs)
  /// are copied.
  void relay(const rtmp::ChunkEvent& event, OutputIndex output) {
    if (!event.in_input) {
      copy(event.bytes, output);
    } else if (bytes_.data() + bytes_.size() == event.bytes.data() && output == output_ &&
               !bytes_.empty()) {
      bytes_ = rtmp::Bytes(bytes_.data(), bytes_.size() + event.bytes.size());
    } else {
      flush();
      bytes_ = event.bytes;
      output_ = output;
    }
  }

  void copy(rtmp::Bytes bytes, OutputIndex output) {
    flush();
    if (!bytes.empty()) handler_.send_copy(output, bytes);
  }

  void flush() {
    if (!bytes_.empty()) handler_.send_view(output_, std::exchange(bytes_, {}));
  }

 private:
  SpliceHandler& handler_;
  rtmp::Bytes bytes_;
  OutputIndex output_ = 0;
};

}  // namespace weir::relay
