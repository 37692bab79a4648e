#pragma once
// ReportedStreams: which streams are live at which origins, as agents told last (design 3: truth
// about what an origin serves is the origin's).
//
// Purpose: load figures for people, and the other view of a stream: the origins that report it,
// placed there or not. What is told is bounded; a stream beyond the bounds is as if unreported.
// Threading: the core's thread. Lifetime: an origin's entries until clear().

#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/stream_key.h"
#include "controlplane/core/messages.h"

namespace weir::core {

struct StreamLoad {
  double ingress_bits_per_second = 0;
  double egress_bits_per_second = 0;
  std::uint32_t players = 0;
  MonotonicTime at{};
};

/// A live stream of one origin.
struct LiveStream {
  enum class Publisher : std::uint8_t {
    kUnread,    ///< not looked at yet: may be anybody
    kUntagged,  ///< came to the origin itself, or through a forwarder that does not tag
    kTagged,    ///< came through a forwarder, with an epoch or without
  };
  StreamLoad load;
  Publisher publisher = Publisher::kUnread;
  Epoch tag_epoch;  ///< of a tag that has one
};

class ReportedStreams {
 public:
  /// Told of each stream that appeared, went, or whose publisher is another one, after the change.
  /// A listener changes nothing here.
  using OnChange = std::function<void(const OriginId&, const StreamKey&)>;
  void on_change(OnChange listener) { on_change_.push_back(std::move(listener)); }

  /// What a report says. Complete ones replace, others add to what is known.
  void take(const OriginId& origin, const std::vector<ReportedStream>& live,
            const std::vector<StreamKey>& ended, bool complete, MonotonicTime now);
  /// Nothing is known of this origin any more: another process, or nobody who reports it.
  void clear(const OriginId& origin);

  const LiveStream* find(const OriginId& origin, const StreamKey& stream) const;
  /// Where it is live; mostly one, in no order.
  const std::vector<OriginId>& origins_of(const StreamKey& stream) const;
  using Live = std::unordered_map<StreamKey, LiveStream>;
  const Live& of(const OriginId& origin) const;
  std::size_t size() const { return size_; }

 private:
  void put(const OriginId& origin, Live& streams, const ReportedStream& stream, MonotonicTime now);
  void remove(const OriginId& origin, Live& streams, const StreamKey& stream);
  void tell(const OriginId& origin, const StreamKey& stream);

  std::unordered_map<OriginId, Live> by_origin_;
  std::unordered_map<StreamKey, std::vector<OriginId>> by_stream_;
  std::size_t size_ = 0;
  std::vector<OnChange> on_change_;
};

}  // namespace weir::core
