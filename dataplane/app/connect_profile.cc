#include "dataplane/app/connect_profile.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "dataplane/protocol/amf/writer.h"
#include "weir/config/v1/config.pb.h"

namespace weir::forwarder {
namespace {

constexpr std::size_t kServerVersionBytesMax = 128;

/// "Any codec", for a list and for a map.
constexpr std::string_view kAny = "*";
// The codes of E-RTMP v2.
constexpr auto kVideoCodes =
    std::to_array<std::string_view>({"av01", "avc1", "hvc1", "vp08", "vp09", "vvc1"});
constexpr auto kAudioCodes =
    std::to_array<std::string_view>({".mp3", "Opus", "ac-3", "ec-3", "fLaC", "mp4a"});

constexpr unsigned kInfoMaskMax = 7;  // CanDecode 1, CanEncode 2, CanForward 4

// capsEx; 1 is Reconnect, which drains use, and 2 Multitrack, which passes as it comes.
constexpr unsigned kModEx = 4;
constexpr unsigned kTimestampNanoOffset = 8;

using InfoMap = std::map<std::string, unsigned>;  // sorted: the answer is the same in every run

Error bad(std::string_view key, std::string what) {
  return make_error(boost::system::errc::invalid_argument,
                    fmt::format("rtmp_options.connect_profile.{}: {}", key, what));
}

bool holds(std::span<const std::string_view> codes, std::string_view code) {
  return std::ranges::find(codes, code) != codes.end();
}

Result<InfoMap> read_map(std::string_view key, std::span<const std::string_view> codes,
                         const google::protobuf::Map<std::string, std::string>& config) {
  InfoMap map;
  for (const auto& [code, text] : config) {
    if (code != kAny && !holds(codes, code))
      return bad(key,
                 fmt::format("'{}' is not known; allowed: *, {}", code, fmt::join(codes, ", ")));
    unsigned mask = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mask);
    if (error != std::errc{} || end != text.data() + text.size() || mask == 0 ||
        mask > kInfoMaskMax)
      return bad(key, fmt::format("{}: '{}' is no mask; write the sum of 1 (can decode), 2 (can "
                                  "encode) and 4 (can forward)",
                                  code, text));
    map.emplace(code, mask);
  }
  return map;
}

/// What the list of version 1 says and a map of version 2 does not.
std::optional<Error> contradiction(std::string_view key, std::span<const std::string_view> codes,
                                   const std::set<std::string>& listed, const InfoMap& map) {
  if (map.empty() || map.contains(std::string(kAny))) return std::nullopt;
  for (const std::string& code : listed) {
    if (code == kAny || (holds(codes, code) && !map.contains(code)))
      return bad("four_cc_list", fmt::format("'{}' is not in {}: clients that read one or the "
                                             "other would be told different things",
                                             code, key));
  }
  return std::nullopt;
}

Result<std::set<std::string>> read_list(
    const google::protobuf::RepeatedPtrField<std::string>& config) {
  std::set<std::string> listed;
  for (const std::string& code : config) {
    if (code != kAny && !holds(kVideoCodes, code) && !holds(kAudioCodes, code))
      return bad("four_cc_list",
                 fmt::format("'{}' is not known; allowed: *, {}, {}", code,
                             fmt::join(kVideoCodes, ", "), fmt::join(kAudioCodes, ", ")));
    if (!listed.insert(code).second)
      return bad("four_cc_list", fmt::format("'{}' is there twice", code));
  }
  if (listed.contains(std::string(kAny)) && listed.size() > 1)
    return bad("four_cc_list", "'*' stands for every codec; write it alone");
  return listed;
}

std::optional<Error> check_capabilities(unsigned caps_ex) {
  if ((caps_ex & kTimestampNanoOffset) != 0 && (caps_ex & kModEx) == 0)
    return bad("caps_ex", "8 (TimestampNanoOffset) is carried by 4 (ModEx); add 4");
  return std::nullopt;
}

void write_map(amf::Writer& writer, std::string_view name, const InfoMap& map) {
  if (map.empty()) return;
  writer.key(name).begin_object();
  for (const auto& [code, mask] : map) writer.property(code, static_cast<double>(mask));
  writer.end_object();
}

}  // namespace

Result<relay::ConnectProfile> make_connect_profile(const config::v1::ConnectProfileConfig& config) {
  const std::string& version = config.server_version();
  if (version.empty() || version.size() > kServerVersionBytesMax ||
      !std::ranges::all_of(version, [](char c) { return c >= ' ' && c <= '~'; }))
    return bad("server_version",
               fmt::format("write 1 to {} printable ASCII characters", kServerVersionBytesMax));
  const auto listed = read_list(config.four_cc_list());
  if (!listed) return listed.error();
  const auto video =
      read_map("video_four_cc_info_map", kVideoCodes, config.video_four_cc_info_map());
  if (!video) return video.error();
  const auto audio =
      read_map("audio_four_cc_info_map", kAudioCodes, config.audio_four_cc_info_map());
  if (!audio) return audio.error();
  if (auto error = contradiction("video_four_cc_info_map", kVideoCodes, *listed, *video))
    return *error;
  if (auto error = contradiction("audio_four_cc_info_map", kAudioCodes, *listed, *audio))
    return *error;
  if (auto error = check_capabilities(config.caps_ex())) return *error;

  relay::ConnectProfile profile;
  profile.server_version = version;
  profile.capabilities = config.capabilities();
  amf::Writer writer(profile.extra_properties);
  if (!listed->empty()) {
    writer.key("fourCcList").begin_strict_array(static_cast<std::uint32_t>(listed->size()));
    for (const std::string& code : *listed) writer.string(code);
  }
  write_map(writer, "videoFourCcInfoMap", *video);
  write_map(writer, "audioFourCcInfoMap", *audio);
  if (config.caps_ex() != 0) writer.property("capsEx", static_cast<double>(config.caps_ex()));
  return profile;
}

}  // namespace weir::forwarder
