#include "dataplane/relay/server_conversation.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "common/base/cidr.h"
#include "common/base/listen_address.h"
#include "common/base/stream_key.h"
#include "dataplane/relay/session_limits.h"

namespace weir::relay {

using rtmp::Command;
using rtmp::HandshakeStep;
using rtmp::Message;
using rtmp::MessageType;

namespace {

constexpr std::string_view kHttpRefusal =
    "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

rtmp::Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// Commands of NetStream that concern the running stream, whichever role the client has.
bool is_stream_command(std::string_view name) {
  static constexpr std::array<std::string_view, 9> kNames{
      "deleteStream", "closeStream",  "FCUnpublish",  "pause", "pauseRaw",
      "seek",         "receiveAudio", "receiveVideo", "play2"};
  for (const std::string_view known : kNames)
    if (name == known) return true;
  return false;
}

std::string_view without_query(std::string_view name) {
  return name.substr(0, name.find('?'));
}

}  // namespace

ServerConversation::ServerConversation(const SessionContext& context, MessageSink& sink)
    : context_(context), io_(context.io), sink_(sink) {}

void ServerConversation::start(MonotonicTime now) {
  deadline_ = now;
}

std::optional<MonotonicTime> ServerConversation::deadline() const {
  switch (phase_) {
    case Phase::kFirstByte:
      return deadline_ + kFirstByteTimeout;
    case Phase::kHandshake:
      return deadline_ + kHandshakeTimeout;
    case Phase::kConnect:
      return deadline_ + kConnectTimeout;
    case Phase::kIdentify:
      return deadline_ + kIdentifyTimeout;
    case Phase::kIdentified:
      return std::nullopt;
  }
  return std::nullopt;
}

std::string_view ServerConversation::deadline_reason() const {
  switch (phase_) {
    case Phase::kFirstByte:
      return "client sent nothing";
    case Phase::kHandshake:
      return "client did not finish the handshake in time";
    case Phase::kConnect:
      return "client did not send connect in time";
    case Phase::kIdentify:
      return "client did not publish or play in time";
    case Phase::kIdentified:
      break;
  }
  return "client deadline";
}

ClientEvent ServerConversation::fail(std::string reason) const {
  return {.kind = ClientEvent::Kind::kFailed, .reason = std::move(reason)};
}

ClientEvent ServerConversation::feed_opening(rtmp::Bytes& input, Random& random,
                                             MonotonicTime now) {
  if (phase_ == Phase::kFirstByte) {
    phase_ = Phase::kHandshake;
    if (proxy::HeaderParser::may_begin_with(input.front()))
      proxy_header_ = std::make_unique<proxy::HeaderParser>();
    else
      handshake_ = std::make_unique<rtmp::ServerHandshake>();
  }
  return proxy_header_ ? feed_proxy_header(input, random, now) : feed_handshake(input, random, now);
}

bool ServerConversation::trusts_headers() const {
  const auto peer = parse_host_port(context_.identity.client_address);
  const auto address = peer ? IpAddress::parse(peer->host) : std::nullopt;
  return address && contains(context_.config.proxy_protocol_from, *address);
}

/// Anybody's, as far as it takes to know one, so that the log can say what to configure.
ClientEvent ServerConversation::feed_proxy_header(rtmp::Bytes& input, Random& random,
                                                  MonotonicTime now) {
  const auto step = proxy_header_->feed(input);
  if (proxy_header_->recognised() && !trusts_headers())
    return fail(fmt::format("PROXY header refused: {} is not in rtmp_options.proxy_protocol_from",
                            context_.identity.client_address));
  if (step == proxy::HeaderStep::kNeedMore) return {};
  if (proxy_header_->error() != proxy::HeaderError::kNone && proxy_header_->recognised())
    return fail(fmt::format("PROXY header malformed: {}, from {}",
                            proxy::to_text(proxy_header_->error()),
                            context_.identity.client_address));
  const auto header = std::exchange(proxy_header_, nullptr);
  handshake_ = std::make_unique<rtmp::ServerHandshake>();
  if (step == proxy::HeaderStep::kFailed) {
    // Not a header after all. The handshake knows what to say to HTTP.
    rtmp::Bytes seen = header->seen();
    return feed_handshake(seen, random, now);
  }
  if (!header->client()) return feed_handshake(input, random, now);
  return {.kind = ClientEvent::Kind::kClientAddress, .address = *header->client()};
}

ClientEvent ServerConversation::feed_handshake(rtmp::Bytes& input, Random& random,
                                               MonotonicTime now) {
  std::vector<std::uint8_t> answer;
  const HandshakeStep step = handshake_->feed(input, random, answer);
  if (!answer.empty()) io_.send_copy(Leg::kClient, answer);
  if (step == HandshakeStep::kFailed) {
    if (handshake_->error() == rtmp::HandshakeError::kHttp)
      io_.send_copy(Leg::kClient, as_bytes(kHttpRefusal));
    return fail(fmt::format("handshake: {}", rtmp::to_text(handshake_->error())));
  }
  if (step == HandshakeStep::kDone) {
    handshake_.reset();
    assembler_ = std::make_unique<rtmp::MessageAssembler>();
    phase_ = Phase::kConnect;
    deadline_ = now;
  }
  return {};
}

ClientEvent ServerConversation::next(rtmp::Bytes& input, Random& random, MonotonicTime now) {
  if (phase_ <= Phase::kHandshake) {
    if (ClientEvent event = feed_opening(input, random, now);
        event.kind != ClientEvent::Kind::kNone)
      return event;
    if (phase_ <= Phase::kHandshake) return {};
  }
  while (!input.empty()) {
    const std::size_t before = input.size();
    const auto message = assembler_->next(input);
    if (phase_ != Phase::kIdentified) {
      bytes_ += static_cast<std::uint32_t>(before - input.size());
      if (bytes_ > kBytesBeforeIdentificationMax)
        return fail("client sent too much before publish or play");
    }
    if (!message) {
      if (assembler_->error() != rtmp::ChunkError::kNone)
        return fail(fmt::format("client: {}", rtmp::to_text(assembler_->error())));
      return {};
    }
    if (ClientEvent event = handle(*message, now); event.kind != ClientEvent::Kind::kNone)
      return event;
  }
  return {};
}

ClientEvent ServerConversation::handle(const Message& message, MonotonicTime now) {
  if (control_.handle(message, sink_)) return {};
  if (message.header.type == MessageType::kUserControl) {
    const auto event = rtmp::parse_user_control(message.payload);
    if (!event || event->event != rtmp::UserEvent::kSetBufferLength) return {};
    buffer_ = *event;
    return {.kind = ClientEvent::Kind::kBufferLength, .buffer = *event};
  }
  if (!rtmp::is_command(message.header.type)) return {};
  const auto command = rtmp::parse_command(message);
  if (!command) return fail("client sent a malformed command");
  return on_command(message, *command, now);
}

ClientEvent ServerConversation::on_command(const Message& message, const Command& command,
                                           MonotonicTime now) {
  if (phase_ != Phase::kIdentified && ++commands_ > kCommandsBeforeIdentificationMax)
    return fail("client sent too many commands before publish or play");
  if (command.name == "connect") return on_connect(command, now);
  if (phase_ == Phase::kConnect)
    return fail(fmt::format("command before connect: '{}'", command.name.substr(0, 32)));
  if (command.name == "publish" || command.name == "play") return on_request(message, command);
  if (is_stream_command(command.name)) {
    if (phase_ != Phase::kIdentified) return {};
    return {
        .kind = ClientEvent::Kind::kStreamCommand, .command = command, .header = message.header};
  }
  return on_net_connection_call(command);
}

ClientEvent ServerConversation::on_connect(const Command& command, MonotonicTime now) {
  if (phase_ != Phase::kConnect) return fail("client sent connect twice");
  const auto object = command.argument(0);
  if (!object || !object->has_properties()) {
    sink_.send_command(rtmp::connect_error(command.transaction, rtmp::status::kConnectRejected,
                                           "connect without an object"));
    return fail("client sent connect without an object");
  }
  if (command.arguments.size() > kConnectArgumentsBytesMax) {
    sink_.send_command(rtmp::connect_error(command.transaction, rtmp::status::kConnectRejected,
                                           "connect is too long"));
    return fail("client sent too much in connect");
  }
  connect_.arguments.assign(command.arguments.begin(), command.arguments.end());

  // The order of SRS. SetChunkSize stands before the first message of more than 128 bytes, because
  // OBS fails on such a message in chunks.
  sink_.send(rtmp::window_ack_size(kWindowAckSize));
  sink_.send(rtmp::set_peer_bandwidth(kWindowAckSize, rtmp::PeerBandwidthLimit::kDynamic));
  sink_.send(rtmp::set_chunk_size(kServerChunkSize));
  const ConnectProfile& profile = context_.config.connect_profile;
  sink_.send_command(
      rtmp::connect_result(command.transaction, {.fms_version = profile.server_version,
                                                 .capabilities = profile.capabilities,
                                                 .extra_properties = profile.extra_properties}));
  sink_.send_command(rtmp::on_bw_done());
  phase_ = Phase::kIdentify;
  deadline_ = now;
  return {};
}

ClientEvent ServerConversation::on_net_connection_call(const Command& command) {
  const std::string_view name = command.name;
  if (name == "createStream") {
    if (streams_ >= kClientStreamsMax) return fail("client created too many streams");
    sink_.send_command(rtmp::create_stream_result(command.transaction, ++streams_));
    return {};
  }
  if (name == "releaseStream") prepare(false, command.string_argument(1));
  if (name == "FCPublish") prepare(true, command.string_argument(1));
  // Answers and notifications of the client ask for nothing.
  if (command.transaction == 0 || name == "_result" || name == "_error" || name == "onStatus")
    return {};
  if (name == "getStreamLength") {
    // 0 = live, length unknown.
    sink_.send_command(rtmp::create_stream_result(command.transaction, 0));
  } else if (name == "FCSubscribe") {
    sink_.send_command(rtmp::empty_result(command.transaction));
    sink_.send_command(
        rtmp::on_fc_publish("onFCSubscribe", rtmp::status::kPlayStart, "Started playing stream."));
  } else if (name == "releaseStream" || name == "FCPublish" || name == "_checkbw" ||
             name == "checkBandwidth") {
    sink_.send_command(rtmp::empty_result(command.transaction));
  } else {
    sink_.send_command(rtmp::error_result(command.transaction, rtmp::status::kCallFailed,
                                          "the call is not known"));
  }
  return {};
}

/// Beyond the limit the oldest is forgotten: a client that never asks for it.
void ServerConversation::prepare(bool fc_publish, std::string_view name) {
  if (name.empty() || name.size() > kStreamNameBytesMax) return;
  if (prepared_.size() == kPreparedNamesMax) prepared_.erase(prepared_.begin());
  prepared_.push_back({fc_publish, std::string(name)});
}

/// A client may prepare several streams at once. Some encoders leave out the query in one of the
/// commands, some name something else altogether, which can only be meant when it is the only one.
std::string ServerConversation::take_prepared(bool fc_publish, std::string_view requested) {
  const auto find = [&](auto&& fits) {
    return std::ranges::find_if(prepared_, [&](const PreparedName& prepared) {
      return prepared.fc_publish == fc_publish && fits(prepared.name);
    });
  };
  auto found = find([&](const std::string& name) { return name == requested; });
  if (found == prepared_.end())
    found = find(
        [&](const std::string& name) { return without_query(name) == without_query(requested); });
  const auto same_kind = [&](const PreparedName& prepared) {
    return prepared.fc_publish == fc_publish;
  };
  if (found == prepared_.end() && std::ranges::count_if(prepared_, same_kind) == 1)
    found = std::ranges::find_if(prepared_, same_kind);
  if (found == prepared_.end()) return {};
  std::string name = std::move(found->name);
  prepared_.erase(found);
  if (prepared_.empty()) std::vector<PreparedName>().swap(prepared_);
  return name;
}

ClientEvent ServerConversation::on_request(const Message& message, const Command& command) {
  amf::Reader arguments = command.read_arguments();
  arguments.next();  // the command object, null
  const auto name = arguments.next();
  StreamRequest request;
  request.intent = command.name == "publish" ? routing::Intent::kPublish : routing::Intent::kPlay;
  request.stream_id = message.header.stream_id;
  if (name && name->is_string()) request.name = name->text;
  request.more_arguments.assign(arguments.rest().begin(), arguments.rest().end());
  if (request.publishes()) {
    request.release_stream = take_prepared(false, request.name);
    request.fc_publish = take_prepared(true, request.name);
  }
  const bool sized = buffer_.event == rtmp::UserEvent::kSetBufferLength;
  if (sized && (buffer_.value == request.stream_id || buffer_.value == 0))
    request.buffer_ms = buffer_.buffer;
  phase_ = Phase::kIdentified;
  return {.kind = ClientEvent::Kind::kRequest, .request = std::move(request)};
}

rtmp::MessageAssembler ServerConversation::release_assembler() {
  rtmp::MessageAssembler assembler = std::move(*assembler_);
  assembler_.reset();
  return assembler;
}

}  // namespace weir::relay
