#pragma once
// YAML <-> configuration message, by reflection.
// Threading: pure. Lifetime: values.

#include <map>
#include <string>
#include <vector>

#include <google/protobuf/message.h>

namespace weir::config {

/// Where values came from: path of the key ("origins[0].rtmp") -> "file:line".
using Sources = std::map<std::string, std::string>;

/// Reads `text` (the content of `file`) over `message`. Complaints are complete lines,
/// `file:line: key: what; what is allowed`, at most kComplaintsMax of them; empty = read.
std::vector<std::string> read_yaml(const std::string& file, const std::string& text,
                                   google::protobuf::Message& message, Sources& sources);

/// The message as YAML that read_yaml takes; secret fields are "<redacted>".
std::string write_yaml(const google::protobuf::Message& message);

inline constexpr std::size_t kComplaintsMax = 20;
/// A configuration file larger than this is not one.
inline constexpr std::size_t kFileBytesMax = 4 * 1024 * 1024;

}  // namespace weir::config
