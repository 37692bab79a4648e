#pragma once
// GrpcControlLink: ControlLink over ForwarderService.Attach and PlacementService.
//
// Purpose: nothing but the wire. gRPC's threads convert messages and post them; all decisions are
// taken in ControlClient. Threading: as ControlLink: the control thread. gRPC's own threads touch
// only the call objects and the gate to the executor. Lifetime: executor and clock outlive it. The
// destructor shuts the way to the executor, cancels the stream and waits for what is under way,
// bounded: no channel may be let go of last by a thread of gRPC.

#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/executor.h"
#include "common/base/secret.h"
#include "dataplane/routing/control_link.h"

namespace weir::routing {

struct ForwarderFacts;

class GrpcControlLink final : public ControlLink {
 public:
  GrpcControlLink(Executor& executor, const Clock& clock, ForwarderFacts facts,
                  const std::vector<std::string>& endpoints, const Secret& token);
  ~GrpcControlLink() override;

  std::size_t endpoint_count() const override;
  std::string endpoint_name(std::size_t endpoint) const override;
  void attach(std::size_t endpoint, Hello hello, Events& events) override;
  void send(Upward message) override;
  void detach() override;
  void renew(std::size_t endpoint) override;
  void acquire(std::size_t endpoint, const AcquireRequest& request, Duration deadline,
               Callback<void(AcquireReply)> answer) override;
  void release(std::size_t endpoint, const ReleaseRequest& request, Duration deadline,
               Callback<void(bool)> done) override;
  void ask_freshness(std::size_t endpoint, Duration deadline,
                     Callback<void(FreshnessReply)> answer) override;

 private:
  class Gate;
  class AttachCall;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace weir::routing
