#pragma once
// WaitingRoom: how many players may wait for streams that nobody publishes, all workers together.
//
// Purpose: a player that waits costs a connection for as long as it likes, and names of streams
// cost nothing; so those who wait are counted per stream, per client address and in all. Players of
// streams that run are not. Threading: any thread; one short lock per call. set_limits() before the
// first enter(), on_refusal() too. Lifetime: outlives its seats. Both tables hold at most as many
// entries as there are seats taken.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/cidr.h"
#include "common/base/stream_key.h"

namespace weir::admission {

/// Zero = no limit.
struct WaitingLimits {
  std::uint32_t per_stream = 0;
  std::uint32_t per_address = 0;
  std::uint32_t in_all = 0;
  /// Not limited by address.
  std::vector<Cidr> exempt{};
};

enum class WaitingRefusal { kStream, kAddress, kProcess };

class WaitingRoom {
 public:
  /// One player that waits; gives its place back when it goes. Empty = nobody waits.
  class Seat {
   public:
    Seat() = default;
    Seat(Seat&& other) noexcept { *this = std::move(other); }
    Seat& operator=(Seat&& other) noexcept;
    ~Seat() { leave(); }
    void leave();

   private:
    friend class WaitingRoom;
    WaitingRoom* room_ = nullptr;
    const StreamKey* stream_ = nullptr;   ///< key of the room's table
    const IpAddress* address_ = nullptr;  ///< likewise
  };

  WaitingRoom() = default;
  WaitingRoom(const WaitingRoom&) = delete;
  WaitingRoom& operator=(const WaitingRoom&) = delete;

  void set_limits(WaitingLimits limits) { limits_ = std::move(limits); }
  const WaitingLimits& limits() const { return limits_; }
  /// Told of each player that is refused, on its thread and outside the lock.
  void on_refusal(std::function<void(WaitingRefusal, const IpAddress&)> told) {
    refused_ = std::move(told);
  }
  std::variant<Seat, WaitingRefusal> enter(const StreamKey& stream, const IpAddress& address);
  std::size_t size() const;

 private:
  struct AddressHash {
    std::size_t operator()(const IpAddress& address) const;
  };

  std::variant<Seat, WaitingRefusal> seat(const StreamKey& stream, const IpAddress& address);

  WaitingLimits limits_;
  std::function<void(WaitingRefusal, const IpAddress&)> refused_ = [](WaitingRefusal,
                                                                      const IpAddress&) {};
  mutable std::mutex mutex_;
  std::unordered_map<StreamKey, std::uint32_t> streams_;
  std::unordered_map<IpAddress, std::uint32_t, AddressHash> addresses_;
  std::uint32_t waiting_ = 0;
};

}  // namespace weir::admission
