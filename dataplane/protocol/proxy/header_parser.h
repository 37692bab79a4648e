#pragma once
// HeaderParser: the PROXY protocol header in front of a connection (versions 1 and 2, HAProxy's
// proxy-protocol.txt), incremental.
//
// Purpose: tells the address of the client that a load balancer stands for. What follows the header
// is left in the input. Whether the peer may say so is the caller's question: recognised() is true
// as soon as the signature is complete. Memory: an address block at most; whatever else a header of
// version 2 carries is counted and dropped. Threading: one object per connection. Lifetime:
// self-contained.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace weir::proxy {

using Bytes = std::span<const std::uint8_t>;

/// A line of version 1 with its CRLF (2.1 of the specification).
inline constexpr std::size_t kLineBytesMax = 107;
/// Everything behind the 16 fixed bytes of version 2: addresses, and extensions (certificates'
/// names, for example) that are skipped. A longer one ends the connection.
inline constexpr std::size_t kBlockBytesMax = 2048;

enum class HeaderError : std::uint8_t {
  kNone,
  kNoHeader,     ///< the first bytes are not a signature
  kLineTooLong,  ///< version 1: no CRLF in kLineBytesMax bytes
  kLine,         ///< version 1: not the one form there is
  kAddress,      ///< version 1: an address or port that is none, or of the other family
  kVersion,      ///< version 2: another version
  kCommand,      ///< version 2: neither LOCAL nor PROXY
  kFamily,       ///< version 2: a family or transport that does not exist
  kBlockLength,  ///< version 2: too short for its addresses, or above kBlockBytesMax
};
const char* to_text(HeaderError error);

enum class HeaderStep : std::uint8_t {
  kNeedMore,
  kDone,    ///< what is left of the input is the client's
  kFailed,  ///< error() tells why
};

class HeaderParser {
 public:
  /// Whether a connection that begins with this byte may begin with a header. RTMP never does.
  static bool may_begin_with(std::uint8_t first) { return first == 'P' || first == '\r'; }

  /// Consumes from `input` up to the end of the header.
  HeaderStep feed(Bytes& input);

  HeaderError error() const { return error_; }
  /// The signature is complete: it is a header, good or bad.
  bool recognised() const { return recognised_; }
  /// Of a connection that has no header: the bytes taken so far.
  Bytes seen() const { return Bytes(bytes_).first(std::min(size_, bytes_.size())); }
  /// The client, `address:port`. None: the header says that the peer speaks for itself (LOCAL,
  /// UNKNOWN) or for somebody without an address of TCP (UNSPEC, UDP, UNIX).
  const std::optional<std::string>& client() const { return client_; }

 private:
  HeaderStep take(std::uint8_t byte);
  HeaderStep take_line(std::uint8_t byte);
  HeaderStep take_binary(std::uint8_t byte);
  HeaderStep end_of_fixed();
  HeaderStep end_of_block();
  HeaderStep read_line(std::string_view line);
  HeaderStep fail(HeaderError error);

  std::array<std::uint8_t, kLineBytesMax> bytes_{};  // as far as they are looked at
  std::size_t size_ = 0;                             // of the header so far
  std::size_t end_ = 0;                              // version 2: size of the whole header
  std::optional<std::string> client_;
  HeaderError error_ = HeaderError::kNone;
  bool recognised_ = false;
  bool done_ = false;
};

}  // namespace weir::proxy
