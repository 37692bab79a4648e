#include "tests/support/rtmp/flv_file.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include <fmt/format.h>

namespace weir::tests {
namespace {

constexpr std::size_t kFileHeader = 9 + 4;
constexpr std::size_t kTagHeader = 11;
constexpr std::string_view kSetDataFrame("\x02\x00\x0d@setDataFrame", 16);

std::uint32_t big_endian(std::span<const std::uint8_t> bytes) {
  std::uint32_t value = 0;
  for (const std::uint8_t byte : bytes) value = value << 8 | byte;
  return value;
}

void put(std::uint32_t value, int bytes, std::vector<std::uint8_t>& out) {
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

}  // namespace

bool read_flv(const std::string& path, std::vector<WireMessage>& out, std::string& why) {
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                       &std::fclose);
  if (!file) return why = fmt::format("{} cannot be read", path), false;
  std::vector<std::uint8_t> bytes;
  std::array<std::uint8_t, 65536> piece;
  while (const std::size_t count = std::fread(piece.data(), 1, piece.size(), file.get()))
    bytes.insert(bytes.end(), piece.begin(), piece.begin() + static_cast<int>(count));
  if (bytes.size() < kFileHeader || bytes[0] != 'F')
    return why = fmt::format("{} is not FLV", path), false;
  const std::span<const std::uint8_t> all(bytes);
  for (std::size_t at = kFileHeader; at + kTagHeader <= all.size();) {
    const std::uint32_t size = big_endian(all.subspan(at + 1, 3));
    if (at + kTagHeader + size > all.size()) break;
    WireMessage message;
    message.type = all[at] & 0x1F;
    message.time = big_endian(all.subspan(at + 4, 3)) | std::uint32_t{all[at + 7]} << 24;
    const auto payload = all.subspan(at + kTagHeader, size);
    message.payload.assign(payload.begin(), payload.end());
    out.push_back(std::move(message));
    at += kTagHeader + size + 4;
  }
  return true;
}

FlvWriter::FlvWriter(const std::string& path) : file_(std::fopen(path.c_str(), "wb")) {
  static constexpr std::array<std::uint8_t, kFileHeader> kHeader = {'F', 'L', 'V', 1, 5, 0, 0,
                                                                    0,   9,   0,   0, 0, 0};
  if (file_) std::fwrite(kHeader.data(), 1, kHeader.size(), file_.get());
}

void FlvWriter::write(const WireMessage& message) {
  if (!file_ || (message.type != 8 && message.type != 9 && message.type != 18)) return;
  std::span<const std::uint8_t> payload(message.payload);
  const auto prefix =
      std::span(reinterpret_cast<const std::uint8_t*>(kSetDataFrame.data()), kSetDataFrame.size());
  if (payload.size() > prefix.size() && std::ranges::equal(payload.first(prefix.size()), prefix))
    payload = payload.subspan(prefix.size());
  const auto size = static_cast<std::uint32_t>(payload.size());
  std::vector<std::uint8_t> tag{message.type};
  put(size, 3, tag);
  put(message.time & 0xFFFFFF, 3, tag);
  put(message.time >> 24, 1, tag);
  put(0, 3, tag);
  tag.insert(tag.end(), payload.begin(), payload.end());
  put(size + kTagHeader, 4, tag);
  std::fwrite(tag.data(), 1, tag.size(), file_.get());
  std::fflush(file_.get());
}

}  // namespace weir::tests
