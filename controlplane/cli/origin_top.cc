// weirctl origin top
#include <map>
#include <memory>
#include <ostream>
#include <string>

#include <CLI/CLI.hpp>

#include "controlplane/cli/commands.h"
#include "controlplane/cli/paging.h"
#include "controlplane/cli/printers.h"
#include "weir/control/v1/origin_service.grpc.pb.h"

namespace weir::cli {
namespace {

constexpr std::size_t kShown = 20;

struct OriginTopArguments {
  std::string by = "cpu";
  std::size_t limit = kShown;
};

const std::map<std::string, TopBy>& columns() {
  static const std::map<std::string, TopBy> kColumns = {{"cpu", TopBy::kCpu},
                                                        {"egress", TopBy::kEgress},
                                                        {"streams", TopBy::kStreams},
                                                        {"players", TopBy::kPlayers},
                                                        {"connections", TopBy::kConnections}};
  return kColumns;
}

int origin_top_command(const OriginTopArguments& arguments, Context& context) {
  const auto by = columns().find(arguments.by);
  if (by == columns().end())
    return misuse(context, "--by: write cpu, egress, streams, players or connections");
  api::ListOriginsRequest request;
  api::ListOriginsResponse all;
  const grpc::Status status = read_pages(
      context.client, request, all,
      [](const auto& channel, auto& call, const auto& page_request, auto& page) {
        return api::OriginService::NewStub(channel)->ListOrigins(&call, page_request, &page);
      });
  if (!status.ok()) return fail(context, status);
  const api::ListOriginsResponse top = top_origins(all, by->second, arguments.limit);
  context.out << (is_table(context.output) ? origin_top(top) : to_text(context.output, top));
  return 0;
}

}  // namespace

void add_origin_top(CLI::App& noun, Action& action) {
  auto arguments = std::make_shared<OriginTopArguments>();
  CLI::App* const command = noun.add_subcommand("top", "origins with the most load");
  command->add_option("--by", arguments->by, "cpu, egress, streams, players or connections");
  command->add_option("--limit", arguments->limit, "most to show")
      ->check(CLI::Range(std::size_t{1}, std::size_t{100'000}));
  command->callback([&action, arguments] {
    action = [arguments](Context& context) { return origin_top_command(*arguments, context); };
  });
}

}  // namespace weir::cli
