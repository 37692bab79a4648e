#include "controlplane/app/state_file.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <google/protobuf/util/json_util.h>
#include <unistd.h>

#include "controlplane/core/sha256.h"
#include "controlplane/service/convert.h"
#include "weir/config/v1/controlplane_state.pb.h"

namespace weir::app {
namespace {

constexpr const char* kFileName = "controlplane.json";
constexpr const char* kRecordsFileName = "records.bin";

config::v1::ControlplaneState to_message(const core::KeptState& state) {
  config::v1::ControlplaneState out;
  out.set_generation(state.generation);
  for (const auto& origin : state.static_origins) {
    auto* kept = out.add_static_origins();
    const auto& description = origin.description;
    auto* registration = kept->mutable_registration();
    registration->set_origin_id(description.id.str());
    registration->set_kind(service::write(description.kind));
    for (const auto& endpoint : description.endpoints) {
      service::write(endpoint, registration->add_endpoints());
    }
    registration->set_zone(description.zone);
    registration->mutable_labels()->insert(description.labels.begin(), description.labels.end());
    auto* capacity = registration->mutable_capacity();
    capacity->set_streams(description.capacity.streams);
    capacity->set_egress_bits_per_second(description.capacity.egress_bits_per_second);
    capacity->set_cores(description.capacity.cores);
    capacity->set_connections(description.capacity.connections);
    kept->set_process(origin.process);
    kept->set_incarnation(origin.incarnation.str());
  }
  return out;
}

core::KeptState from_message(const config::v1::ControlplaneState& message) {
  core::KeptState out;
  out.generation = message.generation();
  for (const auto& kept : message.static_origins()) {
    out.static_origins.push_back(
        {service::read(kept.registration()), kept.process(), IncarnationId(kept.incarnation())});
  }
  return out;
}

using Kind = store::RecordKind;

config::v1::KeptRecordKind to_message(Kind kind) {
  switch (kind) {
    case Kind::kPolicy:
      return config::v1::KEPT_RECORD_KIND_POLICY;
    case Kind::kPin:
      return config::v1::KEPT_RECORD_KIND_PIN;
    case Kind::kCordon:
      return config::v1::KEPT_RECORD_KIND_CORDON;
    case Kind::kDrain:
      return config::v1::KEPT_RECORD_KIND_DRAIN;
    case Kind::kWeight:
      return config::v1::KEPT_RECORD_KIND_WEIGHT;
    case Kind::kToken:
      return config::v1::KEPT_RECORD_KIND_TOKEN;
    case Kind::kSigningKey:
      return config::v1::KEPT_RECORD_KIND_SIGNING_KEY;
  }
  WEIR_UNREACHABLE("record kind");
}

std::optional<Kind> from_message(config::v1::KeptRecordKind kind) {
  switch (kind) {
    case config::v1::KEPT_RECORD_KIND_POLICY:
      return Kind::kPolicy;
    case config::v1::KEPT_RECORD_KIND_PIN:
      return Kind::kPin;
    case config::v1::KEPT_RECORD_KIND_CORDON:
      return Kind::kCordon;
    case config::v1::KEPT_RECORD_KIND_DRAIN:
      return Kind::kDrain;
    case config::v1::KEPT_RECORD_KIND_WEIGHT:
      return Kind::kWeight;
    case config::v1::KEPT_RECORD_KIND_TOKEN:
      return Kind::kToken;
    case config::v1::KEPT_RECORD_KIND_SIGNING_KEY:
      return Kind::kSigningKey;
    default:
      return std::nullopt;  // of a newer version
  }
}

std::int64_t to_us(WallTime time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
}

config::v1::ControlplaneRecords to_message(const core::KeptRecords& records) {
  config::v1::ControlplaneRecords out;
  out.set_generation(records.generation);
  for (const auto& record : records.records) {
    auto* kept = out.add_records();
    kept->set_kind(to_message(record.kind));
    kept->set_name(record.name);
    if (record.value) kept->set_value(*record.value);
    kept->set_generation(record.revision.generation);
    kept->set_number(record.revision.number);
    kept->set_update_time_us(to_us(record.update_time));
  }
  return out;
}

core::KeptRecords from_message(const config::v1::ControlplaneRecords& message) {
  core::KeptRecords out{message.generation(), {}};
  for (const auto& kept : message.records()) {
    const auto kind = from_message(kept.kind());
    if (!kind) continue;
    store::Record record{*kind, kept.name(), std::nullopt, {kept.generation(), kept.number()}, {}};
    if (kept.has_value()) record.value = kept.value();
    record.update_time = WallTime(std::chrono::microseconds(kept.update_time_us()));
    out.records.push_back(std::move(record));
  }
  return out;
}

/// What a version without records kept: its cordons, older than every record.
core::KeptRecords from_older(const config::v1::ControlplaneState& message) {
  core::KeptRecords out{message.generation(), {}};
  for (const auto& [origin, reason] : message.cordons()) {
    out.records.push_back({Kind::kCordon, origin, reason, {1, 1}, {}});
  }
  return out;
}

/// First line of the file: tells damage.
std::string digest_line(const std::string& body) {
  return "weir records 1 " + core::sha256_hex(body) + '\n';
}

Error file_error(const std::filesystem::path& path, const std::string& what) {
  return make_error(boost::system::errc::io_error, path.string() + ": " + what);
}

/// Nothing when there is no file.
Result<std::optional<std::string>> read_file(const std::filesystem::path& path) {
  std::error_code missing;
  if (!std::filesystem::exists(path, missing)) return std::optional<std::string>();
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file && !file.eof()) return file_error(path, "cannot be read");
  return std::optional(std::move(text));
}

/// Empty when there is no file.
Result<config::v1::ControlplaneState> read_state(const std::filesystem::path& path) {
  config::v1::ControlplaneState message;
  const auto text = read_file(path);
  if (!text) return text.error();
  if (!*text) return message;
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;  // written by a newer version
  const auto status = google::protobuf::util::JsonStringToMessage(**text, &message, options);
  if (!status.ok()) return file_error(path, status.ToString());
  return message;
}

/// Closes on every way out.
struct Descriptor {
  int number;
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
};

}  // namespace

StateFile::StateFile(const std::string& directory)
    : directory_(directory),
      path_(directory_ / kFileName),
      records_path_(directory_ / kRecordsFileName),
      log_("state") {}

Result<core::KeptState> StateFile::load() const {
  const auto message = read_state(path_);
  if (!message) return message.error();
  return from_message(*message);
}

Result<core::KeptRecords> StateFile::load_records() const {
  const auto text = read_file(records_path_);
  if (!text) return text.error();
  if (!*text) {
    const auto older = read_state(path_);
    if (!older) return older.error();
    return from_older(*older);
  }
  const std::size_t line = (*text)->find('\n');
  const std::string body = line == std::string::npos ? std::string() : (*text)->substr(line + 1);
  config::v1::ControlplaneRecords message;
  if (line == std::string::npos || !(*text)->starts_with(digest_line(body)) ||
      !message.ParseFromString(body)) {
    return file_error(records_path_,
                      "is damaged; bring it back from a backup, or move it away to start without "
                      "the orders and secrets in it (other replicas may have them)");
  }
  return from_message(message);
}

bool StateFile::save(const core::KeptRecords& records) {
  const std::string body = to_message(records).SerializeAsString();
  if (const auto replaced = replace(records_path_, digest_line(body) + body); !replaced) {
    log_.error("{}", replaced.error().message);
    return false;
  }
  return true;
}

bool StateFile::save(const core::KeptState& state) {
  std::string text;
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  const auto status =
      google::protobuf::util::MessageToJsonString(to_message(state), &text, options);
  if (!status.ok()) {
    log_.error("{} was not written: {}", path_.string(), status.ToString());
    return false;
  }
  if (const auto replaced = replace(path_, text); !replaced) {
    log_.error("{}", replaced.error().message);
    return false;
  }
  return true;
}

Result<void> StateFile::replace(const std::filesystem::path& path,
                                const std::string& content) const {
  const std::filesystem::path beside = path.string() + ".new";
  const auto failed = [&](const char* what) {
    return file_error(beside, std::string(what) + ": " + std::strerror(errno));
  };
  {
    const Descriptor file{::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
    if (file.number < 0) return failed("open");
    std::size_t written = 0;
    while (written < content.size()) {
      const auto n = ::write(file.number, content.data() + written, content.size() - written);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return failed("write");
      written += static_cast<std::size_t>(n);
    }
    if (::fsync(file.number) != 0) return failed("fsync");
  }
  if (::rename(beside.c_str(), path.c_str()) != 0) return failed("rename");
  // The new name is durable only with its directory.
  const Descriptor directory{::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (directory.number < 0 || ::fsync(directory.number) != 0) return failed("fsync of directory");
  return {};
}

}  // namespace weir::app
