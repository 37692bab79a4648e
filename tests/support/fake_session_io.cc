#include "tests/support/fake_session_io.h"

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
  WEIR_ASSERT(!origin_legs_.empty() && origin_legs_.back().state == LegState::kOpen);
  auto& sent = origin_legs_.back().sent;
  sent.insert(sent.end(), bytes.begin(), bytes.end());
}

void FakeSessionIo::dial(std::string_view endpoint) {
  WEIR_ASSERT(!finished_ && !origin_leg_live());
  origin_legs_.push_back({.endpoint = std::string(endpoint)});
  origin_taken_ = 0;
}

void FakeSessionIo::close(Leg leg, CloseMode mode) {
  WEIR_ASSERT(!finished_ && leg == Leg::kOrigin && origin_leg_live());
  origin_legs_.back().state = mode == CloseMode::kFlush ? LegState::kFlushed : LegState::kAborted;
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

std::vector<std::uint8_t> FakeSessionIo::take_origin_bytes() {
  if (origin_legs_.empty()) return {};
  const auto& sent = origin_legs_.back().sent;
  std::vector<std::uint8_t> fresh(sent.begin() + static_cast<std::ptrdiff_t>(origin_taken_),
                                  sent.end());
  origin_taken_ = sent.size();
  return fresh;
}

bool FakeSessionIo::origin_leg_live() const {
  if (origin_legs_.empty()) return false;
  const LegState state = origin_legs_.back().state;
  return state == LegState::kDialing || state == LegState::kOpen;
}

void FakeSessionIo::set_origin_state(LegState state) {
  WEIR_ASSERT(!origin_legs_.empty());
  origin_legs_.back().state = state;
}

}  // namespace weir::test
