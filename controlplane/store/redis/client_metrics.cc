#include "controlplane/store/redis/client_metrics.h"

#include <string>

#include "controlplane/store/redis/refusal.h"

namespace weir::store::redis {
namespace {

metrics::Counter& commands_counter(metrics::Registry& registry, const std::string& result) {
  return registry.counter("weir_controlplane_store_commands_total",
                          "Commands to Redis by how they ended", {{"result", result}});
}

std::string result_of(Failure failure) {
  switch (failure) {
    case Failure::kNoAnswer:
      return "NO_ANSWER";
    case Failure::kNotConnected:
      return "NOT_CONNECTED";
    case Failure::kRefused:
      return "REFUSED";
  }
  return "OTHER";
}

}  // namespace

ClientMetrics::ClientMetrics(metrics::Registry& registry)
    : registry_(registry),
      connected_(registry.gauge("weir_controlplane_store_connected",
                                "1 while a usable connection to Redis is open")),
      connections_(registry.counter("weir_controlplane_store_connections_total",
                                    "Usable connections to Redis that were opened")),
      ok_(commands_counter(registry, "OK")),
      seconds_(registry.histogram(
          "weir_controlplane_store_command_seconds",
          "Time from a command to its answer, waiting for a connection included",
          {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1})) {}

void ClientMetrics::connected(bool is) {
  connected_.set(is ? 1 : 0);
  if (is) connections_.add();
}

void ClientMetrics::answered(const Answer& answer, double seconds) {
  seconds_.observe(seconds);
  const auto* const error = std::get_if<CommandError>(&answer);
  if (error == nullptr) return ok_.add();
  commands_counter(registry_, result_of(error->failure)).add();
  if (error->failure != Failure::kRefused) return;
  registry_
      .counter("weir_controlplane_store_refusals_total", "Errors that Redis answered, by kind",
               {{"reason", std::string(word_of(error->refusal))}})
      .add();
}

}  // namespace weir::store::redis
