// What the relay's own code costs, without sockets: the splice by chunk size, both halves of the
// handshake, a connect command, a stream's name and its route in the cache.
// Threading: one thread.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "common/base/contract.h"
#include "common/base/random.h"
#include "common/base/stream_key.h"
#include "dataplane/protocol/amf/writer.h"
#include "dataplane/protocol/rtmp/chunk_writer.h"
#include "dataplane/protocol/rtmp/command.h"
#include "dataplane/protocol/rtmp/handshake.h"
#include "dataplane/relay/chunk_splice.h"
#include "dataplane/routing/route_cache.h"

namespace weir {
namespace {

constexpr std::size_t kReadBytes = 64 * 1024;

/// Takes what the splice sends, as the driver would.
class Counter final : public relay::SpliceHandler {
 public:
  void send_view(relay::OutputIndex, rtmp::Bytes bytes) override { sent += bytes.size(); }
  void send_copy(relay::OutputIndex, rtmp::Bytes bytes) override { sent += bytes.size(); }
  relay::SpliceChoice on_message(const rtmp::MessageHeader&) override {
    return relay::SpliceAction::kPass;
  }
  void on_collected(const rtmp::Message&) override {}
  void on_passed(relay::OutputIndex, const rtmp::MessageHeader&, rtmp::Bytes) override {}

  std::size_t sent = 0;
};

/// Video frames of 16 KB with an audio frame of 400 bytes between, format 0 each: it can be fed any
/// number of times.
std::vector<std::uint8_t> media(std::uint32_t chunk_size, std::size_t frames) {
  std::vector<std::uint8_t> out;
  const std::vector<std::uint8_t> video(16 * 1024, 0x27);
  const std::vector<std::uint8_t> audio(400, 0xaf);
  for (std::size_t i = 0; i < frames; ++i) {
    const auto time = static_cast<std::uint32_t>(33 * i);
    rtmp::write_message(out, {rtmp::MessageType::kVideo, time, 0, 1, 6}, video, chunk_size);
    rtmp::write_message(out, {rtmp::MessageType::kAudio, time, 0, 1, 4}, audio, chunk_size);
  }
  return out;
}

void splice(benchmark::State& state) {
  const auto chunk_size = static_cast<std::uint32_t>(state.range(0));
  constexpr std::size_t kFrames = 64;
  std::vector<std::uint8_t> prefix;
  rtmp::write_message(prefix, rtmp::set_chunk_size(chunk_size), rtmp::kChunkSizeDefault);
  const auto bytes = media(chunk_size, kFrames);
  relay::ChunkSplice splice{rtmp::MessageAssembler()};
  Counter counter;
  WEIR_ASSERT(splice.feed(prefix, counter));
  for (auto _ : state) {
    rtmp::Bytes input(bytes);
    while (!input.empty()) {
      const auto piece = input.first(std::min(input.size(), kReadBytes));
      WEIR_ASSERT(splice.feed(piece, counter));
      input = input.subspan(piece.size());
    }
  }
  const auto chunks_of = [&](std::size_t length) { return (length + chunk_size - 1) / chunk_size; };
  const auto turns = static_cast<std::int64_t>(state.iterations());
  state.SetBytesProcessed(turns * static_cast<std::int64_t>(bytes.size()));
  state.SetItemsProcessed(
      turns * static_cast<std::int64_t>(kFrames * (chunks_of(16 * 1024) + chunks_of(400))));
}
BENCHMARK(splice)->ArgName("chunk")->Arg(128)->Arg(4096)->Arg(65536);

void server_handshake(benchmark::State& state) {
  SystemRandom random;
  std::vector<std::uint8_t> c0c1(1 + rtmp::kHandshakePacketBytes, 0);
  c0c1[0] = 3;
  std::vector<std::uint8_t> out;
  for (auto _ : state) {
    rtmp::ServerHandshake handshake;
    rtmp::Bytes input(c0c1);
    out.clear();
    handshake.feed(input, random, out);
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(server_handshake);

void client_handshake(benchmark::State& state) {
  SystemRandom random;
  std::vector<std::uint8_t> answer(1 + 2 * rtmp::kHandshakePacketBytes, 0);
  answer[0] = 3;
  std::vector<std::uint8_t> out;
  for (auto _ : state) {
    rtmp::ClientHandshake handshake;
    out.clear();
    handshake.start(random, out);
    rtmp::Bytes input(answer);
    handshake.feed(input, out);
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(client_handshake);

void parse_connect(benchmark::State& state) {
  std::vector<std::uint8_t> object;
  amf::Writer writer(object);
  writer.begin_object();
  writer.key("app").string("live").key("type").string("nonprivate");
  writer.key("flashVer").string("FMLE/3.0 (compatible; FMSc/1.0)");
  writer.key("tcUrl").string("rtmp://ingest.example.com/live");
  writer.key("fpad").boolean(false).key("capabilities").number(15);
  writer.key("audioCodecs").number(4071).key("videoCodecs").number(252);
  writer.end_object();
  const auto payload = rtmp::connect_command(1, object);
  const rtmp::Message message{
      {rtmp::MessageType::kCommandAmf0, 0, static_cast<std::uint32_t>(payload.size()), 0, 3},
      payload};
  for (auto _ : state) {
    const auto command = rtmp::parse_command(message);
    const auto connect = command->argument(0);
    benchmark::DoNotOptimize(amf::string_property(*connect, "app"));
    benchmark::DoNotOptimize(amf::string_property(*connect, "tcUrl"));
    benchmark::DoNotOptimize(amf::string_property(*connect, "flashVer"));
  }
}
BENCHMARK(parse_connect);

void name_a_stream(benchmark::State& state) {
  const VhostRules rules({"ingest.example.com"});
  for (auto _ : state) {
    auto key =
        stream_key_from_rtmp("rtmp://ingest.example.com/live", "live", "camera1?token=abc", rules);
    benchmark::DoNotOptimize(key);
  }
}
BENCHMARK(name_a_stream);

/// A viewer of a stream that is known: target < 1 us.
void known_route(benchmark::State& state) {
  routing::RouteCache cache;
  std::vector<StreamKey> keys;
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    routing::RouteUpdate update;
    update.stream = *parse_stream_key("ingest.example.com/live/camera" + std::to_string(i));
    update.route.emplace();
    update.route->epoch = Epoch{1, 1};
    update.revision = Revision{1, 1};
    cache.apply(update);
    // As a session's: a text of its own.
    keys.push_back(*parse_stream_key(update.stream.str()));
  }
  SeededRandom random(1);
  for (auto _ : state) benchmark::DoNotOptimize(cache.find(keys[random.below(keys.size())]));
}
BENCHMARK(known_route)->ArgName("streams")->Arg(100)->Arg(100'000);

}  // namespace
}  // namespace weir
