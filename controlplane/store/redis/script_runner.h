#pragma once
// ScriptRunner: what runs the store's scripts; the Client, or a test that loses its answers.
//
// Threading: the event loop's thread; `done` is not run inside run(). Lifetime: outlives the store,
// or has answered everything before the store goes.

#include <string>
#include <utility>
#include <vector>

#include "common/base/callback.h"
#include "controlplane/store/redis/client.h"

namespace weir::store::redis {

class ScriptRunner {
 public:
  virtual ~ScriptRunner() = default;
  /// As Client::run: ARGV[1] is the run id of the connection, `args` follow.
  virtual void run(const Script& script, std::vector<std::string> keys,
                   std::vector<std::string> args, Callback<void(Answer)> done) = 0;
  virtual std::string trouble() const = 0;
};

class ClientScriptRunner final : public ScriptRunner {
 public:
  explicit ClientScriptRunner(Client& client) : client_(client) {}
  void run(const Script& script, std::vector<std::string> keys, std::vector<std::string> args,
           Callback<void(Answer)> done) override {
    client_.run(script, std::move(keys), std::move(args), std::move(done));
  }
  std::string trouble() const override { return client_.trouble(); }

 private:
  Client& client_;
};

}  // namespace weir::store::redis
