// OriginService: origins and the attach streams of their agents.

#include <string>
#include <utility>

#include "controlplane/core/cluster_core.h"
#include "controlplane/service/attach_stream.h"
#include "controlplane/service/convert.h"
#include "controlplane/service/convert_orders.h"
#include "controlplane/service/limits.h"
#include "controlplane/service/pages.h"
#include "controlplane/service/service_factories.h"
#include "controlplane/service/unary.h"
#include "weir/control/v1/origin_service.grpc.pb.h"

namespace weir::service {
namespace {

using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;
using Request = pb::OriginServiceAttachRequest;
using Response = pb::OriginServiceAttachResponse;

constexpr std::string_view kOriginPrefix = "origins/";
constexpr std::string_view kListFilter = "origins";

class GrpcAgentLink final : public core::AgentLink {
 public:
  using Stream = AttachStream<Request, Response>;
  explicit GrpcAgentLink(std::shared_ptr<Stream> stream) : stream_(std::move(stream)) {}
  void send(core::AgentDown message) override { stream_->send(write(message)); }
  void end(core::Reason reason, std::string_view message) override {
    stream_->end(to_status({reason, std::string(message), "", {}, std::nullopt}));
  }
  std::string peer() const override { return stream_->peer(); }
  Stream& stream() { return *stream_; }

 private:
  std::shared_ptr<Stream> stream_;
};

class OriginService final : public pb::OriginService::CallbackService {
  using Respond = core::Respond<core::OrderDone>;

 public:
  OriginService(Executor& executor, Departures& departures, core::ClusterCore& core)
      : executor_(executor), departures_(departures), core_(core) {}

  grpc::ServerBidiReactor<Request, Response>* Attach(CallbackServerContext* context) override {
    auto stream = std::make_shared<GrpcAgentLink::Stream>(context, departures_);
    auto link = std::make_shared<GrpcAgentLink>(stream);
    executor_.post([this, link] { core_.agents().opened(link); });
    return stream->start(
        {[this, link](const Request& request) {
           auto message = read(request);
           if (!message) return link->stream().end(invalid_field(message.error().message));
           executor_.post([this, link, message = std::move(*message)]() mutable {
             core_.agents().message(link, std::move(message));
             link->stream().read_on();
           });
         },
         [this, link] { executor_.post([this, link] { core_.agents().closed(link); }); }});
  }

  ServerUnaryReactor* GetOrigin(CallbackServerContext* context, const pb::GetOriginRequest* request,
                                pb::Origin* response) override {
    const auto id = origin_id(request->name());
    if (!id) return finished(context, bad_name());
    auto* reactor = context->DefaultReactor();
    executor_.post([this, reactor, response, id = *id] {
      finish(reactor, core_.listing().origin(id),
             [&](const core::OriginInfo& origin) { write(origin, response); });
    });
    return reactor;
  }

  ServerUnaryReactor* ListOrigins(CallbackServerContext* context,
                                  const pb::ListOriginsRequest* request,
                                  pb::ListOriginsResponse* response) override {
    auto start = read_page(request->page_size(), request->page_token(), kListFilter);
    if (!start) return finished(context, invalid_field(start.error().message));
    auto* reactor = context->DefaultReactor();
    executor_.post([this, reactor, response, start = std::move(*start)] {
      const auto page = core_.listing().origins(start.after, start.size);
      for (const auto& origin : page.items) write(origin, response->add_origins());
      response->set_next_page_token(page_token(page.next, kListFilter));
      reactor->Finish(grpc::Status::OK);
    });
    return reactor;
  }

  ServerUnaryReactor* RegisterOrigin(CallbackServerContext* context,
                                     const pb::RegisterOriginRequest* request,
                                     pb::Origin* response) override {
    auto* reactor = context->DefaultReactor();
    executor_.post([this, reactor, response, description = read(*request),
                    validate_only = request->validate_only()]() mutable {
      core_.origins().register_origin(std::move(description), validate_only,
                                      respond(reactor, response));
    });
    return reactor;
  }

  ServerUnaryReactor* CordonOrigin(CallbackServerContext* context,
                                   const pb::CordonOriginRequest* request,
                                   pb::Origin* response) override {
    return order(context, *request, response,
                 [reason = request->reason()](core::Orders& orders, const OriginId& origin,
                                              core::OrderTerms terms, Respond respond) {
                   orders.cordon(origin, reason, std::move(terms), std::move(respond));
                 });
  }

  ServerUnaryReactor* UncordonOrigin(CallbackServerContext* context,
                                     const pb::UncordonOriginRequest* request,
                                     pb::Origin* response) override {
    return order(
        context, *request, response,
        [](core::Orders& orders, const OriginId& origin, core::OrderTerms terms, Respond respond) {
          orders.cordon(origin, std::nullopt, std::move(terms), std::move(respond));
        });
  }

  ServerUnaryReactor* DrainOrigin(CallbackServerContext* context,
                                  const pb::DrainOriginRequest* request,
                                  pb::Origin* response) override {
    std::optional<Duration> allowed;
    if (request->has_time_allowed()) {
      if (request->time_allowed().seconds() < 0 || request->time_allowed().nanos() < 0) {
        return finished(context, invalid_field("time_allowed: must not be negative"));
      }
      allowed = read(request->time_allowed());
    }
    return order(context, *request, response,
                 [allowed, reason = request->reason()](core::Orders& orders, const OriginId& origin,
                                                       core::OrderTerms terms, Respond respond) {
                   orders.drain(origin, allowed, reason, std::move(terms), std::move(respond));
                 });
  }

  ServerUnaryReactor* UndrainOrigin(CallbackServerContext* context,
                                    const pb::UndrainOriginRequest* request,
                                    pb::Origin* response) override {
    return order(
        context, *request, response,
        [](core::Orders& orders, const OriginId& origin, core::OrderTerms terms, Respond respond) {
          orders.undrain(origin, std::move(terms), std::move(respond));
        });
  }

  ServerUnaryReactor* SetOriginWeight(CallbackServerContext* context,
                                      const pb::SetOriginWeightRequest* request,
                                      pb::Origin* response) override {
    return order(context, *request, response,
                 [weight = request->weight()](core::Orders& orders, const OriginId& origin,
                                              core::OrderTerms terms, Respond respond) {
                   orders.set_weight(origin, weight, std::move(terms), std::move(respond));
                 });
  }

 private:
  static std::optional<OriginId> origin_id(const std::string& name) {
    if (!name.starts_with(kOriginPrefix) || name.size() == kOriginPrefix.size() ||
        name.size() > kOriginPrefix.size() + kNameBytesMax) {
      return std::nullopt;
    }
    return OriginId(name.substr(kOriginPrefix.size()));
  }
  static grpc::Status bad_name() { return invalid_field("name: must be origins/{origin}"); }

  core::Respond<store::OriginRecord> respond(ServerUnaryReactor* reactor, pb::Origin* response) {
    return [this, reactor, response](const core::Answer<store::OriginRecord>& answer) {
      finish(reactor, answer, [&](const store::OriginRecord& record) {
        write(core_.listing().describe(record), response);
      });
    };
  }

  /// `give(orders, origin, terms, respond)`; the answer is the origin with all its marks.
  template <class OrderRequest, class Give>
  ServerUnaryReactor* order(CallbackServerContext* context, const OrderRequest& request,
                            pb::Origin* response, Give give) {
    const auto id = origin_id(request.name());
    if (!id) return finished(context, bad_name());
    auto terms = read_terms(request);
    if (!terms) return finished(context, invalid_field(terms.error().message));
    auto* reactor = context->DefaultReactor();
    executor_.post([this, reactor, response, id = *id, terms = std::move(*terms),
                    give = std::move(give)]() mutable {
      give(core_.orders(), id, std::move(terms),
           [this, reactor, response, id](const core::Answer<core::OrderDone>& answer) {
             finish(reactor, answer, [&](const core::OrderDone&) {
               write(core_.listing().marked_origin(id), response);
             });
           });
    });
    return reactor;
  }

  Executor& executor_;
  Departures& departures_;
  core::ClusterCore& core_;
};

}  // namespace

std::unique_ptr<grpc::Service> make_origin_service(Executor& executor, Departures& departures,
                                                   core::ClusterCore& core) {
  return std::make_unique<OriginService>(executor, departures, core);
}

}  // namespace weir::service
