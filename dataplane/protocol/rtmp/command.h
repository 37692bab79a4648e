#pragma once
// Command messages (RTMP 7.2): name, transaction, arguments; and the ones that we send.
//
// Purpose: parse views, build payloads of type 20 messages. Which command is sent when is for the
// conversations (relay/).
// Threading: values and pure functions. Lifetime: Command is a view of the payload.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "dataplane/protocol/amf/reader.h"
#include "dataplane/protocol/amf/value.h"
#include "dataplane/protocol/rtmp/message.h"

namespace weir::rtmp {

/// Status codes, as clients compare them.
namespace status {
inline constexpr std::string_view kConnectSuccess = "NetConnection.Connect.Success";
inline constexpr std::string_view kConnectRejected = "NetConnection.Connect.Rejected";
inline constexpr std::string_view kConnectInvalidApp = "NetConnection.Connect.InvalidApp";
inline constexpr std::string_view kConnectClosed = "NetConnection.Connect.Closed";
inline constexpr std::string_view kReconnectRequest = "NetConnection.Connect.ReconnectRequest";
inline constexpr std::string_view kCallFailed = "NetConnection.Call.Failed";
inline constexpr std::string_view kPublishStart = "NetStream.Publish.Start";
inline constexpr std::string_view kPublishBadName = "NetStream.Publish.BadName";
inline constexpr std::string_view kPublishRejected = "NetStream.Publish.Rejected";
inline constexpr std::string_view kPublishDenied = "NetStream.Publish.Denied";
inline constexpr std::string_view kUnpublishSuccess = "NetStream.Unpublish.Success";
inline constexpr std::string_view kPlayReset = "NetStream.Play.Reset";
inline constexpr std::string_view kPlayStart = "NetStream.Play.Start";
inline constexpr std::string_view kPlayStop = "NetStream.Play.Stop";
inline constexpr std::string_view kPlayFailed = "NetStream.Play.Failed";
inline constexpr std::string_view kPlayStreamNotFound = "NetStream.Play.StreamNotFound";
inline constexpr std::string_view kPlayUnpublishNotify = "NetStream.Play.UnpublishNotify";
inline constexpr std::string_view kPlayPublishNotify = "NetStream.Play.PublishNotify";
inline constexpr std::string_view kStreamFailed = "NetStream.Failed";
}  // namespace status

struct Command {
  std::string_view name;
  double transaction = 0;
  /// Every value behind the transaction, raw; usually the command object (or null) and the
  /// arguments.
  Bytes arguments;

  amf::Reader read_arguments() const { return amf::Reader(arguments); }
  /// The argument of that index (0 = command object); nullopt when absent or malformed.
  std::optional<amf::Value> argument(std::size_t index) const;
  /// That argument when it is a string, else an empty view.
  std::string_view string_argument(std::size_t index) const;
};

/// A command of type 20, or 17 (whose leading format byte 0 is skipped). nullopt: another type, no
/// name, or malformed before the arguments. A missing transaction counts as 0.
std::optional<Command> parse_command(const Message& message);

/// level, code and description of an onStatus or error information object (in any argument).
struct StatusInfo {
  std::string_view level;
  std::string_view code;
  std::string_view description;
  bool is_error() const { return level == "error"; }
};
/// nullopt: no argument has a string property "code".
std::optional<StatusInfo> status_info(const Command& command);

/// What a connect result says of the server; E-RTMP capabilities are appended as given.
struct ConnectAnswer {
  std::string_view fms_version = "FMS/3,0,1,123";
  double capabilities = 31;
  double object_encoding = 0;
  /// Encoded properties (name and value, repeated) to add to both objects, e.g. `fourCcList`: the
  /// specification of E-RTMP leaves open which of them a client reads.
  Bytes extra_properties;
};

using Payload = std::vector<std::uint8_t>;

Payload connect_command(double transaction, Bytes connect_object, Bytes more_arguments = {});
Payload connect_result(double transaction, const ConnectAnswer& answer = {});
Payload connect_error(double transaction, std::string_view code, std::string_view description);

/// `_result` with null and a message stream id.
Payload create_stream_result(double transaction, double stream_id);
/// `_result` with null and undefined: releaseStream, FCPublish, FCSubscribe, _checkbw and the like.
Payload empty_result(double transaction);
/// `_error` with null and an information object.
Payload error_result(double transaction, std::string_view code, std::string_view description);

Payload create_stream_command(double transaction);
/// name, transaction, null, and one string: releaseStream, FCPublish, FCUnpublish, getStreamLength.
Payload stream_name_command(std::string_view name, double transaction,
                            std::string_view stream_name);
Payload publish_command(double transaction, std::string_view stream_name, std::string_view type);
/// start, duration and reset as received follow the name in `more_arguments`.
Payload play_command(double transaction, std::string_view stream_name, Bytes more_arguments = {});
Payload delete_stream_command(double transaction, double stream_id);

/// onStatus with transaction 0, null and {level, code, description}.
Payload on_status(std::string_view level, std::string_view code, std::string_view description,
                  Bytes extra_properties = {});
/// onFCPublish / onFCUnpublish with {code, description}.
Payload on_fc_publish(std::string_view name, std::string_view code, std::string_view description);
Payload on_bw_done();
/// Data message |RtmpSampleAccess with audio and video readable.
Payload rtmp_sample_access();
/// E-RTMP: only for clients that set capsEx bit 0x01.
Payload reconnect_request(std::string_view tc_url, std::string_view description);

}  // namespace weir::rtmp
