#include "controlplane/service/pages.h"

#include <gtest/gtest.h>

namespace weir::service {
namespace {

TEST(Pages, SizeIsDefaultedBoundedAndNeverNegative) {
  EXPECT_EQ(read_page(0, "", "f")->size, 100U);
  EXPECT_EQ(read_page(7, "", "f")->size, 7U);
  EXPECT_EQ(read_page(5000, "", "f")->size, 1000U);
  EXPECT_FALSE(read_page(-1, "", "f"));
}

TEST(Pages, TokenLeadsBackToItsPlace) {
  const auto token = page_token("__defaultVhost__/live/a", "streams\no1");
  const auto start = read_page(10, token, "streams\no1");
  ASSERT_TRUE(start);
  EXPECT_EQ(start->after, "__defaultVhost__/live/a");
}

TEST(Pages, LastPageHasNoToken) {
  EXPECT_EQ(page_token("", "f"), "");
}

TEST(Pages, TokenOfAnotherFilterOrOfNobodyIsRefused) {
  const auto token = page_token("a", "streams\no1");
  EXPECT_FALSE(read_page(10, token, "streams\no2"));
  EXPECT_FALSE(read_page(10, "short", "f"));
  EXPECT_FALSE(read_page(10, std::string(40, 'x'), "f"));
}

}  // namespace
}  // namespace weir::service
