#pragma once
// HookHints: when to look for what a hook of SRS spoke of.
//
// Purpose: SRS calls on_publish before the stream is its publisher's, and goes on when the call is
// answered: a look at that very moment shows nothing yet. It is looked a moment later, and once
// more. However many hooks come, there is one such sequence per server.
// Threading: the executor's. Lifetime: the executor outlives it, and runs nothing of it once it is
// gone.

#include <functional>
#include <map>
#include <string>
#include <utility>

#include "common/base/executor.h"

namespace weir::agent {

class HookHints {
 public:
  using Look = std::function<void(const std::string& server, const std::string& service)>;

  HookHints(Executor& executor, Look look) : executor_(executor), look_(std::move(look)) {}
  ~HookHints();
  HookHints(const HookHints&) = delete;
  HookHints& operator=(const HookHints&) = delete;

  void heard(const std::string& server, const std::string& service);

 private:
  using Server = std::pair<std::string, std::string>;
  struct Pending {
    TimerId timer = 0;
    bool is_last = false;  ///< of the two looks
    bool heard = false;    ///< again, since the timer was set
  };

  void set(const Server& server, Pending& pending, bool is_last);
  void due(const Server& server);

  Executor& executor_;
  const Look look_;
  std::map<Server, Pending> pending_;
};

}  // namespace weir::agent
