#pragma once
// GrpcLink: AttachLink over OriginService.Attach with gRPC's callback API.
//
// Threading: the interface on the agent's one thread; gRPC's own threads only touch a stream's
// write queue (under its mutex) and post everything else to the executor. Lifetime: executor and
// listener outlive it; the destructor cancels and waits a bounded time.

#include <memory>
#include <string>
#include <vector>

#include "common/base/executor.h"
#include "common/base/secret.h"
#include "common/rpc/channels.h"
#include "origin-agent/client/attach_link.h"

namespace weir::agent {

class GrpcLink final : public AttachLink {
 public:
  /// `endpoints`: `host:port` of each replica.
  GrpcLink(Executor& executor, std::vector<std::string> endpoints, Secret token);
  ~GrpcLink() override;
  GrpcLink(const GrpcLink&) = delete;
  GrpcLink& operator=(const GrpcLink&) = delete;

  void open(std::size_t endpoint, bool anew, AttachLinkListener& listener) override;
  void send(const UpMessage& message) override;
  void close() override;
  void ask_freshness(std::size_t endpoint, Callback<void(std::optional<bool>)> answer) override;

 private:
  class Call;
  struct Shared;
  std::shared_ptr<Shared> shared_;
  rpc::Channels channels_;
  std::shared_ptr<Call> call_;
  /// False once the stream is closed: what it made somebody ask is of no use any more.
  std::shared_ptr<bool> wanted_ = std::make_shared<bool>(true);
};

}  // namespace weir::agent
