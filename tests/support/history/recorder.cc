#include "tests/support/history/recorder.h"

#include <cerrno>
#include <chrono>
#include <cstring>

#include <fmt/format.h>
#include <unistd.h>

namespace weir::history {
namespace {

constexpr std::size_t kBufferBytes = 256 * 1024;

}  // namespace

Recorder::~Recorder() {
  flush();
  if (file_ != nullptr) std::fclose(file_);
}

Result<void> Recorder::open(const std::string& path, std::string_view process) {
  file_ = std::fopen(path.c_str(), "we");
  if (file_ == nullptr) {
    return make_error(boost::system::errc::io_error,
                      fmt::format("cannot write {}: {}", path, std::strerror(errno)));
  }
  buffer_.reserve(kBufferBytes + 4096);
  const auto wall =
      std::chrono::duration_cast<std::chrono::microseconds>(clock_.wall_now().time_since_epoch());
  write({.kind = Kind::kBegin,
         .wall = wall.count(),
         .who = process,
         .number = static_cast<std::uint64_t>(::getpid())});
  flush();
  return {};
}

std::int64_t Recorder::micros(MonotonicTime time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
}

std::int64_t Recorder::now() const {
  return micros(clock_.now());
}

void Recorder::write(Event event) {
  if (file_ == nullptr) return;
  event.time = now();
  encode(event, buffer_);
  ++written_;
  if (buffer_.size() >= kBufferBytes) flush();
}

void Recorder::flush() {
  if (file_ == nullptr || buffer_.empty()) return;
  std::fwrite(buffer_.data(), 1, buffer_.size(), file_);
  std::fflush(file_);
  buffer_.clear();
}

}  // namespace weir::history
