#include "origin-agent/source/process_table.h"

#include <chrono>
#include <csignal>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "origin-agent/source/limits.h"
#include "origin-agent/source/procfs.h"

namespace weir::agent {
namespace {

using namespace std::chrono_literals;

/// A child that does nothing until it is killed.
class Child {
 public:
  Child() : pid_(::fork()) {
    if (pid_ == 0) {
      ::pause();
      ::_exit(0);
    }
  }
  ~Child() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

TEST(ProcessTableTest, AnExitIsToldAtOnceAlsoOfAZombie) {
  boost::asio::io_context io;
  LinuxProcessTable table(io);
  Child child;
  const auto identity = process_identity(child.pid());
  ASSERT_TRUE(identity);
  EXPECT_TRUE(table.is_alive(*identity));
  bool gone = false;
  const auto watch = table.watch_exit(*identity, [&] { gone = true; });
  io.poll();
  EXPECT_FALSE(gone);
  ::kill(child.pid(), SIGKILL);
  io.restart();
  io.run_for(5s);
  EXPECT_TRUE(gone);
  EXPECT_FALSE(table.is_alive(*identity)) << "nobody has waited for it yet";
}

TEST(ProcessTableTest, AProcessThatIsGoneAlreadyIsToldLater) {
  boost::asio::io_context io;
  LinuxProcessTable table(io);
  Child child;
  ProcessIdentity another = *process_identity(child.pid());
  another.start_ticks += 1;
  bool gone = false;
  const auto watch = table.watch_exit(another, [&] { gone = true; });
  EXPECT_FALSE(gone) << "never inside the call";
  io.run_for(5s);
  EXPECT_TRUE(gone);
}

TEST(ProcessTableTest, AnEndedWatchTellsNothing) {
  boost::asio::io_context io;
  LinuxProcessTable table(io);
  Child child;
  bool gone = false;
  auto watch = table.watch_exit(*process_identity(child.pid()), [&] { gone = true; });
  watch.reset();
  ::kill(child.pid(), SIGKILL);
  io.run_for(5s);
  EXPECT_FALSE(gone);
}

TEST(ProcessTableTest, UsageIsThatOfTheProcessAndEndsWithIt) {
  boost::asio::io_context io;
  LinuxProcessTable table(io);
  const ProcessIdentity self = *process_identity(::getpid());
  for (int i = 0; i < 2 * kOpenFilesReadings; ++i) {
    const auto usage = table.usage(self);
    ASSERT_TRUE(usage);
    EXPECT_GE(usage->open_files, 3U);
    EXPECT_GT(usage->open_files_max, usage->open_files);
  }
  ProcessIdentity another = self;
  another.start_ticks += 1;
  EXPECT_FALSE(table.usage(another));
}

}  // namespace
}  // namespace weir::agent
