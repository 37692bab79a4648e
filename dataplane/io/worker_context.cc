#include "dataplane/io/worker_context.h"

#include "dataplane/io/session_driver.h"

namespace weir::io {

WorkerContext::WorkerContext(const Clock& clock_, ProcessTotals& totals_, Poller& poller_)
    : clock(clock_), totals(totals_), poller(poller_) {}

WorkerContext::~WorkerContext() = default;

}  // namespace weir::io
