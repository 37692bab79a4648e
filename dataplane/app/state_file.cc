#include "dataplane/app/state_file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

#include "dataplane/routing/grpc/convert.h"

namespace weir::forwarder {
namespace {

namespace pb = control::v1;

Error io_error(const std::string& path, const std::string& what) {
  return make_error(boost::system::errc::io_error, fmt::format("{}: {}", path, what));
}

Result<void> write_file(const std::string& path, const google::protobuf::Message& message) {
  std::string text;
  google::protobuf::util::JsonPrintOptions pretty;
  pretty.add_whitespace = true;
  if (const auto status = google::protobuf::util::MessageToJsonString(message, &text, pretty);
      !status.ok())
    return io_error(path, status.ToString());
  const std::string fresh = path + ".new";
  {
    std::ofstream out(fresh, std::ios::binary | std::ios::trunc);
    out << text;
    out.flush();
    if (!out) return io_error(fresh, std::strerror(errno));
  }
  if (std::rename(fresh.c_str(), path.c_str()) != 0) return io_error(path, std::strerror(errno));
  return {};
}

/// False = there is no such file.
Result<bool> read_file(const std::string& path, google::protobuf::Message& message) {
  std::error_code missing;
  if (!std::filesystem::exists(path, missing)) return false;
  std::ifstream in(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (!in) return io_error(path, "cannot be read");
  google::protobuf::util::JsonParseOptions lenient;
  lenient.ignore_unknown_fields = true;  // written by a newer version
  if (const auto status = google::protobuf::util::JsonStringToMessage(text, &message, lenient);
      !status.ok())
    return io_error(path, status.ToString());
  return true;
}

}  // namespace

Result<routing::ControlClient::Remembered> StateFile::load() const {
  routing::ControlClient::Remembered remembered;
  if (!enabled()) return remembered;
  pb::ForwarderWelcome seen;
  const auto have_seen = read_file(directory_ + "/cluster.json", seen);
  if (!have_seen) return have_seen.error();
  remembered.generation_seen = seen.generation();
  remembered.vhosts.assign(seen.vhosts().begin(), seen.vhosts().end());
  pb::OriginTable table;
  const auto have_table = read_file(directory_ + "/origins.json", table);
  if (!have_table) return have_table.error();
  if (*have_table) remembered.origins = routing::from_proto(table);
  return remembered;
}

Result<void> StateFile::save(const routing::ControlClient::Remembered& remembered) const {
  if (!enabled()) return {};
  pb::ForwarderWelcome seen;
  seen.set_generation(remembered.generation_seen);
  for (const std::string& vhost : remembered.vhosts) seen.add_vhosts(vhost);
  if (auto done = write_file(directory_ + "/cluster.json", seen); !done) return done;
  if (!remembered.origins.complete) return {};
  return write_file(directory_ + "/origins.json", routing::to_proto(remembered.origins));
}

}  // namespace weir::forwarder
