// The splice over arbitrary bytes, in arbitrary pieces, with arbitrary decisions: what it writes is
// always a well-formed chunk stream for every dialect, and carries as many messages as were passed.

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "common/base/contract.h"
#include "dataplane/relay/chunk_splice.h"
#include "tests/support/reference_decoder.h"

namespace {

using weir::relay::SpliceAction;
using weir::relay::SpliceChoice;
using weir::rtmp::Bytes;

class Sink final : public weir::relay::SpliceHandler {
 public:
  explicit Sink(std::uint8_t choice) : choice_(choice) {
    readers_[0] = weir::test::make_specification_decoder();
    readers_[1] = weir::test::make_srs_decoder();
    readers_[2] = weir::test::make_nginx_rtmp_decoder();
  }

  void send_view(weir::relay::OutputIndex, Bytes bytes) override { receive(bytes); }
  void send_copy(weir::relay::OutputIndex, Bytes bytes) override { receive(bytes); }
  SpliceChoice on_message(const weir::rtmp::MessageHeader& header) override {
    switch ((choice_ + header.chunk_stream + header.length) % 4) {
      case 0:
        return SpliceAction::kDrop;
      case 1:
        return SpliceAction::kCollect;
      default:
        return SpliceAction::kPass;
    }
  }
  void on_collected(const weir::rtmp::Message& message) override {
    WEIR_ASSERT(message.payload.size() == message.header.length);
  }
  void on_passed(weir::relay::OutputIndex, const weir::rtmp::MessageHeader& header,
                 Bytes first) override {
    WEIR_ASSERT(first.size() == std::min<std::size_t>(header.length, weir::rtmp::kFirstBytes));
    ++passed_;
  }

  void check() {
    WEIR_ASSERT(readers_[0]->failure().empty());
    std::size_t received = 0;
    for (const auto& message : readers_[0]->take()) received += message.type != 2;
    WEIR_ASSERT(received == passed_);
    // The others do not know Abort and deliver it; without one they must read the same number.
    for (std::size_t i = 1; i < readers_.size(); ++i) {
      const auto messages = readers_[i]->take();
      const bool aborted = std::any_of(messages.begin(), messages.end(),
                                       [](const auto& message) { return message.type == 2; });
      if (aborted) continue;
      WEIR_ASSERT(readers_[i]->failure().empty());
      WEIR_ASSERT(messages.size() == passed_);
    }
  }

 private:
  void receive(Bytes bytes) {
    for (const auto& reader : readers_) reader->feed(bytes);
  }

  std::uint8_t choice_;
  std::array<std::unique_ptr<weir::test::ReferenceDecoder>, 3> readers_;
  std::size_t passed_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const auto dialect =
      data[0] & 1 ? weir::rtmp::Dialect::kNginxRtmp : weir::rtmp::Dialect::kSpecification;
  const std::size_t piece = 1 + (data[0] >> 1);
  Sink sink(data[1]);
  weir::relay::ChunkSplice splice(weir::rtmp::MessageAssembler(dialect), {});
  Bytes input(data + 2, size - 2);
  while (!input.empty()) {
    const Bytes next = input.first(std::min(piece, input.size()));
    const std::vector<std::uint8_t> own(next.begin(), next.end());
    input = input.subspan(own.size());
    if (!splice.feed(own, sink)) break;
  }
  sink.check();
  return 0;
}
