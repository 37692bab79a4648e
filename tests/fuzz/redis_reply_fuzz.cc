// Replies of Redis over arbitrary bytes in arbitrary pieces: what comes out does not depend on how
// the bytes are split, and nothing that a log-in or a sentinel can be answered breaks them.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/contract.h"
#include "controlplane/store/redis/limits.h"
#include "controlplane/store/redis/login.h"
#include "controlplane/store/redis/refusal.h"
#include "controlplane/store/redis/resp.h"
#include "controlplane/store/redis/sentinel_greeting.h"

namespace {

namespace redis = weir::store::redis;

void show(const redis::Reply& reply, std::string& out) {
  out += static_cast<char>('0' + static_cast<int>(reply.kind));
  out += std::to_string(reply.integer) + "'" + reply.text + "'";
  for (const redis::Reply& item : reply.items) show(item, out);
  out += ';';
}

struct Outcome {
  std::vector<std::string> shown;
  std::vector<redis::Reply> replies;
  bool failed = false;
};

Outcome drive(std::string_view input, std::size_t piece) {
  redis::RespReader reader;
  Outcome outcome;
  while (!input.empty() && !outcome.failed) {
    reader.feed(input.substr(0, piece));
    input.remove_prefix(std::min(piece, input.size()));
    while (auto reply = reader.next()) {
      outcome.shown.emplace_back();
      show(*reply, outcome.shown.back());
      outcome.replies.push_back(std::move(*reply));
    }
    outcome.failed = !reader.failure().empty();
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data + 1), size - 1);
  const Outcome whole = drive(input, input.size());
  const Outcome pieces = drive(input, 1 + data[0]);
  WEIR_ASSERT(whole.shown == pieces.shown && whole.failed == pieces.failed);

  redis::Login login({}, 3);
  redis::SentinelGreeting greeting({}, "weir");
  auto login_step = redis::Login::Step::kMore;
  auto greeting_step = redis::SentinelGreeting::Step::kMore;
  for (const redis::Reply& reply : whole.replies) {
    if (login_step == redis::Login::Step::kMore) login_step = login.feed(reply);
    if (greeting_step == redis::SentinelGreeting::Step::kMore) greeting_step = greeting.feed(reply);
    if (const auto address = redis::switched_to(reply, "weir")) WEIR_ASSERT(address->port != 0);
    const std::string printed = redis::printable(reply.text);
    WEIR_ASSERT(printed.size() <= redis::kErrorBytesMax + 3);
    static_cast<void>(redis::explain(reply.text));
  }
  WEIR_ASSERT((login_step == redis::Login::Step::kFailed) == !login.failure().empty());
  WEIR_ASSERT(greeting_step != redis::SentinelGreeting::Step::kDone ||
              !greeting.named().address.host.empty());
  return 0;
}
