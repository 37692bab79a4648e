// weirctl event watch: follows events over reconnections, by resume token.
#include <ostream>
#include <thread>

#include <CLI/CLI.hpp>
#include <google/protobuf/util/time_util.h>

#include "common/rpc/status.h"
#include "controlplane/cli/base64.h"
#include "controlplane/cli/commands.h"
#include "controlplane/cli/exit_code.h"
#include "controlplane/cli/limits.h"
#include "controlplane/cli/printers.h"
#include "controlplane/cli/text.h"
#include "weir/control/v1/cluster_service.grpc.pb.h"

namespace weir::cli {
namespace {

struct EventWatchArguments {
  std::string since;
  bool once = false;
};

void print(Context& context, const api::WatchEventsResponse& item) {
  if (context.output == Output::kJson) {
    context.out << to_json(item, true) << std::flush;  // one object per line: a stream has no end
  } else if (context.output == Output::kYaml) {
    context.out << "---\n" << to_yaml(item) << std::flush;
  } else if (item.has_event()) {
    context.out << event_line(item.event(), context.output == Output::kWide) << std::flush;
  } else if (item.has_reset()) {
    context.err << "weirctl: events were lost: " << item.reset().reason() << '\n';
  }
}

/// Reads one stream to its end and keeps the token of the last item in `request`.
grpc::Status follow(Context& context, api::WatchEventsRequest& request, bool& heard) {
  if (!context.client.responds_until(std::chrono::system_clock::now() + kConnectWithin))
    return {grpc::UNAVAILABLE, "no answer in time"};
  const auto stub = api::ClusterService::NewStub(context.client.channel());
  grpc::ClientContext call;
  // Without an end a watch has no deadline; with one it has that of every other call.
  if (request.once())
    call.set_deadline(std::chrono::system_clock::now() + context.client.timeout());
  const auto reader = stub->WatchEvents(&call, request);
  api::WatchEventsResponse item;
  while (reader->Read(&item)) {
    heard = true;
    if (!item.resume_token().empty()) {
      request.set_resume_token(item.resume_token());
      request.clear_since();
    }
    print(context, item);
  }
  return reader->Finish();
}

bool is_connection_lost(const grpc::Status& status) {
  return status.error_code() == grpc::UNAVAILABLE &&
         (rpc::reason_of(status).empty() || rpc::reason_of(status) == rpc::reason::kShuttingDown);
}

int event_watch(const EventWatchArguments& arguments, Context& context) {
  api::WatchEventsRequest request;
  request.set_once(arguments.once);
  if (const auto age = parse_duration(arguments.since)) {
    *request.mutable_since() =
        google::protobuf::util::TimeUtil::MillisecondsToDuration(age->count());
  } else if (!arguments.since.empty()) {
    const auto token = base64_decode(arguments.since);
    if (!token)
      return misuse(context, "--since " + arguments.since +
                                 ": write a duration (90s, 5m, 2h) or a resume token");
    request.set_resume_token(*token);
  }
  auto give_up = std::chrono::steady_clock::now() + context.client.timeout();
  bool followed = false;
  for (;;) {
    bool heard = false;
    const grpc::Status status = follow(context, request, heard);
    if (heard) give_up = std::chrono::steady_clock::now() + context.client.timeout();
    if (status.ok()) break;
    followed = followed || heard;
    if (followed && !arguments.once && rpc::reason_of(status) == rpc::reason::kResumeTokenExpired) {
      context.err << "weirctl: events were lost: " << status.error_message() << '\n';
      request.clear_resume_token();
      continue;
    }
    if (!is_connection_lost(status) || std::chrono::steady_clock::now() >= give_up)
      return fail(context, status);
    if (heard)
      context.err << "weirctl: lost " << context.client.endpoint() << ", going on elsewhere\n";
    context.client.next_endpoint();
    std::this_thread::sleep_for(kWatchRetryDelay);
  }
  if (is_table(context.output) && !request.resume_token().empty())
    context.err << "go on with: weirctl event watch --since "
                << base64_encode(request.resume_token()) << '\n';
  return 0;
}

}  // namespace

void add_event_watch(CLI::App& noun, Action& action) {
  auto arguments = std::make_shared<EventWatchArguments>();
  CLI::App* const command = noun.add_subcommand("watch", "follows what happens in the cluster");
  command
      ->add_option("--since", arguments->since,
                   "a resume token, or how far back to start (90s, 5m, 2h); all that is kept")
      ->type_name("TOKEN|DURATION");
  command->add_flag("--once", arguments->once, "end when everything so far was shown");
  command->callback([&action, arguments] {
    action = [arguments](Context& context) { return event_watch(*arguments, context); };
  });
}

}  // namespace weir::cli
