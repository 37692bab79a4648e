// ForwarderService: forwarders, their attach streams and client sessions.

#include <string>
#include <utility>

#include "controlplane/core/cluster_core.h"
#include "controlplane/service/attach_stream.h"
#include "controlplane/service/convert.h"
#include "controlplane/service/limits.h"
#include "controlplane/service/pages.h"
#include "controlplane/service/service_factories.h"
#include "controlplane/service/unary.h"
#include "weir/control/v1/forwarder_service.grpc.pb.h"

namespace weir::service {
namespace {

using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;
using Request = pb::ForwarderServiceAttachRequest;
using Response = pb::ForwarderServiceAttachResponse;

constexpr std::string_view kForwarderPrefix = "forwarders/";
constexpr std::string_view kListFilter = "forwarders";

class GrpcForwarderLink final : public core::ForwarderLink {
 public:
  using Stream = AttachStream<Request, Response>;
  explicit GrpcForwarderLink(std::shared_ptr<Stream> stream) : stream_(std::move(stream)) {}
  void send(core::ForwarderDown message) override { stream_->send(write(message)); }
  void end(core::Reason reason, std::string_view message) override {
    stream_->end(to_status({reason, std::string(message), "", {}, std::nullopt}));
  }
  Stream& stream() { return *stream_; }

 private:
  std::shared_ptr<Stream> stream_;
};

class ForwarderService final : public pb::ForwarderService::CallbackService {
 public:
  ForwarderService(Executor& executor, core::ClusterCore& core)
      : executor_(executor), core_(core) {}

  grpc::ServerBidiReactor<Request, Response>* Attach(CallbackServerContext* context) override {
    auto stream = std::make_shared<GrpcForwarderLink::Stream>(context);
    auto link = std::make_shared<GrpcForwarderLink>(stream);
    executor_.post([this, link] { core_.forwarders().opened(link); });
    return stream->start(
        {[this, link](const Request& request) {
           auto message = read(request);
           if (!message) return link->stream().end(invalid_field(message.error().message));
           executor_.post([this, link, message = std::move(*message)]() mutable {
             core_.forwarders().message(link, std::move(message));
             link->stream().read_on();
           });
         },
         [this, link] { executor_.post([this, link] { core_.forwarders().closed(link); }); }});
  }

  ServerUnaryReactor* GetForwarder(CallbackServerContext* context,
                                   const pb::GetForwarderRequest* request,
                                   pb::Forwarder* response) override {
    const std::string& name = request->name();
    if (!name.starts_with(kForwarderPrefix) || name.size() == kForwarderPrefix.size() ||
        name.size() > kForwarderPrefix.size() + kNameBytesMax) {
      return finished(context, invalid_field("name: must be forwarders/{forwarder}"));
    }
    auto* reactor = context->DefaultReactor();
    executor_.post(
        [this, reactor, response, id = ForwarderId(name.substr(kForwarderPrefix.size()))] {
          finish(reactor, core_.listing().forwarder(id),
                 [&](const core::ForwarderInfo& forwarder) { write(forwarder, response); });
        });
    return reactor;
  }

  ServerUnaryReactor* ListForwarders(CallbackServerContext* context,
                                     const pb::ListForwardersRequest* request,
                                     pb::ListForwardersResponse* response) override {
    auto start = read_page(request->page_size(), request->page_token(), kListFilter);
    if (!start) return finished(context, invalid_field(start.error().message));
    auto* reactor = context->DefaultReactor();
    executor_.post([this, reactor, response, start = std::move(*start)] {
      const auto page = core_.listing().forwarders(start.after, start.size);
      for (const auto& forwarder : page.items) write(forwarder, response->add_forwarders());
      response->set_next_page_token(page_token(page.next, kListFilter));
      reactor->Finish(grpc::Status::OK);
    });
    return reactor;
  }

  ServerUnaryReactor* ListSessions(CallbackServerContext* context,
                                   const pb::ListSessionsRequest* request,
                                   pb::ListSessionsResponse* response) override {
    const std::string filter = "sessions\n" + request->stream() + '\n' + request->forwarder();
    auto start = read_page(request->page_size(), request->page_token(), filter);
    if (!start) return finished(context, invalid_field(start.error().message));
    std::string stream;
    if (!request->stream().empty()) {
      const auto key = parse_stream_key(request->stream());
      if (!key) return finished(context, invalid_field("stream: " + key.error().message));
      stream = key->str();
    }
    auto* reactor = context->DefaultReactor();
    executor_.post([this, reactor, response, filter, start = std::move(*start),
                    stream = std::move(stream), forwarder = ForwarderId(request->forwarder())] {
      const auto page = core_.listing().sessions(start.after, start.size, stream, forwarder);
      for (const auto& session : page.items) write(session.session, response->add_sessions());
      response->set_next_page_token(page_token(page.next, filter));
      for (const auto& away : core_.listing().unreachable(forwarder)) {
        response->add_unreachable(away.str());
      }
      reactor->Finish(grpc::Status::OK);
    });
    return reactor;
  }

 private:
  Executor& executor_;
  core::ClusterCore& core_;
};

}  // namespace

std::unique_ptr<grpc::Service> make_forwarder_service(Executor& executor, core::ClusterCore& core) {
  return std::make_unique<ForwarderService>(executor, core);
}

}  // namespace weir::service
