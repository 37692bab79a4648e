#include "controlplane/store/redis/values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <map>
#include <string>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "common/base/stream_key.h"
#include "controlplane/store/limits.h"

namespace weir::store::redis {
namespace {

using model::Placement;
using model::PlacementState;

constexpr std::string_view kStates = "bpo";
constexpr std::array<std::string_view, 7> kKinds = {"policy", "pin",   "cordon",     "drain",
                                                    "weight", "token", "signing_key"};

/// The parts of a list: `|a|b|` or `a|b`.
std::vector<std::string_view> split(std::string_view list) {
  std::vector<std::string_view> parts;
  while (!list.empty()) {
    const auto bar = list.find('|');
    parts.push_back(list.substr(0, bar));
    if (bar == std::string_view::npos) break;
    list.remove_prefix(bar + 1);
  }
  return parts;
}

std::optional<StreamKey> parse_stream(std::string_view word) {
  const auto text = from_word(word);
  if (!text) return std::nullopt;
  auto key = parse_stream_key(*text);
  if (!key || key->str() != *text) return std::nullopt;
  return *std::move(key);
}

template <class Enum>
std::optional<Enum> parse_enum(std::string_view text, Enum last) {
  const auto number = to_number(text);
  if (!number || *number > static_cast<std::uint64_t>(last)) return std::nullopt;
  return static_cast<Enum>(*number);
}

template <class Enum>
std::string enum_word(Enum value) {
  return std::to_string(static_cast<unsigned>(value));
}

std::string endpoints_word(const std::vector<model::Endpoint>& endpoints) {
  std::string word;
  for (const model::Endpoint& endpoint : endpoints) {
    word += fmt::format("{}|{}|{}|", enum_word(endpoint.protocol),
                        enum_word(endpoint.client_address), to_word(endpoint.address));
  }
  return word;
}

bool parse_endpoints(std::string_view word, std::vector<model::Endpoint>& endpoints) {
  const auto parts = split(word);
  if (parts.size() % 3 != 0) return false;
  for (std::size_t i = 0; i < parts.size(); i += 3) {
    const auto protocol = parse_enum(parts[i], model::Protocol::kWebrtc);
    const auto mode = parse_enum(parts[i + 1], ClientAddressMode::kSrsPrefix);
    auto address = from_word(parts[i + 2]);
    if (!protocol || !mode || !address) return false;
    endpoints.push_back({*protocol, *std::move(address), *mode});
  }
  return true;
}

bool parse_labels(std::string_view word, std::map<std::string, std::string>& labels) {
  const auto parts = split(word);
  if (parts.size() % 2 != 0) return false;
  for (std::size_t i = 0; i < parts.size(); i += 2) {
    auto key = from_word(parts[i]);
    auto value = from_word(parts[i + 1]);
    if (!key || !value) return false;
    labels.emplace(*std::move(key), *std::move(value));
  }
  return true;
}

/// Reads what pack_description() wrote.
void parse_description(WordReader& words, model::OriginDescription& description) {
  const auto kind = parse_enum(words.raw(), model::OriginKind::kSrs);
  description.zone = words.text();
  description.agent = AgentId(words.text());
  description.software_version = words.text();
  description.capacity.streams = static_cast<std::uint32_t>(words.number());
  description.capacity.egress_bits_per_second = words.number();
  const std::string_view cores = words.raw();
  const auto parsed = std::from_chars(cores.data(), cores.data() + cores.size(),
                                      description.capacity.cores, std::chars_format::general);
  description.capacity.connections = static_cast<std::uint32_t>(words.number());
  const bool endpoints = parse_endpoints(words.raw(), description.endpoints);
  const bool labels = parse_labels(words.raw(), description.labels);
  description.kind = kind.value_or(model::OriginKind::kGeneric);
  if (!kind || !endpoints || !labels || parsed.ec != std::errc{} ||
      parsed.ptr != cores.data() + cores.size()) {
    words.fail();
  }
}

}  // namespace

std::string holder_word(const model::Holder& holder) {
  if (const auto* session = std::get_if<model::SessionHolder>(&holder)) {
    return "s|" + to_word(session->forwarder.str()) + '|' + to_word(session->session.str());
  }
  if (const auto* external = std::get_if<model::ExternalHolder>(&holder)) {
    return "e|" + to_word(external->name);
  }
  return "d";
}

std::string forwarder_word(const model::Holder& holder) {
  const auto* session = std::get_if<model::SessionHolder>(&holder);
  return session != nullptr ? to_word(session->forwarder.str()) : std::string();
}

std::optional<model::Holder> parse_holder(std::string_view word) {
  if (word == "d") return model::DirectHolder{};
  if (word.starts_with("e|")) {
    auto name = from_word(word.substr(2));
    if (!name) return std::nullopt;
    return model::ExternalHolder{*std::move(name)};
  }
  if (!word.starts_with("s|")) return std::nullopt;
  const auto bar = word.find('|', 2);
  if (bar == std::string_view::npos) return std::nullopt;
  auto forwarder = from_word(word.substr(2, bar - 2));
  auto session = from_word(word.substr(bar + 1));
  if (!forwarder || !session) return std::nullopt;
  return model::SessionHolder{ForwarderId(*std::move(forwarder)), SessionId(*std::move(session))};
}

char state_letter(PlacementState state) {
  return kStates[static_cast<std::size_t>(state)];
}

std::optional<Placement> parse_placement(std::string_view stream, std::string_view packed) {
  auto key = parse_stream(stream);
  if (!key) return std::nullopt;
  WordReader words(packed);
  Placement placement;
  placement.stream = *std::move(key);
  placement.origin = OriginId(words.text());
  placement.incarnation = IncarnationId(words.text());
  auto holder = parse_holder(words.raw());
  placement.epoch.generation = words.number();
  placement.epoch.counter = words.number();
  placement.revision.generation = words.number();
  placement.revision.number = words.number();
  placement.state = static_cast<PlacementState>(words.letter(kStates));
  placement.media_accepted = words.letter("01") == 1;
  placement.bind_time = wall_time(words.number());
  placement.update_time = wall_time(words.number());
  words.number();  // when it expires
  words.number();  // when it was taken over
  placement.verdict = words.rest();
  if (words.failed() || !holder) return std::nullopt;
  placement.holder = *std::move(holder);
  return placement;
}

std::string places_word(const model::OriginDescription& description) {
  std::string word = "|";
  for (const model::Endpoint& endpoint : description.endpoints) {
    word += enum_word(endpoint.protocol) + '/' + to_word(endpoint.address) + '|';
  }
  return word;
}

std::string pack_description(const model::OriginDescription& description) {
  std::string labels;
  for (const auto& [key, value] : description.labels) {
    labels += to_word(key) + '|' + to_word(value) + '|';
  }
  const model::Capacity& capacity = description.capacity;
  return fmt::format("{} {} {} {} {} {} {} {} {} {}", enum_word(description.kind),
                     to_word(description.zone), to_word(description.agent.str()),
                     to_word(description.software_version), capacity.streams,
                     number_word(capacity.egress_bits_per_second), capacity.cores,
                     capacity.connections, endpoints_word(description.endpoints), labels);
}

std::optional<OriginRecord> parse_origin(std::string_view id, std::string_view packed) {
  auto name = from_word(id);
  if (!name) return std::nullopt;
  WordReader words(packed);
  OriginRecord record;
  record.description.id = OriginId(*std::move(name));
  record.incarnation = IncarnationId(words.text());
  record.process = words.text();
  words.raw();     // the id it wanted
  words.number();  // when its incarnation began
  record.dead = words.letter("01") == 1;
  record.first_seen = wall_time(words.number());
  record.revision.generation = words.number();
  record.revision.number = words.number();
  words.raw();  // places
  parse_description(words, record.description);
  if (words.failed()) return std::nullopt;
  return record;
}

std::string_view kind_word(RecordKind kind) {
  return kKinds[static_cast<std::size_t>(kind)];
}

std::optional<Record> parse_record(std::string_view field, std::string_view packed) {
  const auto space = field.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  const auto kind = std::ranges::find(kKinds, field.substr(0, space));
  auto name = from_word(field.substr(space + 1));
  if (kind == kKinds.end() || !name) return std::nullopt;
  WordReader words(packed);
  Record record;
  record.kind = static_cast<RecordKind>(kind - kKinds.begin());
  record.name = *std::move(name);
  record.revision.generation = words.number();
  record.revision.number = words.number();
  record.update_time = wall_time(words.number());
  const bool exists = words.letter("01") == 1;
  if (words.failed()) return std::nullopt;
  if (exists) record.value = std::string(words.rest());
  return record;
}

std::string bounded_verdict(std::string verdict) {
  if (verdict.size() <= kVerdictBytesMax) return verdict;
  std::size_t end = kVerdictBytesMax;
  while (end > 0 && (static_cast<unsigned char>(verdict[end]) & 0xC0) == 0x80) --end;
  verdict.resize(end);
  return verdict;
}

std::optional<decltype(Change::what)> parse_change(Revision revision, std::string_view kind,
                                                   std::string_view text) {
  if (kind == "generation") return Change::GenerationRaised{revision.generation};
  if (kind == "settled") return Change::SettlingEnded{};
  const auto space = text.find(' ');
  const std::string_view name = text.substr(0, space);
  const bool gone = space == std::string_view::npos;
  const std::string_view packed = gone ? std::string_view() : text.substr(space + 1);
  if (kind == "placement") {
    auto stream = parse_stream(name);
    if (!stream) return std::nullopt;
    if (gone) return Change::PlacementChanged{*std::move(stream), std::nullopt};
    auto placement = parse_placement(name, packed);
    if (!placement) return std::nullopt;
    return Change::PlacementChanged{*std::move(stream), std::move(placement)};
  }
  if (kind == "origin") {
    auto id = from_word(name);
    if (!id) return std::nullopt;
    if (gone) return Change::OriginChanged{OriginId(*std::move(id)), std::nullopt};
    auto record = parse_origin(name, packed);
    if (!record) return std::nullopt;
    return Change::OriginChanged{OriginId(*std::move(id)), std::move(record)};
  }
  if (kind == "record" && !gone) {
    const auto second = text.find(' ', space + 1);
    if (second == std::string_view::npos) return std::nullopt;
    auto record = parse_record(text.substr(0, second), text.substr(second + 1));
    if (!record) return std::nullopt;
    return Change::RecordChanged{*std::move(record)};
  }
  return std::nullopt;
}

std::optional<Revision> parse_revision(std::string_view text, char separator) {
  const auto middle = text.find(separator);
  if (middle == std::string_view::npos) return std::nullopt;
  const auto generation = to_number(text.substr(0, middle));
  const auto number = to_number(text.substr(middle + 1));
  if (!generation || !number) return std::nullopt;
  return Revision{*generation, *number};
}

}  // namespace weir::store::redis
