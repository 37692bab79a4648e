#include "common/rpc/token_credentials.h"

#include <string>
#include <string_view>
#include <utility>

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>

#include "common/rpc/reasons.h"

namespace weir::rpc {
namespace {

std::string_view view(const grpc_slice& slice) {
  return {reinterpret_cast<const char*>(GRPC_SLICE_START_PTR(slice)), GRPC_SLICE_LENGTH(slice)};
}

/// Health checkers have no token, and the answer tells a stranger nothing.
bool is_open_method(std::string_view path) {
  return path.starts_with("/grpc.health.v1.Health/");
}

bool accepted(const Secret& token, const grpc_metadata* metadata, std::size_t count) {
  static constexpr std::string_view kScheme = "Bearer ";
  bool good = false;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string_view key = view(metadata[i].key);
    const std::string_view value = view(metadata[i].value);
    if (key == ":path" && is_open_method(value)) return true;
    if (key == "authorization" && value.starts_with(kScheme))
      good = token.equals(value.substr(kScheme.size()));
  }
  return good;
}

void process(void* state, grpc_auth_context*, const grpc_metadata* metadata, std::size_t count,
             grpc_process_auth_metadata_done_cb done, void* user_data) {
  const auto& token = *static_cast<const Secret*>(state);
  if (accepted(token, metadata, count))
    return done(user_data, nullptr, 0, nullptr, 0, GRPC_STATUS_OK, nullptr);
  static const std::string message =
      std::string(reason::kTokenInvalid) +
      ": the call carries no token or a wrong one; "
      "send the first line of --token-file as 'authorization: Bearer <token>'";
  done(user_data, nullptr, 0, nullptr, 0, GRPC_STATUS_UNAUTHENTICATED, message.c_str());
}

class TokenCredentials final : public grpc::ServerCredentials {
 public:
  explicit TokenCredentials(Secret token) : token_(std::move(token)) {}
  /// Credentials bring their own processor.
  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    grpc_server_credentials* const core = grpc_insecure_server_credentials_create();
    if (!token_.empty()) {
      // The server may live longer than this object, so the processor owns a copy.
      grpc_server_credentials_set_auth_metadata_processor(
          core, {.process = &process,
                 .destroy = [](void* state) { delete static_cast<Secret*>(state); },
                 .state = new Secret(token_)});
    }
    const int port = grpc_server_add_http2_port(server, address.c_str(), core);
    grpc_server_credentials_release(core);
    return port;
  }

  Secret token_;
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> make_token_credentials(Secret token) {
  return std::make_shared<TokenCredentials>(std::move(token));
}

}  // namespace weir::rpc
