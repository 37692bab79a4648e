#pragma once
// LinuxProcessTable: ProcessTable over /proc and pidfds. A pidfd becomes readable the moment its
// process exits, also of processes that are not our children.
// Threading: the io_context's one thread. Lifetime: the io_context outlives it and its watches.

#include <cstdint>
#include <unordered_map>

#include "origin-agent/source/origin_source.h"
#include "origin-agent/source/procfs.h"

namespace boost::asio {
class io_context;
}

namespace weir::agent {

class LinuxProcessTable final : public ProcessTable {
 public:
  explicit LinuxProcessTable(boost::asio::io_context& io) : io_(io) {}

  std::unique_ptr<ExitWatch> watch_exit(const ProcessIdentity& process,
                                        Callback<void()> gone) override;
  std::optional<ProcessUsage> usage(const ProcessIdentity& process) override;
  bool is_alive(const ProcessIdentity& process) override;

 private:
  /// Descriptors change slowly and cost more to read than all the rest.
  struct Files {
    std::uint64_t start_ticks = 0;
    OpenFiles files;
    int good_for = 0;  ///< further readings
  };

  boost::asio::io_context& io_;
  std::unordered_map<std::int32_t, Files> files_;  ///< by pid
};

}  // namespace weir::agent
