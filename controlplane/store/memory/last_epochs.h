#pragma once
// LastEpochs: the last epoch of streams whose placement is gone, for 24 h.
//
// Purpose: a late claim or restore must not bring back an owner whose successor has come and gone.
// Bounded: beyond the limit the oldest are dropped and their highest epoch is kept for all of them,
// so that dropping can refuse a claim too many but never grant one. Threading: the store's thread.
// Lifetime: owned by the store.

#include <cstddef>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/stream_key.h"

namespace weir::store {

class LastEpochs {
 public:
  explicit LastEpochs(std::size_t streams_max) : streams_max_(streams_max) {}

  void remember(const StreamKey& stream, Epoch epoch, MonotonicTime now);
  /// The stream is placed again: its placement carries its highest epoch from now on.
  void forget(const StreamKey& stream);
  /// No epoch above this one was handed out for an unplaced stream, as far as is known.
  Epoch of(const StreamKey& stream) const;
  void forget_old(MonotonicTime now);
  std::size_t size() const { return by_stream_.size(); }

 private:
  struct Last {
    std::string stream;
    Epoch epoch;
    MonotonicTime until;
  };
  void drop_oldest();

  std::size_t streams_max_;
  std::list<Last> by_age_;
  std::unordered_map<std::string_view, std::list<Last>::iterator> by_stream_;  ///< keys in by_age_
  Epoch dropped_;
};

}  // namespace weir::store
