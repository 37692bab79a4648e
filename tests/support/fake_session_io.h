#pragma once
// FakeSessionIo: records what a RelaySession asks of its driver, per leg and in order.
//
// Each dial() opens a new origin leg; bytes sent to it are kept by leg, so that a test can see what
// the second origin got. Legs are asked for by their name in the seam; of several dialled under one
// name the last is meant. Views are copied when they are sent, which is what makes a view
// that is used too late visible under the address sanitizer. Threading: one thread. Lifetime:
// outlives the session under test.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/relay/relay_session.h"

namespace weir::test {

class FakeSessionIo final : public relay::SessionIo {
 public:
  enum class LegState { kNone, kDialing, kOpen, kFlushed, kAborted };
  struct OriginLeg {
    relay::Leg name = relay::Leg::kOrigin;
    std::string endpoint;
    std::vector<std::uint8_t> sent;
    LegState state = LegState::kDialing;
    std::size_t taken = 0;
  };

  void send_view(relay::Leg leg, std::span<const std::uint8_t> bytes) override;
  void send_copy(relay::Leg leg, std::span<const std::uint8_t> bytes) override;
  void dial(relay::Leg leg, std::string_view endpoint) override;
  void close(relay::Leg leg, relay::CloseMode mode) override;
  void wake_at(std::optional<MonotonicTime> when) override { wake_ = when; }
  bool client_is(std::string_view address) override {
    client_address_ = address;
    return client_welcome;
  }
  void keeps(std::size_t bytes, relay::WhileKept client) override {
    kept_ = bytes;
    while_kept_ = client;
  }
  void identified() override { ++identified_; }
  void finish(std::string_view reason) override;

  /// The answer to client_is().
  bool client_welcome = true;
  const std::optional<std::string>& client_address() const { return client_address_; }
  /// What the session said last of the client's bytes that it keeps.
  std::size_t kept() const { return kept_; }
  bool reads_on() const { return kept_ == 0 || while_kept_ == relay::WhileKept::kReadOn; }
  int times_identified() const { return identified_; }

  /// Bytes sent to the client that were not taken before.
  std::vector<std::uint8_t> take_client_bytes();
  /// Bytes sent on the present origin leg that were not taken before.
  std::vector<std::uint8_t> take_origin_bytes(relay::Leg leg = relay::Leg::kOrigin);

  const std::vector<std::uint8_t>& client_sent() const { return client_sent_; }
  const std::vector<OriginLeg>& origin_legs() const { return origin_legs_; }
  /// The origin leg is being dialled or open.
  bool origin_leg_live(relay::Leg leg = relay::Leg::kOrigin) const;
  /// Marks the present leg as connected, or as closed by the peer.
  void set_origin_state(LegState state, relay::Leg leg = relay::Leg::kOrigin);
  /// Times that leg was dialled.
  std::size_t dials(relay::Leg leg) const;
  /// Null when it was never dialled.
  const OriginLeg* origin_leg(relay::Leg leg) const;
  std::optional<MonotonicTime> wake() const { return wake_; }
  const std::optional<std::string>& finished() const { return finished_; }
  /// Bytes handed over by send_view() and by send_copy().
  std::uint64_t viewed_bytes() const { return viewed_bytes_; }
  std::uint64_t copied_bytes() const { return copied_bytes_; }

 private:
  void append(relay::Leg leg, std::span<const std::uint8_t> bytes);
  OriginLeg& present(relay::Leg leg);

  std::vector<std::uint8_t> client_sent_;
  std::size_t client_taken_ = 0;
  std::vector<OriginLeg> origin_legs_;
  std::optional<MonotonicTime> wake_;
  std::optional<std::string> finished_;
  std::optional<std::string> client_address_;
  std::size_t kept_ = 0;
  relay::WhileKept while_kept_ = relay::WhileKept::kStopReading;
  int identified_ = 0;
  std::uint64_t viewed_bytes_ = 0;
  std::uint64_t copied_bytes_ = 0;
};

}  // namespace weir::test
