#include "tests/support/history/reader.h"

#include <fstream>
#include <memory>
#include <queue>
#include <utility>

#include <fmt/format.h>

namespace weir::history {
namespace {

class File {
 public:
  File(std::string path, std::uint32_t index)
      : path_(std::move(path)), buffer_(1 << 20), place_{index, 0} {
    in_.rdbuf()->pubsetbuf(buffer_.data(), static_cast<std::streamsize>(buffer_.size()));
    in_.open(path_, std::ios::binary);
  }

  bool opened() const { return in_.is_open(); }
  const Event& event() const { return event_; }
  Place place() const { return place_; }

  /// false: no more.
  Result<bool> advance() {
    if (!std::getline(in_, line_) || in_.eof()) return false;
    ++place_.line;
    const std::int64_t before = event_.time;
    const auto event = decode(line_, scratch_);
    if (!event) return wrong("is not an event");
    if (event->time < before) return wrong("is earlier than the line before it");
    event_ = *event;
    return true;
  }

 private:
  Error wrong(std::string_view what) const {
    return make_error(boost::system::errc::bad_message,
                      fmt::format("{}:{} {}: {:.200}", path_, place_.line, what, line_));
  }

  std::string path_;
  std::vector<char> buffer_;
  std::ifstream in_;
  std::string line_;
  std::string scratch_;
  Event event_;
  Place place_;
};

}  // namespace

Result<void> read_histories(const std::vector<std::string>& paths, const Sink& sink) {
  std::vector<std::unique_ptr<File>> files;
  const auto later = [&](std::size_t a, std::size_t b) {
    const auto key = [&](std::size_t at) { return std::pair(files[at]->event().time, at); };
    return key(a) > key(b);
  };
  std::priority_queue<std::size_t, std::vector<std::size_t>, decltype(later)> next(later);
  for (const std::string& path : paths) {
    const std::size_t at = files.size();
    files.push_back(std::make_unique<File>(path, static_cast<std::uint32_t>(at)));
    if (!files[at]->opened()) {
      return make_error(boost::system::errc::no_such_file_or_directory,
                        fmt::format("cannot read {}", path));
    }
    const auto more = files[at]->advance();
    if (!more) return more.error();
    if (*more) next.push(at);
  }
  while (!next.empty()) {
    const std::size_t at = next.top();
    next.pop();
    sink(files[at]->event(), files[at]->place());
    const auto more = files[at]->advance();
    if (!more) return more.error();
    if (*more) next.push(at);
  }
  return {};
}

}  // namespace weir::history
