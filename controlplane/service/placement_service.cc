// PlacementService: which origin owns which stream.

#include <string>
#include <utility>

#include "controlplane/core/cluster_core.h"
#include "controlplane/service/arena_messages.h"
#include "controlplane/service/convert.h"
#include "controlplane/service/convert_orders.h"
#include "controlplane/service/pages.h"
#include "controlplane/service/service_factories.h"
#include "controlplane/service/unary.h"
#include "weir/control/v1/placement_service.grpc.pb.h"

namespace weir::service {
namespace {

using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;

constexpr std::string_view kPinsFilter = "pins";

class PlacementService final : public pb::PlacementService::CallbackService {
 public:
  PlacementService(Executor& executor, Departures& departures, core::ClusterCore& core)
      : executor_(executor), departures_(departures), core_(core) {
    SetMessageAllocatorFor_GetPlacement(&lookup_messages_);
    SetMessageAllocatorFor_AcquirePlacement(&acquire_messages_);
  }

  ServerUnaryReactor* AcquirePlacement(CallbackServerContext* context,
                                       const pb::AcquirePlacementRequest* request,
                                       pb::AcquirePlacementResponse* response) override {
    auto query = read(*request);
    if (!query) return finished(context, invalid_field(query.error().message));
    auto* reactor = context->DefaultReactor();
    executor_.post([this, reactor, response, query = std::move(*query)]() mutable {
      core_.placements().acquire(
          std::move(query), [this, reactor, response](core::Answer<core::Acquired> answer) {
            depart(departures_, reactor, std::move(answer),
                   [response](const core::Acquired& acquired) { write(acquired, response); });
          });
    });
    return reactor;
  }

  ServerUnaryReactor* GetPlacement(CallbackServerContext* context,
                                   const pb::GetPlacementRequest* request,
                                   pb::GetPlacementResponse* response) override {
    const auto protocol = read(request->protocol());
    // Most are known by the very name they are asked for, and nothing is decided about them: no
    // need to wake the core (ADR 6).
    const auto fill = [&](const core::PlacementBook::Entry& placement,
                          const model::OriginDescription& origin) {
      write(placement, origin, protocol, response->mutable_route());
    };
    if (core_.known_routes().read(request->stream(), fill)) {
      return finished(context, grpc::Status::OK);
    }
    auto stream = parse_stream_key(request->stream());
    if (!stream) return finished(context, invalid_field("stream: " + stream.error().message));
    auto* reactor = context->DefaultReactor();
    executor_.post([this, reactor, response, stream = std::move(*stream), protocol] {
      core_.placements().route(
          stream, protocol, [this, reactor, response](core::Answer<core::Route> answer) {
            depart(departures_, reactor, std::move(answer), [response](const core::Route& route) {
              write(route, response->mutable_route());
            });
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
    auto stream = read_stream_name(request->name());
    if (!stream) return finished(context, invalid_field(stream.error().message));
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

  ServerUnaryReactor* PinStream(CallbackServerContext* context, const pb::PinStreamRequest* request,
                                pb::PinStreamResponse* response) override {
    auto stream = read_stream_name(request->name());
    if (!stream) return finished(context, invalid_field(stream.error().message));
    auto terms = read_terms(*request);
    if (!terms) return finished(context, invalid_field(terms.error().message));
    if (auto why = first_too_long({{"origin", request->origin()}})) {
      return finished(context, invalid_field(why->message));
    }
    auto* reactor = context->DefaultReactor();
    executor_.post([this, reactor, response, stream = std::move(*stream),
                    origin = OriginId(request->origin()), terms = std::move(*terms)]() mutable {
      core_.orders().pin(stream, origin, std::move(terms),
                         [reactor, response](const core::Answer<core::OrderDone>& answer) {
                           finish(reactor, answer, [&](const core::OrderDone& done) {
                             if (done.record) write(*done.record, response->mutable_pin());
                             response->set_changed(done.changed);
                           });
                         });
    });
    return reactor;
  }

  ServerUnaryReactor* UnpinStream(CallbackServerContext* context,
                                  const pb::UnpinStreamRequest* request,
                                  pb::UnpinStreamResponse*) override {
    auto stream = read_stream_name(request->name());
    if (!stream) return finished(context, invalid_field(stream.error().message));
    auto terms = read_terms(*request);
    if (!terms) return finished(context, invalid_field(terms.error().message));
    auto* reactor = context->DefaultReactor();
    executor_.post(
        [this, reactor, stream = std::move(*stream), terms = std::move(*terms)]() mutable {
          core_.orders().unpin(stream, std::move(terms),
                               [reactor](const core::Answer<core::OrderDone>& answer) {
                                 finish(reactor, answer, [](const core::OrderDone&) {});
                               });
        });
    return reactor;
  }

  ServerUnaryReactor* ListPins(CallbackServerContext* context, const pb::ListPinsRequest* request,
                               pb::ListPinsResponse* response) override {
    auto start = read_page(request->page_size(), request->page_token(), kPinsFilter);
    if (!start) return finished(context, invalid_field(start.error().message));
    auto* reactor = context->DefaultReactor();
    executor_.post([this, reactor, response, start = std::move(*start)] {
      const auto page = core_.orders().page(store::RecordKind::kPin, start.after, start.size);
      for (const auto& pin : page.records) write(pin, response->add_pins());
      response->set_next_page_token(page_token(page.next, kPinsFilter));
      reactor->Finish(grpc::Status::OK);
    });
    return reactor;
  }

 private:
  Executor& executor_;
  Departures& departures_;
  core::ClusterCore& core_;
  ArenaMessages<pb::GetPlacementRequest, pb::GetPlacementResponse> lookup_messages_;
  ArenaMessages<pb::AcquirePlacementRequest, pb::AcquirePlacementResponse> acquire_messages_;
};

}  // namespace

std::unique_ptr<grpc::Service> make_placement_service(Executor& executor, Departures& departures,
                                                      core::ClusterCore& core) {
  return std::make_unique<PlacementService>(executor, departures, core);
}

}  // namespace weir::service
