// weirctl origin register: a static origin, which replicas probe themselves.
#include <ostream>

#include <CLI/CLI.hpp>

#include "controlplane/cli/commands.h"
#include "controlplane/cli/printers.h"
#include "weir/control/v1/origin_service.grpc.pb.h"

namespace weir::cli {
namespace {

struct OriginRegisterArguments {
  std::string origin;
  std::string rtmp;
  std::string http;
  std::string zone;
  api::OriginKind kind = api::ORIGIN_KIND_GENERIC;
  api::ClientAddressMode client_address = api::CLIENT_ADDRESS_MODE_UNSPECIFIED;
  std::vector<std::string> labels;
  std::uint32_t max_streams = 0;
  bool dry_run = false;
};

void add_endpoint(api::RegisterOriginRequest& request, api::Protocol protocol,
                  const std::string& address) {
  if (address.empty()) return;
  api::Endpoint& endpoint = *request.add_endpoints();
  endpoint.set_protocol(protocol);
  endpoint.set_address(address);
}

int origin_register(const OriginRegisterArguments& arguments, Context& context) {
  api::RegisterOriginRequest request;
  request.set_origin_id(arguments.origin);
  add_endpoint(request, api::PROTOCOL_RTMP, arguments.rtmp);
  request.mutable_endpoints(0)->set_client_address(arguments.client_address);
  add_endpoint(request, api::PROTOCOL_HTTP, arguments.http);
  request.set_kind(arguments.kind);
  request.set_zone(arguments.zone);
  for (const std::string& label : arguments.labels) {
    const std::size_t equals = label.find('=');
    if (equals == std::string::npos || equals == 0)
      return misuse(context, "--label " + label + ": write key=value");
    (*request.mutable_labels())[label.substr(0, equals)] = label.substr(equals + 1);
  }
  if (arguments.max_streams > 0) request.mutable_capacity()->set_streams(arguments.max_streams);
  request.set_validate_only(arguments.dry_run);
  api::Origin answer;
  const grpc::Status status = context.client.call([&](const auto& channel, auto& call) {
    return api::OriginService::NewStub(channel)->RegisterOrigin(&call, request, &answer);
  });
  if (!status.ok()) return fail(context, status);
  context.out << (is_table(context.output) ? origin_facts(answer, context.clock.wall_now())
                                           : to_text(context.output, answer));
  return 0;
}

}  // namespace

void add_origin_register(CLI::App& noun, Action& action) {
  static const std::map<std::string, api::OriginKind> kKinds{
      {"generic", api::ORIGIN_KIND_GENERIC},
      {"nginx-rtmp", api::ORIGIN_KIND_NGINX_RTMP},
      {"srs", api::ORIGIN_KIND_SRS}};
  static const std::map<std::string, api::ClientAddressMode> kModes{
      {"none", api::CLIENT_ADDRESS_MODE_UNSPECIFIED},
      {"proxy-v1", api::CLIENT_ADDRESS_MODE_PROXY_V1},
      {"srs-prefix", api::CLIENT_ADDRESS_MODE_SRS_PREFIX}};
  auto arguments = std::make_shared<OriginRegisterArguments>();
  CLI::App* const command = noun.add_subcommand("register", "registers an origin without agent");
  command->add_option("ORIGIN", arguments->origin, "id to give it")->required();
  command->add_option("--rtmp", arguments->rtmp, "RTMP endpoint, host:port")->required();
  command->add_option("--http", arguments->http, "HTTP media endpoint, host:port");
  command->add_option("--kind", arguments->kind, "generic, nginx-rtmp or srs (generic)")
      ->transform(CLI::CheckedTransformer(kKinds).description(""))
      ->type_name("KIND");
  command
      ->add_option("--client-address", arguments->client_address,
                   "how its RTMP listener is told of clients: none, proxy-v1 or srs-prefix (none)")
      ->transform(CLI::CheckedTransformer(kModes).description(""))
      ->type_name("MODE");
  command->add_option("--zone", arguments->zone, "locality");
  command->add_option("--label", arguments->labels, "fact about it, key=value; repeatable")
      ->allow_extra_args(false);
  command->add_option("--max-streams", arguments->max_streams, "most streams (1000)");
  command->add_flag("--dry-run", arguments->dry_run, "check only");
  command->callback([&action, arguments] {
    action = [arguments](Context& context) { return origin_register(*arguments, context); };
  });
}

}  // namespace weir::cli
