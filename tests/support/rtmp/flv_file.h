#pragma once
// FLV files: the media that scripts send, and a recording that ffprobe can read.
//
// Threading: one object per thread. Lifetime: FlvWriter closes its file.

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/rtmp/wire.h"

namespace weir::tests {

/// The tags of a file as messages of `stream_id` (their chunk streams are the caller's). False:
/// `why` says what.
bool read_flv(const std::string& path, std::vector<WireMessage>& out, std::string& why);

class FlvWriter {
 public:
  explicit FlvWriter(const std::string& path);
  /// Audio, video and data messages; `@setDataFrame` is left out as a server leaves it out.
  void write(const WireMessage& message);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace weir::tests
