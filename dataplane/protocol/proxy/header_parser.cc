#include "dataplane/protocol/proxy/header_parser.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "common/base/cidr.h"
#include "common/base/listen_address.h"
#include "common/bytes/byte_reader.h"

namespace weir::proxy {
namespace {

constexpr std::string_view kTextSignature = "PROXY ";
constexpr std::string_view kBinarySignature{"\r\n\r\n\0\r\nQUIT\n", 12};

// Version 2, fixed part.
constexpr std::size_t kFixedBytes = 16;
constexpr std::size_t kVersionAt = 12;
constexpr std::size_t kFamilyAt = 13;
constexpr std::uint8_t kVersion = 0x20;
constexpr std::uint8_t kLocal = 0x20;
constexpr std::uint8_t kProxy = 0x21;
constexpr std::uint8_t kTcp4 = 0x11;
constexpr std::uint8_t kTcp6 = 0x21;
constexpr std::uint8_t kFamilyLast = 3;     // UNIX
constexpr std::uint8_t kTransportLast = 2;  // DGRAM

static_assert(kFixedBytes + 2 * (16 + 2) <= kLineBytesMax);
static_assert(kBinarySignature.size() == kVersionAt);

/// Size of two addresses and two ports; 0 where there are none that we know.
std::size_t address_bytes(std::uint8_t family) {
  if (family == kTcp4) return 2 * (4 + 2);
  return family == kTcp6 ? 2 * (16 + 2) : 0;
}

/// A decimal number as the specification wants it: no sign, no leading zero.
std::optional<std::uint16_t> read_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  return port;
}

std::string_view cut_word(std::string_view& text) {
  const std::size_t space = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, space);
  text.remove_prefix(std::min(space + 1, text.size()));
  return word;
}

}  // namespace

const char* to_text(HeaderError error) {
  switch (error) {
    case HeaderError::kNone:
      return "no error";
    case HeaderError::kNoHeader:
      return "not a PROXY header";
    case HeaderError::kLineTooLong:
      return "the line of version 1 is longer than 107 bytes";
    case HeaderError::kLine:
      return "the line of version 1 is malformed";
    case HeaderError::kAddress:
      return "the line of version 1 holds a bad address or port";
    case HeaderError::kVersion:
      return "a version that does not exist";
    case HeaderError::kCommand:
      return "a command that does not exist";
    case HeaderError::kFamily:
      return "an address family or transport that does not exist";
    case HeaderError::kBlockLength:
      return "the address block is too short or too long";
  }
  return "?";
}

HeaderStep HeaderParser::fail(HeaderError error) {
  error_ = error;
  return HeaderStep::kFailed;
}

HeaderStep HeaderParser::feed(Bytes& input) {
  if (error_ != HeaderError::kNone) return HeaderStep::kFailed;
  while (!done_ && !input.empty()) {
    const std::uint8_t byte = input.front();
    input = input.subspan(1);
    const HeaderStep step = take(byte);
    if (step == HeaderStep::kFailed) return step;
    done_ = step == HeaderStep::kDone;
  }
  return done_ ? HeaderStep::kDone : HeaderStep::kNeedMore;
}

HeaderStep HeaderParser::take(std::uint8_t byte) {
  const std::size_t at = size_++;
  if (at < bytes_.size()) bytes_[at] = byte;
  const bool text = bytes_[0] == static_cast<std::uint8_t>(kTextSignature[0]);
  const std::string_view signature = text ? kTextSignature : kBinarySignature;
  if (at < signature.size()) {
    if (byte != static_cast<std::uint8_t>(signature[at])) return fail(HeaderError::kNoHeader);
    recognised_ = size_ == signature.size();
    return HeaderStep::kNeedMore;
  }
  return text ? take_line(byte) : take_binary(byte);
}

HeaderStep HeaderParser::take_line(std::uint8_t byte) {
  const bool after_return = bytes_[size_ - 2] == '\r';
  // Either of them alone ends nothing and belongs into no field.
  if (after_return != (byte == '\n')) return fail(HeaderError::kLine);
  if (after_return) {
    const auto* line = reinterpret_cast<const char*>(bytes_.data());
    return read_line(std::string_view(line, size_ - 2).substr(kTextSignature.size()));
  }
  return size_ == kLineBytesMax ? fail(HeaderError::kLineTooLong) : HeaderStep::kNeedMore;
}

HeaderStep HeaderParser::read_line(std::string_view line) {
  const std::string_view family = cut_word(line);
  if (family == "UNKNOWN") return HeaderStep::kDone;  // what follows is to be ignored
  if (family != "TCP4" && family != "TCP6") return fail(HeaderError::kLine);
  const auto source = IpAddress::parse(cut_word(line));
  const auto destination = IpAddress::parse(cut_word(line));
  const auto source_port = read_port(cut_word(line));
  const auto destination_port = read_port(line);
  if (!source || !destination || !source_port || !destination_port)
    return fail(HeaderError::kAddress);
  // IPv4 under TCP6 is its mapped form, which is a balancer's way to write mixed families.
  if (family == "TCP4" && !(source->is_v4() && destination->is_v4()))
    return fail(HeaderError::kAddress);
  client_ = format_host_port(source->str(), *source_port);
  return HeaderStep::kDone;
}

HeaderStep HeaderParser::take_binary(std::uint8_t byte) {
  if (size_ == kVersionAt + 1) {
    if ((byte & 0xF0) != kVersion) return fail(HeaderError::kVersion);
    if (byte != kLocal && byte != kProxy) return fail(HeaderError::kCommand);
    return HeaderStep::kNeedMore;
  }
  if (size_ < kFixedBytes) return HeaderStep::kNeedMore;
  if (size_ == kFixedBytes) return end_of_fixed();
  return size_ == end_ ? end_of_block() : HeaderStep::kNeedMore;
}

HeaderStep HeaderParser::end_of_fixed() {
  const std::uint8_t family = bytes_[kFamilyAt];
  const std::size_t length = ByteReader(Bytes(bytes_).subspan(kFixedBytes - 2, 2)).u16();
  if (length > kBlockBytesMax) return fail(HeaderError::kBlockLength);
  // LOCAL: the family means nothing.
  if (bytes_[kVersionAt] == kProxy) {
    if (family >> 4 > kFamilyLast || (family & 0x0F) > kTransportLast)
      return fail(HeaderError::kFamily);
    if (length < address_bytes(family)) return fail(HeaderError::kBlockLength);
  }
  end_ = kFixedBytes + length;
  return length == 0 ? HeaderStep::kDone : HeaderStep::kNeedMore;
}

HeaderStep HeaderParser::end_of_block() {
  const std::size_t block = address_bytes(bytes_[kFamilyAt]);
  if (bytes_[kVersionAt] == kLocal || block == 0) return HeaderStep::kDone;
  ByteReader reader(Bytes(bytes_).subspan(kFixedBytes, block));
  const std::size_t address_size = block / 2 - 2;
  IpAddress source = *IpAddress::parse("0.0.0.0");  // mapped: IPv4 fills its end
  const auto bytes = reader.bytes(address_size);
  std::ranges::copy_backward(bytes, source.bytes.end());
  reader.skip(address_size);  // the destination
  client_ = format_host_port(source.str(), reader.u16());
  return HeaderStep::kDone;
}

}  // namespace weir::proxy
