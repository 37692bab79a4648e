// OriginService: origins and the attach streams of their agents.

#include <string>
#include <utility>

#include "controlplane/core/cluster_core.h"
#include "controlplane/service/attach_stream.h"
#include "controlplane/service/convert.h"
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
    if (request->reason().size() > kReasonBytesMax) {
      return finished(context, invalid_field("reason: at most 256 bytes"));
    }
    return cordon(context, request->name(), request->reason(), response);
  }

  ServerUnaryReactor* UncordonOrigin(CallbackServerContext* context,
                                     const pb::UncordonOriginRequest* request,
                                     pb::Origin* response) override {
    return cordon(context, request->name(), std::nullopt, response);
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

  ServerUnaryReactor* cordon(CallbackServerContext* context, const std::string& name,
                             std::optional<std::string> reason, pb::Origin* response) {
    const auto id = origin_id(name);
    if (!id) return finished(context, bad_name());
    auto* reactor = context->DefaultReactor();
    executor_.post([this, reactor, response, id = *id, reason = std::move(reason)]() mutable {
      core_.origins().cordon(id, std::move(reason), respond(reactor, response));
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
