// PlacementService: which origin owns which stream.

#include <string>
#include <utility>

#include "controlplane/core/cluster_core.h"
#include "controlplane/service/convert.h"
#include "controlplane/service/pages.h"
#include "controlplane/service/service_factories.h"
#include "controlplane/service/unary.h"
#include "weir/control/v1/placement_service.grpc.pb.h"

namespace weir::service {
namespace {

using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;

constexpr std::string_view kStreamPrefix = "streams/";

class PlacementService final : public pb::PlacementService::CallbackService {
 public:
  PlacementService(Executor& executor, core::ClusterCore& core)
      : executor_(executor), core_(core) {}

  ServerUnaryReactor* AcquirePlacement(CallbackServerContext* context,
                                       const pb::AcquirePlacementRequest* request,
                                       pb::AcquirePlacementResponse* response) override {
    auto query = read(*request);
    if (!query) return finished(context, invalid_field(query.error().message));
    auto* reactor = context->DefaultReactor();
    executor_.post([this, reactor, response, query = std::move(*query)]() mutable {
      core_.placements().acquire(std::move(query), [reactor, response](
                                                       const core::Answer<core::Acquired>& answer) {
        finish(reactor, answer, [&](const core::Acquired& acquired) { write(acquired, response); });
      });
    });
    return reactor;
  }

  ServerUnaryReactor* GetPlacement(CallbackServerContext* context,
                                   const pb::GetPlacementRequest* request,
                                   pb::GetPlacementResponse* response) override {
    auto stream = parse_stream_key(request->stream());
    if (!stream) return finished(context, invalid_field("stream: " + stream.error().message));
    auto* reactor = context->DefaultReactor();
    const auto protocol = read(request->protocol());
    // Most are known, and nothing is decided about them: no need to wake the core (ADR 6).
    if (const auto route = core_.known_route(*stream, protocol)) {
      write(*route, response->mutable_route());
      reactor->Finish(grpc::Status::OK);
      return reactor;
    }
    executor_.post([this, reactor, response, stream = std::move(*stream), protocol] {
      core_.placements().route(
          stream, protocol, [reactor, response](const core::Answer<core::Route>& answer) {
            finish(reactor, answer,
                   [&](const core::Route& route) { write(route, response->mutable_route()); });
          });
    });
    return reactor;
  }

  ServerUnaryReactor* ReleasePlacement(CallbackServerContext* context,
                                       const pb::ReleasePlacementRequest* request,
                                       pb::ReleasePlacementResponse* response) override {
    auto stream = parse_stream_key(request->stream());
    if (!stream) return finished(context, invalid_field("stream: " + stream.error().message));
    auto holder = read(request->holder());
    if (!holder) return finished(context, invalid_field(holder.error().message));
    const Epoch epoch = read(request->epoch());
    if (!epoch.is_set()) return finished(context, invalid_field("epoch: is required"));
    auto* reactor = context->DefaultReactor();
    executor_.post([this, reactor, response,
                    held = store::HolderRef{std::move(*stream), std::move(*holder), epoch}] {
      core_.placements().release(held, [reactor, response](const core::Answer<bool>& answer) {
        finish(reactor, answer, [&](bool released) { response->set_released(released); });
      });
    });
    return reactor;
  }

  ServerUnaryReactor* GetStream(CallbackServerContext* context, const pb::GetStreamRequest* request,
                                pb::Stream* response) override {
    const std::string& name = request->name();
    if (!name.starts_with(kStreamPrefix)) {
      return finished(context, invalid_field("name: must be streams/{vhost}/{app}/{stream}"));
    }
    auto stream = parse_stream_key(std::string_view(name).substr(kStreamPrefix.size()));
    if (!stream) return finished(context, invalid_field("name: " + stream.error().message));
    auto* reactor = context->DefaultReactor();
    executor_.post([this, reactor, response, stream = std::move(*stream)] {
      finish(reactor, core_.listing().stream(stream),
             [&](const core::StreamInfo& info) { write(info, response); });
    });
    return reactor;
  }

  ServerUnaryReactor* ListStreams(CallbackServerContext* context,
                                  const pb::ListStreamsRequest* request,
                                  pb::ListStreamsResponse* response) override {
    const std::string filter = "streams\n" + request->origin();
    auto start = read_page(request->page_size(), request->page_token(), filter);
    if (!start) return finished(context, invalid_field(start.error().message));
    auto* reactor = context->DefaultReactor();
    executor_.post([this, reactor, response, filter, start = std::move(*start),
                    origin = OriginId(request->origin())] {
      const auto page = core_.listing().streams(start.after, start.size, origin);
      for (const auto& stream : page.items) write(stream, response->add_streams());
      response->set_next_page_token(page_token(page.next, filter));
      write(core_.listing().revision(), response->mutable_revision());
      reactor->Finish(grpc::Status::OK);
    });
    return reactor;
  }

  ServerUnaryReactor* ExplainPlacement(CallbackServerContext* context,
                                       const pb::ExplainPlacementRequest* request,
                                       pb::ExplainPlacementResponse* response) override {
    auto stream = parse_stream_key(request->stream());
    if (!stream) return finished(context, invalid_field("stream: " + stream.error().message));
    core::AcquireQuery query;
    query.stream = std::move(*stream);
    query.holder = model::ExternalHolder{"explain"};
    query.protocol = read(request->protocol());
    query.declared_bits_per_second = request->declared_bits_per_second();
    auto* reactor = context->DefaultReactor();
    executor_.post(
        [this, reactor, response, query = std::move(query), dry_run = request->dry_run()] {
          finish(reactor, core_.placements().explain(query, dry_run),
                 [&](const core::Explanation& explanation) {
                   for (const auto& record : explanation.records) {
                     write(record, response->add_records());
                   }
                   if (explanation.placement) {
                     write(*explanation.placement, response->mutable_placement());
                   }
                   write(explanation.read_time, response->mutable_read_time());
                 });
        });
    return reactor;
  }

 private:
  Executor& executor_;
  core::ClusterCore& core_;
};

}  // namespace

std::unique_ptr<grpc::Service> make_placement_service(Executor& executor, core::ClusterCore& core) {
  return std::make_unique<PlacementService>(executor, core);
}

}  // namespace weir::service
