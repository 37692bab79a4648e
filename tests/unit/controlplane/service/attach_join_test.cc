#include "controlplane/service/attach_join.h"

#include <string>

#include <gtest/gtest.h>

#include "controlplane/service/limits.h"

namespace weir::service {
namespace {

using Response = control::v1::ForwarderServiceAttachResponse;

Response route(const std::string& stream) {
  Response message;
  message.mutable_route_update()->set_stream(stream);
  return message;
}

Response answer(std::uint64_t number) {
  Response message;
  message.mutable_acquire_answers()->add_answers()->set_number(number);
  return message;
}

TEST(AttachJoin, RoutesThatWaitBecomeOneMessageInTheirOrder) {
  Response last = route("a");
  for (const char* stream : {"b", "c"}) {
    Response next = route(stream);
    ASSERT_TRUE(join(last, next));
  }
  ASSERT_EQ(last.route_updates().updates_size(), 3);
  EXPECT_EQ(last.route_updates().updates(0).stream(), "a");
  EXPECT_EQ(last.route_updates().updates(2).stream(), "c");
}

TEST(AttachJoin, AnswersJoinAnswersOnly) {
  Response last = answer(1);
  Response more = answer(2);
  ASSERT_TRUE(join(last, more));
  ASSERT_EQ(last.acquire_answers().answers_size(), 2);
  EXPECT_EQ(last.acquire_answers().answers(1).number(), 2U);
  Response other = route("a");
  EXPECT_FALSE(join(last, other));
  EXPECT_EQ(other.route_update().stream(), "a");
  Response heartbeat;
  heartbeat.mutable_heartbeat();
  EXPECT_FALSE(join(heartbeat, more));
  EXPECT_FALSE(join(heartbeat, other));
  EXPECT_FALSE(join(other, heartbeat));
}

TEST(AttachJoin, AMessageHoldsABoundedNumber) {
  Response last = route("a");
  int joined = 0;
  for (Response next = route("b"); join(last, next); next = route("b")) ++joined;
  EXPECT_EQ(joined, kJoinedMax - 1);
}

}  // namespace
}  // namespace weir::service
