#include "dataplane/protocol/rtmp/command.h"

#include "dataplane/protocol/amf/writer.h"

namespace weir::rtmp {
namespace {

/// name, transaction; the arguments follow through the returned writer.
amf::Writer begin(Payload& out, std::string_view name, double transaction) {
  amf::Writer writer(out);
  writer.string(name).number(transaction);
  return writer;
}

void info_object(amf::Writer& writer, std::string_view level, std::string_view code,
                 std::string_view description, Bytes extra_properties = {}) {
  writer.begin_object();
  if (!level.empty()) writer.property("level", level);
  writer.property("code", code).property("description", description);
  writer.raw(extra_properties).end_object();
}

}  // namespace

std::optional<amf::Value> Command::argument(std::size_t index) const {
  amf::Reader reader = read_arguments();
  for (std::size_t i = 0; i < index; ++i) {
    if (!reader.next()) return std::nullopt;
  }
  return reader.next();
}

std::string_view Command::string_argument(std::size_t index) const {
  const auto value = argument(index);
  return value && value->is_string() ? value->text : std::string_view{};
}

std::optional<Command> parse_command(const Message& message) {
  if (!is_command(message.header.type)) return std::nullopt;
  Bytes payload = message.payload;
  // Type 17 begins with a format byte; AMF0 values follow (E-RTMP v2, "AMF3 command").
  if (message.header.type == MessageType::kCommandAmf3 && !payload.empty() &&
      payload.front() == 0) {
    payload = payload.subspan(1);
  }
  amf::Reader reader(payload);
  const auto name = reader.next();
  if (!name || !name->is_string() || name->text.empty()) return std::nullopt;
  Command command;
  command.name = name->text;
  const auto transaction = reader.next();
  if (reader.error() != amf::Error::kNone) return std::nullopt;
  if (transaction) {
    if (!transaction->is_number()) return std::nullopt;
    command.transaction = transaction->number;
  }
  command.arguments = reader.rest();
  return command;
}

std::optional<StatusInfo> status_info(const Command& command) {
  amf::Reader reader = command.read_arguments();
  while (const auto value = reader.next()) {
    const std::string_view code = amf::string_property(*value, "code");
    if (code.empty()) continue;
    return StatusInfo{amf::string_property(*value, "level"), code,
                      amf::string_property(*value, "description")};
  }
  return std::nullopt;
}

Payload connect_command(double transaction, Bytes connect_object, Bytes more_arguments) {
  Payload out;
  begin(out, "connect", transaction).raw(connect_object).raw(more_arguments);
  return out;
}

Payload connect_result(double transaction, const ConnectAnswer& answer) {
  Payload out;
  amf::Writer writer = begin(out, "_result", transaction);
  writer.begin_object()
      .property("fmsVer", answer.fms_version)
      .property("capabilities", answer.capabilities)
      .raw(answer.extra_properties)
      .end_object();
  writer.begin_object()
      .property("level", "status")
      .property("code", status::kConnectSuccess)
      .property("description", "Connection succeeded.")
      .property("objectEncoding", answer.object_encoding)
      .raw(answer.extra_properties)
      .end_object();
  return out;
}

Payload connect_error(double transaction, std::string_view code, std::string_view description) {
  return error_result(transaction, code, description);
}

Payload create_stream_result(double transaction, double stream_id) {
  Payload out;
  begin(out, "_result", transaction).null().number(stream_id);
  return out;
}

Payload empty_result(double transaction) {
  Payload out;
  begin(out, "_result", transaction).null().undefined();
  return out;
}

Payload error_result(double transaction, std::string_view code, std::string_view description) {
  Payload out;
  amf::Writer writer = begin(out, "_error", transaction);
  writer.null();
  info_object(writer, "error", code, description);
  return out;
}

Payload create_stream_command(double transaction) {
  Payload out;
  begin(out, "createStream", transaction).null();
  return out;
}

Payload stream_name_command(std::string_view name, double transaction,
                            std::string_view stream_name) {
  Payload out;
  begin(out, name, transaction).null().string(stream_name);
  return out;
}

Payload publish_command(double transaction, std::string_view stream_name, std::string_view type) {
  Payload out;
  begin(out, "publish", transaction).null().string(stream_name).string(type);
  return out;
}

Payload play_command(double transaction, std::string_view stream_name, Bytes more_arguments) {
  Payload out;
  begin(out, "play", transaction).null().string(stream_name).raw(more_arguments);
  return out;
}

Payload delete_stream_command(double transaction, double stream_id) {
  Payload out;
  begin(out, "deleteStream", transaction).null().number(stream_id);
  return out;
}

Payload on_status(std::string_view level, std::string_view code, std::string_view description,
                  Bytes extra_properties) {
  Payload out;
  amf::Writer writer = begin(out, "onStatus", 0);
  writer.null();
  info_object(writer, level, code, description, extra_properties);
  return out;
}

Payload on_fc_publish(std::string_view name, std::string_view code, std::string_view description) {
  Payload out;
  amf::Writer writer = begin(out, name, 0);
  writer.null();
  info_object(writer, {}, code, description);
  return out;
}

Payload on_bw_done() {
  Payload out;
  begin(out, "onBWDone", 0).null();
  return out;
}

Payload rtmp_sample_access() {
  Payload out;
  amf::Writer(out).string("|RtmpSampleAccess").boolean(true).boolean(true);
  return out;
}

Payload reconnect_request(std::string_view tc_url, std::string_view description) {
  Payload tc_url_property;
  if (!tc_url.empty()) amf::Writer(tc_url_property).property("tcUrl", tc_url);
  return on_status("status", status::kReconnectRequest, description, tc_url_property);
}

}  // namespace weir::rtmp
