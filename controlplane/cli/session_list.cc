// weirctl session list
#include <ostream>

#include <CLI/CLI.hpp>

#include "controlplane/cli/commands.h"
#include "controlplane/cli/paging.h"
#include "controlplane/cli/printers.h"
#include "controlplane/cli/text.h"
#include "weir/control/v1/forwarder_service.grpc.pb.h"

namespace weir::cli {
namespace {

struct SessionListArguments {
  std::string stream;
  std::string forwarder;
};

int session_list(const SessionListArguments& arguments, Context& context) {
  api::ListSessionsRequest request;
  if (!arguments.stream.empty()) {
    const auto key = stream_key_of(arguments.stream);
    if (!key) return misuse(context, key.error().message);
    request.set_stream(*key);
  }
  request.set_forwarder(arguments.forwarder);
  api::ListSessionsResponse all;
  const grpc::Status status = read_pages(
      context.client, request, all,
      [](const auto& channel, auto& call, const auto& page_request, auto& page) {
        return api::ForwarderService::NewStub(channel)->ListSessions(&call, page_request, &page);
      });
  if (!status.ok()) return fail(context, status);
  if (!is_table(context.output)) {
    context.out << to_text(context.output, all);
    return 0;
  }
  context.out << session_table(all, context.output == Output::kWide, context.clock.wall_now());
  for (const std::string& name : all.unreachable()) {
    context.err << "weirctl: " << name
                << (name.starts_with("replicas/")
                        ? " did not answer: the sessions of its forwarders are missing\n"
                        : " is not attached: its sessions may be out of date\n");
  }
  return 0;
}

}  // namespace

void add_session_list(CLI::App& noun, Action& action) {
  auto arguments = std::make_shared<SessionListArguments>();
  CLI::App* const command = noun.add_subcommand("list", "client sessions");
  command->add_option("--stream", arguments->stream, "only sessions of this stream");
  command->add_option("--forwarder", arguments->forwarder, "only sessions of this forwarder");
  command->callback([&action, arguments] {
    action = [arguments](Context& context) { return session_list(*arguments, context); };
  });
}

}  // namespace weir::cli
