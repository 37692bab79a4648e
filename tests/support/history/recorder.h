#pragma once
// Recorder: writes the history of one process, a line per event, in order of time.
//
// Threading: one thread. Lifetime: the clock outlives it; what is buffered is written when it goes.
// A process that is killed loses at most what came since the last flush().

#include <cstdio>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "tests/support/history/event.h"

namespace weir::history {

class Recorder {
 public:
  explicit Recorder(const Clock& clock) : clock_(clock) {}
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  /// Truncates the file and writes `begin`. Without it everything written is dropped.
  Result<void> open(const std::string& path, std::string_view process);
  std::int64_t now() const;
  static std::int64_t micros(MonotonicTime time);
  /// With `time` = now.
  void write(Event event);
  void flush();
  std::uint64_t written() const { return written_; }

 private:
  const Clock& clock_;
  std::FILE* file_ = nullptr;
  std::string buffer_;
  std::uint64_t written_ = 0;
};

}  // namespace weir::history
