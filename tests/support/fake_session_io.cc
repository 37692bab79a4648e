#include "tests/support/fake_session_io.h"

#include <algorithm>

#include "common/base/contract.h"

namespace weir::test {

using relay::CloseMode;
using relay::Leg;

void FakeSessionIo::send_view(Leg leg, std::span<const std::uint8_t> bytes) {
  viewed_bytes_ += bytes.size();
  append(leg, bytes);
}

void FakeSessionIo::send_copy(Leg leg, std::span<const std::uint8_t> bytes) {
  copied_bytes_ += bytes.size();
  append(leg, bytes);
}

void FakeSessionIo::append(Leg leg, std::span<const std::uint8_t> bytes) {
  WEIR_ASSERT(!finished_);
  if (leg == Leg::kClient) {
    client_sent_.insert(client_sent_.end(), bytes.begin(), bytes.end());
    return;
  }
  OriginLeg& target = present(leg);
  WEIR_ASSERT(target.state == LegState::kOpen);
  target.sent.insert(target.sent.end(), bytes.begin(), bytes.end());
}

const FakeSessionIo::OriginLeg* FakeSessionIo::origin_leg(Leg leg) const {
  const auto last = std::find_if(origin_legs_.rbegin(), origin_legs_.rend(),
                                 [leg](const OriginLeg& known) { return known.name == leg; });
  return last == origin_legs_.rend() ? nullptr : &*last;
}

FakeSessionIo::OriginLeg& FakeSessionIo::present(Leg leg) {
  const OriginLeg* found = origin_leg(leg);
  WEIR_ASSERT(found != nullptr);
  return const_cast<OriginLeg&>(*found);
}

std::size_t FakeSessionIo::dials(Leg leg) const {
  return static_cast<std::size_t>(std::ranges::count(origin_legs_, leg, &OriginLeg::name));
}

void FakeSessionIo::dial(Leg leg, std::string_view endpoint) {
  WEIR_ASSERT(!finished_ && !origin_leg_live(leg));
  WEIR_ASSERT(leg != Leg::kClient && relay::origin_index(leg) < relay::kOriginLegsMax);
  origin_legs_.push_back({.name = leg, .endpoint = std::string(endpoint)});
}

void FakeSessionIo::close(Leg leg, CloseMode mode) {
  WEIR_ASSERT(!finished_ && leg != Leg::kClient && origin_leg_live(leg));
  present(leg).state = mode == CloseMode::kFlush ? LegState::kFlushed : LegState::kAborted;
}

void FakeSessionIo::finish(std::string_view reason) {
  WEIR_ASSERT(!finished_);
  finished_ = std::string(reason);
  wake_.reset();
}

std::vector<std::uint8_t> FakeSessionIo::take_client_bytes() {
  std::vector<std::uint8_t> fresh(client_sent_.begin() + static_cast<std::ptrdiff_t>(client_taken_),
                                  client_sent_.end());
  client_taken_ = client_sent_.size();
  return fresh;
}

std::vector<std::uint8_t> FakeSessionIo::take_origin_bytes(Leg leg) {
  if (origin_leg(leg) == nullptr) return {};
  OriginLeg& known = present(leg);
  std::vector<std::uint8_t> fresh(known.sent.begin() + static_cast<std::ptrdiff_t>(known.taken),
                                  known.sent.end());
  known.taken = known.sent.size();
  return fresh;
}

bool FakeSessionIo::origin_leg_live(Leg leg) const {
  const OriginLeg* known = origin_leg(leg);
  return known != nullptr &&
         (known->state == LegState::kDialing || known->state == LegState::kOpen);
}

void FakeSessionIo::set_origin_state(LegState state, Leg leg) {
  present(leg).state = state;
}

}  // namespace weir::test
