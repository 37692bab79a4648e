#include "dataplane/admission/waiting_room.h"

#include <string_view>

#include "dataplane/admission/limits.h"

namespace weir::admission {
namespace {

template <class Table, class Key>
bool full(const Table& table, const Key& key, std::uint32_t limit) {
  if (limit == 0) return false;
  const auto found = table.find(key);
  return found != table.end() && found->second >= limit;
}

template <class Table, class Key>
void give_back(Table& table, const Key& key) {
  const auto found = table.find(key);
  if (--found->second == 0) table.erase(found);
}

}  // namespace

std::size_t WaitingRoom::AddressHash::operator()(const IpAddress& address) const {
  return std::hash<std::string_view>{}(
      {reinterpret_cast<const char*>(address.bytes.data()), address.bytes.size()});
}

std::variant<WaitingRoom::Seat, WaitingRefusal> WaitingRoom::enter(const StreamKey& stream,
                                                                   const IpAddress& address) {
  auto answer = seat(stream, address);
  if (const auto* refusal = std::get_if<WaitingRefusal>(&answer)) refused_(*refusal, address);
  return answer;
}

std::variant<WaitingRoom::Seat, WaitingRefusal> WaitingRoom::seat(const StreamKey& stream,
                                                                  const IpAddress& address) {
  const bool exempt = contains(limits_.exempt, address);
  const IpAddress counted = address.is_v4() ? address : masked(address, kIpv6PrefixBits);
  const std::lock_guard lock(mutex_);
  if (limits_.in_all != 0 && waiting_ >= limits_.in_all) return WaitingRefusal::kProcess;
  if (full(streams_, stream, limits_.per_stream)) return WaitingRefusal::kStream;
  if (!exempt && full(addresses_, counted, limits_.per_address)) return WaitingRefusal::kAddress;
  const auto by_stream = streams_.try_emplace(stream).first;
  const auto by_address = addresses_.try_emplace(counted).first;
  ++by_stream->second;
  ++by_address->second;
  ++waiting_;
  Seat seat;
  seat.room_ = this;
  seat.stream_ = &by_stream->first;
  seat.address_ = &by_address->first;
  return seat;
}

std::size_t WaitingRoom::size() const {
  const std::lock_guard lock(mutex_);
  return waiting_;
}

WaitingRoom::Seat& WaitingRoom::Seat::operator=(Seat&& other) noexcept {
  if (this == &other) return *this;
  leave();
  room_ = std::exchange(other.room_, nullptr);
  stream_ = other.stream_;
  address_ = other.address_;
  return *this;
}

void WaitingRoom::Seat::leave() {
  if (room_ == nullptr) return;
  WaitingRoom& room = *std::exchange(room_, nullptr);
  const std::lock_guard lock(room.mutex_);
  --room.waiting_;
  give_back(room.streams_, *stream_);
  give_back(room.addresses_, *address_);
}

}  // namespace weir::admission
