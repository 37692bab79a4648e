#include "common/rpc/status.h"

#include <fstream>
#include <iterator>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace weir::rpc {
namespace {

TEST(RpcStatus, CodeComesFromTheTableOfReasons) {
  for (const ReasonCode& row : kReasons) {
    const grpc::Status status = make_status(row.reason, "text");
    EXPECT_EQ(status.error_code(), row.code) << row.reason;
    EXPECT_EQ(reason_of(status), row.reason);
    EXPECT_EQ(status.error_message(), "text");
  }
}

TEST(RpcStatus, DetailsAreTheBytesOfGoogleRpc) {
  // google.rpc.Status{5, "m", [Any{ErrorInfo{reason, domain}}]}, encoded by hand.
  const std::string info = "\x0a\x10ORIGIN_NOT_FOUND\x12\x0fweir.control.v1";
  const std::string url = "type.googleapis.com/google.rpc.ErrorInfo";
  std::string any = "\x0a";
  any += static_cast<char>(url.size());
  any += url;
  any += "\x12";
  any += static_cast<char>(info.size());
  any += info;
  std::string expected = "\x08\x05\x12\x01m\x1a";
  expected += static_cast<char>(any.size());
  expected += any;
  EXPECT_EQ(make_status(reason::kOriginNotFound, "m").error_details(), expected);
}

TEST(RpcStatus, RetryDelayAndMetadataRoundTrip) {
  const auto details = details_of(make_status(reason::kSettling, "m", {{"a", "1"}, {"b", "2"}},
                                              std::chrono::milliseconds(1250)));
  ASSERT_TRUE(details.has_value());
  EXPECT_EQ(details->retry_delay, std::chrono::milliseconds(1250));
  EXPECT_EQ(details->metadata, (std::map<std::string, std::string>{{"a", "1"}, {"b", "2"}}));
}

TEST(RpcStatus, ForeignStatusHasNoReason) {
  EXPECT_EQ(reason_of(grpc::Status(grpc::UNAVAILABLE, "connection refused")), "");
  EXPECT_EQ(reason_of(grpc::Status(grpc::INTERNAL, "m", "not a protobuf \xff\xff")), "");
  EXPECT_EQ(reason_of(grpc::Status::OK), "");
}

TEST(RpcStatus, BareUnauthenticatedMeansTheToken) {
  EXPECT_EQ(reason_of(grpc::Status(grpc::UNAUTHENTICATED, "m")), reason::kTokenInvalid);
}

TEST(RpcStatus, DescribesItselfForLogs) {
  EXPECT_EQ(describe(make_status(reason::kBusyRetry, "later")), "UNAVAILABLE (BUSY_RETRY): later");
  EXPECT_EQ(describe(grpc::Status(grpc::UNKNOWN, "x")), "UNKNOWN: x");
}

TEST(RpcStatus, ReasonsAreUniqueAndWellFormed) {
  std::set<std::string_view> seen;
  for (const ReasonCode& row : kReasons) {
    EXPECT_TRUE(seen.insert(row.reason).second) << row.reason;
    EXPECT_LE(row.reason.size(), 63U);
    EXPECT_EQ(row.reason.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_"), std::string::npos);
  }
}

TEST(RpcStatus, EveryReasonIsExplainedToOperators) {
  std::ifstream in(WEIR_SOURCE_DIR "/docs/operations/errors.md");
  const std::string page((std::istreambuf_iterator<char>(in)), {});
  for (const ReasonCode& row : kReasons)
    EXPECT_NE(page.find(fmt::format("`{}`", row.reason)), std::string::npos) << row.reason;
}

}  // namespace
}  // namespace weir::rpc
