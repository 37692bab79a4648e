// The flags of the three daemons (docs/operations/config.md): every one stands for a configuration
// key.
#include "common/config/daemon.h"

namespace weir::config {
namespace {

Flag controlplane_flag() {
  return {"--controlplane", "controlplane", "A[,A…]", "control-plane replicas, host:port",
          Flag::Kind::kList};
}

}  // namespace

DaemonSpec controlplane_spec() {
  return {.name = "weir-controlplane",
          .summary = "Weir control plane: decides and reports which origin owns which stream.",
          .flags = {{"--listen", "listen", "ADDR", "gRPC listener, host:port (127.0.0.1:7400)"},
                    {"--store", "store", "STORE",
                     "where state lives: memory, redis://[user:password@]host:port[/database] or "
                     "redis+sentinel://host:port,…/primary; rediss… for TLS (memory)"},
                    {"--replica-id", "replica_id", "ID", "name of this replica (host name)"}},
          .defaults = {{"common.admin", "127.0.0.1:7480"}}};
}

DaemonSpec forwarder_spec() {
  return {.name = "weir-forwarder",
          .summary = "Weir forwarder: relays clients to the origin that owns their stream.",
          .flags = {controlplane_flag(),
                    {"--rtmp", "rtmp", "ADDR", "RTMP listener, [host]:port (:1935)"},
                    {"--id", "id", "ID", "forwarder id (host name and RTMP port)"},
                    {"--zone", "zone", "ZONE", "locality"},
                    {"--advertise", "advertise", "IP[,IP]", "addresses clients reach it by",
                     Flag::Kind::kList},
                    {"--workers", "workers", "N", "worker threads, 0 = one per core (0)"}},
          .defaults = {{"common.admin", "127.0.0.1:7481"},
                       {"rtmp_options.limits.exempt_from", "127.0.0.0/8,::1"}}};
}

DaemonSpec origin_agent_spec() {
  return {
      .name = "weir-origin-agent",
      .summary = "Weir origin agent: reports the origins of this host to the control plane.",
      .flags = {controlplane_flag(),
                {"--id", "id", "ID", "agent id (host name)"},
                {"--advertise", "advertise", "IP",
                 "address that forwarders dial where an origin's own is a wildcard"},
                {"--srs-register", "srs.listen", "ADDR",
                 "listener for SRS's heartbeats and hooks (127.0.0.1:12025)"},
                {"--origin", "origins", "KEY=VALUE,…",
                 "an origin to watch, repeatable: 'id=o1,type=nginx-rtmp,rtmp=host:port,"
                 "stat=URL,control=URL,api=URL,http=host:port,pidfile=FILE,zone=Z,labels=k:v;k:v,"
                 "client_address=proxy-v1'",
                 Flag::Kind::kMessage}},
      .defaults = {{"common.admin", "127.0.0.1:7482"}}};
}

}  // namespace weir::config
