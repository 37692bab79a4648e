// ForwarderService: forwarders, their attach streams and client sessions.

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "controlplane/core/cluster_core.h"
#include "controlplane/service/attach_join.h"
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
constexpr std::string_view kSessionPrefix = "sessions/";
constexpr std::string_view kListFilter = "forwarders";

class GrpcForwarderLink final : public core::ForwarderLink {
 public:
  using Stream = AttachStream<Request, Response>;
  explicit GrpcForwarderLink(std::shared_ptr<Stream> stream) : stream_(std::move(stream)) {}
  void send(core::ForwarderDown message) override {
    Response out = write(message);
    const bool joins = joins_routes_ && out.has_route_update();
    stream_->send(std::move(out), joins ? &join : &Stream::never);
  }
  void answer(Response message) { stream_->send_first(std::move(message), &join); }
  /// Before the core hears of the hello.
  void read_hello(const pb::ForwarderHello& hello) { joins_routes_ = hello.takes_route_updates(); }
  void end(core::Reason reason, std::string_view message) override {
    stream_->end(to_status({reason, std::string(message), "", {}, std::nullopt}));
  }
  Stream& stream() { return *stream_; }

 private:
  std::shared_ptr<Stream> stream_;
  bool joins_routes_ = false;
};

/// Answers to the acquires of one message: those that are there when all were asked leave in one
/// message, each later one by itself.
class AcquireAnswering : public std::enable_shared_from_this<AcquireAnswering> {
 public:
  explicit AcquireAnswering(std::shared_ptr<GrpcForwarderLink> link) : link_(std::move(link)) {}

  core::Respond<core::Acquired> to(std::uint64_t number) {
    return [self = this->shared_from_this(), number](const core::Answer<core::Acquired>& answer) {
      pb::AcquireAnswer& out = *self->message_.mutable_acquire_answers()->add_answers();
      out.set_number(number);
      if (const auto* error = std::get_if<core::CoreError>(&answer)) {
        out.mutable_refused()->ParseFromString(to_status(*error).error_details());
      } else {
        write(std::get<core::Acquired>(answer), out.mutable_placed());
      }
      if (self->all_asked_) self->send();
    };
  }
  void all_asked() {
    all_asked_ = true;
    if (message_.has_acquire_answers()) send();
  }

 private:
  void send() { link_->answer(std::exchange(message_, {})); }

  const std::shared_ptr<GrpcForwarderLink> link_;
  Response message_;
  bool all_asked_ = false;
};

class ForwarderService final : public pb::ForwarderService::CallbackService {
 public:
  ForwarderService(Executor& executor, Departures& departures, core::ClusterCore& core)
      : executor_(executor), departures_(departures), core_(core) {}

  grpc::ServerBidiReactor<Request, Response>* Attach(CallbackServerContext* context) override {
    auto stream = std::make_shared<GrpcForwarderLink::Stream>(context, departures_);
    auto link = std::make_shared<GrpcForwarderLink>(stream);
    executor_.post([this, link] { core_.forwarders().opened(link); });
    return stream->start(
        {[this, link](const Request& request) {
           if (request.has_hello()) link->read_hello(request.hello());
           if (request.has_acquires()) return acquire(link, request.acquires());
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
      core_.sessions().list({start.after, start.size, stream, forwarder},
                            [reactor, response, filter](const core::SessionsPage& page) {
                              for (const auto& session : page.items)
                                write(session.session, response->add_sessions());
                              response->set_next_page_token(page_token(page.next, filter));
                              for (const auto& away : page.unreachable)
                                response->add_unreachable(away);
                              reactor->Finish(grpc::Status::OK);
                            });
    });
    return reactor;
  }

  ServerUnaryReactor* KickSession(CallbackServerContext* context,
                                  const pb::KickSessionRequest* request,
                                  pb::KickSessionResponse* response) override {
    const std::string& name = request->name();
    if (!name.starts_with(kSessionPrefix) || name.size() == kSessionPrefix.size() ||
        name.size() > kSessionPrefix.size() + kNameBytesMax) {
      return finished(context, invalid_field("name: must be sessions/{session}"));
    }
    if (request->reason().size() > kNameBytesMax || request->request_id().size() > kNameBytesMax) {
      return finished(context, invalid_field("reason, request_id: at most 256 bytes"));
    }
    auto* reactor = context->DefaultReactor();
    executor_.post([this, reactor, response, reason = request->reason(),
                    request_id = request->request_id(),
                    id = SessionId(name.substr(kSessionPrefix.size()))] {
      core_.sessions().kick(id, reason, request_id,
                            [reactor, response](const core::Answer<core::SessionInfo>& answer) {
                              finish(reactor, answer, [&](const core::SessionInfo& session) {
                                write(session.session, response->mutable_session());
                              });
                            });
    });
    return reactor;
  }

 private:
  void acquire(const std::shared_ptr<GrpcForwarderLink>& link, const pb::AcquireBatch& batch) {
    std::vector<std::pair<std::uint64_t, Result<core::AcquireQuery>>> queries;
    queries.reserve(static_cast<std::size_t>(batch.acquires_size()));
    for (const auto& one : batch.acquires())
      queries.emplace_back(one.number(), read(one.request()));
    executor_.post([this, link, queries = std::move(queries)]() mutable {
      const auto answering = std::make_shared<AcquireAnswering>(link);
      // The routes that the placements bring about are no more news to their publishers.
      link->stream().cork(true);
      for (auto& [number, query] : queries) {
        auto respond = answering->to(number);
        if (query) {
          core_.placements().acquire(std::move(*query), std::move(respond));
        } else {
          respond(core::CoreError{core::Reason::kInvalidField, query.error().message, "", {}, {}});
        }
      }
      answering->all_asked();
      link->stream().cork(false);
      link->stream().read_on();
    });
  }

  Executor& executor_;
  Departures& departures_;
  core::ClusterCore& core_;
};

}  // namespace

std::unique_ptr<grpc::Service> make_forwarder_service(Executor& executor, Departures& departures,
                                                      core::ClusterCore& core) {
  return std::make_unique<ForwarderService>(executor, departures, core);
}

}  // namespace weir::service
