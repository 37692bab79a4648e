#include "controlplane/app/state_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

#include <fcntl.h>
#include <google/protobuf/util/json_util.h>
#include <unistd.h>

#include "controlplane/service/convert.h"
#include "weir/config/v1/controlplane_state.pb.h"

namespace weir::app {
namespace {

constexpr const char* kFileName = "controlplane.json";

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
  for (const auto& [origin, reason] : state.cordons) {
    (*out.mutable_cordons())[origin.str()] = reason;
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
  for (const auto& [origin, reason] : message.cordons()) {
    out.cordons.emplace(OriginId(origin), reason);
  }
  return out;
}

Error file_error(const std::filesystem::path& path, const std::string& what) {
  return make_error(boost::system::errc::io_error, path.string() + ": " + what);
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
    : directory_(directory), path_(directory_ / kFileName), log_("state") {}

Result<core::KeptState> StateFile::load() const {
  std::error_code missing;
  if (!std::filesystem::exists(path_, missing)) return core::KeptState{};
  std::ifstream file(path_, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file && !file.eof()) return file_error(path_, "cannot be read");
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;  // written by a newer version
  config::v1::ControlplaneState message;
  const auto status = google::protobuf::util::JsonStringToMessage(text, &message, options);
  if (!status.ok()) return file_error(path_, status.ToString());
  return from_message(message);
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
  if (const auto replaced = replace(text); !replaced) {
    log_.error("{}", replaced.error().message);
    return false;
  }
  return true;
}

Result<void> StateFile::replace(const std::string& content) const {
  const std::filesystem::path beside = path_.string() + ".new";
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
  if (::rename(beside.c_str(), path_.c_str()) != 0) return failed("rename");
  // The new name is durable only with its directory.
  const Descriptor directory{::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (directory.number < 0 || ::fsync(directory.number) != 0) return failed("fsync of directory");
  return {};
}

}  // namespace weir::app
