#pragma once
// Reads every page of a List method into one response. Threading: as the client. Lifetime: values.

#include <google/protobuf/repeated_field.h>
#include <grpcpp/support/status.h>

#include "controlplane/cli/client.h"
#include "controlplane/cli/limits.h"

namespace weir::cli {

/// `call(stub-free)`: (channel, context, request, page) -> status. The pages' other fields are
/// merged as protobuf merges; the answer's next_page_token is empty.
template <class Request, class Response, class Call>
grpc::Status read_pages(Client& client, Request request, Response& all, const Call& call) {
  request.set_page_size(kPageSize);
  for (;;) {
    Response page;
    const grpc::Status status = client.call(
        [&](const std::shared_ptr<grpc::Channel>& channel, grpc::ClientContext& context) {
          page.Clear();
          return call(channel, context, request, page);
        });
    if (!status.ok()) return status;
    const std::string next = page.next_page_token();
    page.clear_next_page_token();
    all.MergeFrom(page);
    if (next.empty()) return status;
    // A server that repeats itself would keep this loop going for ever.
    if (next == request.page_token())
      return {grpc::INTERNAL, "the control plane answers with the same page again"};
    request.set_page_token(next);
  }
}

}  // namespace weir::cli
