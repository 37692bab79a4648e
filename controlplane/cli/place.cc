// weirctl place --dry-run: where a stream would go now.
#include <CLI/CLI.hpp>

#include "controlplane/cli/explain.h"
#include "controlplane/cli/text.h"

namespace weir::cli {
namespace {

struct PlaceArguments {
  std::string stream;
  std::uint64_t bits_per_second = 0;
  bool dry_run = false;
};

}  // namespace

void add_place(CLI::App& root, Action& action) {
  auto arguments = std::make_shared<PlaceArguments>();
  CLI::App* const command = root.add_subcommand("place", "where a stream would be placed now");
  command->add_option("STREAM", arguments->stream, "app/stream or vhost/app/stream")->required();
  command->add_flag("--dry-run", arguments->dry_run, "decide, bind nothing")->required();
  command->add_option("--bits-per-second", arguments->bits_per_second,
                      "bit rate of the stream (0 = unknown)");
  command->callback([&action, arguments] {
    action = [arguments](Context& context) {
      const auto key = stream_key_of(arguments->stream);
      if (!key) return misuse(context, key.error().message);
      control::v1::ExplainPlacementRequest request;
      request.set_stream(*key);
      request.set_dry_run(arguments->dry_run);
      request.set_protocol(control::v1::PROTOCOL_RTMP);
      request.set_declared_bits_per_second(arguments->bits_per_second);
      return run_explain(request, context);
    };
  });
}

}  // namespace weir::cli
