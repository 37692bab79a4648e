#include "origin-agent/source/procfs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace weir::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::string_view kStat =
    "9045 (nginx: (x) y) S 9044 9044 9044 0 -1 4194368 557 0 0 0 31 12 0 0 20 0 1 0 8812345 "
    "70000640 1502 18446744073709551615 1 1 0 0 0 0 0 1073746048 402745863 0 0 0 17 1 0 0 0 0 0\n";

TEST(ProcfsTest, AStatLineIsReadBehindTheLastParenthesis) {
  const auto stat = parse_proc_stat(kStat);
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->state, 'S');
  EXPECT_EQ(stat->parent, 9044);
  EXPECT_EQ(stat->cpu_ticks, 43U);
  EXPECT_EQ(stat->start_ticks, 8812345U);
  EXPECT_EQ(stat->resident_pages, 1502U);
}

TEST(ProcfsTest, AStatLineCutBeforeItsFieldsIsNoLine) {
  const std::size_t resident_end = kStat.find("1502");
  for (std::size_t size = 0; size <= resident_end; ++size)
    EXPECT_FALSE(parse_proc_stat(kStat.substr(0, size))) << size;
}

TEST(ProcfsTest, ListenersOfAPortAreFoundInBothTables) {
  constexpr std::string_view kTcp =
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
      "inode\n"
      "   0: 0100007F:0790 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 "
      "4711 1 ffff 100 0 0 10 0\n"
      "   1: 0100007F:0790 0100007F:C000 01 00000000:00000000 00:00000000 00000000     0        0 "
      "4712 1 ffff 100 0 0 10 0\n"
      "   2: 0100007F:0791 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 "
      "4713 1 ffff 100 0 0 10 0\n";
  constexpr std::string_view kTcp6 =
      "  sl  local_address                         remote_address                        st ...\n"
      "   0: 00000000000000000000000001000000:0790 00000000000000000000000000000000:0000 0A "
      "00000000:00000000 00:00000000 00000000     0        0 99 1 ffff 100 0 0 10 0\n";
  EXPECT_THAT(parse_listeners(kTcp, 0x790), ElementsAre(4711));
  EXPECT_THAT(parse_listeners(kTcp6, 0x790), ElementsAre(99));
  EXPECT_THAT(parse_listeners(kTcp, 80), IsEmpty());
  EXPECT_THAT(parse_listeners("", 80), IsEmpty());
}

TEST(ProcfsTest, TheSoftLimitOfOpenFilesIsRead) {
  EXPECT_EQ(
      parse_open_files_limit("Limit                     Soft Limit           Hard Limit\n"
                             "Max open files            1024                 20000     files\n"),
      1024U);
  EXPECT_EQ(parse_open_files_limit("Max open files            unlimited  unlimited files\n"), 0U);
  EXPECT_EQ(parse_open_files_limit(""), 0U);
}

TEST(ProcfsTest, APidFileHoldsOnePositiveNumber) {
  EXPECT_EQ(parse_pid_file("123\n"), 123);
  EXPECT_EQ(parse_pid_file(" 123"), 123);
  for (const char* text : {"", "\n", "0", "-3", "12 13", "x", "99999999999"})
    EXPECT_FALSE(parse_pid_file(text)) << text;
}

TEST(ProcfsTest, ThisProcessHasAnIdentityAndUsage) {
  const auto self = process_identity(static_cast<std::int32_t>(::getpid()));
  ASSERT_TRUE(self);
  EXPECT_GT(self->start_ticks, 0U);
  const auto usage = process_usage(*self);
  ASSERT_TRUE(usage);
  EXPECT_GT(usage->resident_bytes, 1U << 20);
  const OpenFiles files = open_files(self->pid);
  EXPECT_GE(files.open, 3U);
  EXPECT_GT(files.max, files.open);
  EXPECT_FALSE(process_usage({self->pid, self->start_ticks + 1})) << "another life of that pid";
  EXPECT_GT(read_host_facts().memory_bytes, 1U << 20);
}

TEST(ProcfsTest, AMissingPidFileIsNamed) {
  const FoundProcess found = find_by_pid_file("/nonexistent/x.pid", false);
  EXPECT_FALSE(found.process);
  EXPECT_THAT(found.trouble, ::testing::HasSubstr("/nonexistent/x.pid"));
}

}  // namespace
}  // namespace weir::agent
