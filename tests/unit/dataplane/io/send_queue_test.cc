#include "dataplane/io/send_queue.h"

#include <array>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/random.h"
#include "dataplane/io/outbox.h"

namespace weir::io {
namespace {

std::vector<std::uint8_t> content(const SendQueue& queue, std::size_t pieces_max) {
  std::vector<iovec> pieces(pieces_max);
  pieces.resize(queue.gather(pieces));
  std::vector<std::uint8_t> bytes;
  for (const iovec& piece : pieces) {
    const auto* data = static_cast<const std::uint8_t*>(piece.iov_base);
    bytes.insert(bytes.end(), data, data + piece.iov_len);
  }
  return bytes;
}

TEST(SendQueueTest, KeepsOrderAcrossBlocksWhateverIsConsumed) {
  std::atomic<std::size_t> held{0};
  BlockPool pool(held);
  SendQueue queue(pool);
  SeededRandom random(3);
  std::vector<std::uint8_t> model;
  for (int step = 0; step < 400; ++step) {
    std::vector<std::uint8_t> bytes(random.below(40'000));
    random.fill(bytes);
    queue.append(bytes);
    model.insert(model.end(), bytes.begin(), bytes.end());
    const std::size_t taken = random.below(model.size() + 1);
    queue.consume(taken);
    model.erase(model.begin(), model.begin() + static_cast<std::ptrdiff_t>(taken));
    ASSERT_EQ(queue.size(), model.size());
    ASSERT_EQ(content(queue, 4096), model);
  }
}

TEST(SendQueueTest, MemoryIsCountedAndGivenBack) {
  std::atomic<std::size_t> held{0};
  BlockPool pool(held);
  {
    SendQueue queue(pool);
    queue.append(std::vector<std::uint8_t>(3 * kQueueBlockBytes));
    EXPECT_GE(held.load(), 3 * kQueueBlockBytes);
    queue.consume(3 * kQueueBlockBytes);
    EXPECT_EQ(held.load(), 0U);
    queue.append(std::vector<std::uint8_t>(10));
  }
  EXPECT_EQ(held.load(), 0U);
}

TEST(OutboxTest, PiecesThatTouchAreSentAsOne) {
  Outbox outbox;
  const std::array<std::uint8_t, 100> bytes{};
  const std::span<const std::uint8_t> all(bytes);
  outbox.add_view(all.subspan(0, 10));
  outbox.add_view(all.subspan(10, 30));
  outbox.add_view(all.subspan(50, 10));
  EXPECT_EQ(outbox.pieces().size(), 2U);
  EXPECT_EQ(outbox.size(), 50U);
}

TEST(OutboxTest, CopiesStayWhereTheyAreUntilCleared) {
  Outbox outbox;
  std::vector<std::uint8_t> expected;
  for (int i = 0; i < 200; ++i) {
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(1 + i * 7),
                                    static_cast<std::uint8_t>(i));
    outbox.add_copy(bytes);
    expected.insert(expected.end(), bytes.begin(), bytes.end());
  }
  std::vector<std::uint8_t> gathered;
  for (const iovec& piece : outbox.pieces()) {
    const auto* data = static_cast<const std::uint8_t*>(piece.iov_base);
    gathered.insert(gathered.end(), data, data + piece.iov_len);
  }
  EXPECT_EQ(gathered, expected);
  outbox.clear();
  EXPECT_TRUE(outbox.empty());
}

}  // namespace
}  // namespace weir::io
