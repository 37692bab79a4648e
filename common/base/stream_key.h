#pragma once
// The name of a stream, normalised in this one place for every plane and protocol.
//
// Purpose: a key is `vhost/app/stream`. Two clients that mean the same stream get the same key,
// however their URLs spell it; tokens and other query parts are never in a key. The rules are those
// that SRS applies (handbook of the protocol: docs/protocols/rtmp.md, "identity"). Threading: pure
// functions and values; copies of one key may live on several threads.

#include <compare>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/format.h"
#include "common/base/result.h"

namespace weir {

inline constexpr std::string_view kDefaultVhost = "__defaultVhost__";
inline constexpr std::string_view kDefaultApp = "__defaultApp__";
/// Longest accepted tcUrl, app and stream name on the wire, in bytes, each.
inline constexpr std::size_t kStreamNameBytesMax = 2048;
/// Longest key, in bytes.
inline constexpr std::size_t kStreamKeyBytesMax = 1024;

/// The virtual hosts that are kept apart. A host or `vhost=` that is not listed means the default
/// one, as SRS resolves it, so that rtmp://ingest.example.com and rtmp://192.0.2.1 name the same
/// stream. The control plane owns the list and tells it to every forwarder.
class VhostRules {
 public:
  VhostRules() = default;
  explicit VhostRules(std::vector<std::string> known);
  /// `host` when listed, in the very same case as SRS demands; else the default vhost.
  std::string resolve(std::string_view host) const;
  const std::vector<std::string>& known() const { return known_; }

 private:
  std::vector<std::string> known_;  ///< sorted
};

/// Copies share one text: a session's key is kept in a dozen tables of two threads.
class StreamKey {
 public:
  StreamKey() = default;
  const std::string& vhost() const { return names().vhost; }
  /// May contain slashes, never leading or trailing ones.
  const std::string& app() const { return names().app; }
  const std::string& stream() const { return names().stream; }
  /// "vhost/app/stream"
  const std::string& str() const { return names().text; }
  /// Of str().
  std::size_t hash() const { return names().hash; }
  bool empty() const { return names_ == nullptr; }
  bool operator==(const StreamKey& other) const {
    return names_ == other.names_ || (hash() == other.hash() && str() == other.str());
  }
  std::strong_ordering operator<=>(const StreamKey& other) const {
    return names_ == other.names_ ? std::strong_ordering::equal : str() <=> other.str();
  }

 private:
  friend Result<StreamKey> make_stream_key(std::string_view, std::string_view, std::string_view);
  struct Names {
    std::string vhost, app, stream, text;
    std::size_t hash = 0;
  };
  explicit StreamKey(std::shared_ptr<const Names> names) : names_(std::move(names)) {}
  const Names& names() const { return names_ ? *names_ : none(); }
  static const Names& none();

  std::shared_ptr<const Names> names_;  ///< null = empty
};

inline const std::string& format_as(const StreamKey& key) {
  return key.str();
}

/// From parts that are already free of queries and percent signs. Errors (invalid_argument, side
/// kClient): an empty stream, bytes that are not UTF-8, control characters, "." or ".." as a path
/// element, over-long parts.
Result<StreamKey> make_stream_key(std::string_view vhost, std::string_view app,
                                  std::string_view stream);

/// From text `vhost/app/stream`, `app/stream` (default vhost), as operators and the API write it.
/// The first element is taken for a vhost only when at least three are given.
Result<StreamKey> parse_stream_key(std::string_view text);

/// What an RTMP client says: `tc_url` and `app` of its connect command, `name` of publish or play,
/// as received. `app` is used only where tc_url has no path. Percent-decoding is done once, after
/// the query parts are cut off. A query reaches to the end of its string: a slash in a token never
/// makes a path element (SRS would split there, nginx-rtmp does not). An empty `name` is guessed
/// from the last element of the app, or from what follows the last slash of the query (FMLE).
Result<StreamKey> stream_key_from_rtmp(std::string_view tc_url, std::string_view app,
                                       std::string_view name, const VhostRules& vhosts);

/// Decodes %XX once; malformed escapes stay as they are (as SRS and browsers treat them).
std::string percent_decode(std::string_view text);

}  // namespace weir

template <>
struct std::hash<weir::StreamKey> {
  std::size_t operator()(const weir::StreamKey& key) const noexcept { return key.hash(); }
};
