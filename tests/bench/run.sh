#!/usr/bin/env bash
# Benchmarks beside their peers in the same run. Never part of pass/fail.
#
#   tests/bench/run.sh relay [--rounds N] [--only TEXT] [--json FILE] [--quick] [--origin-kind srs]
#       RTMP relay beside HAProxy and nginx in TCP mode; five rounds take some 12 minutes.
#   tests/bench/run.sh table FILE            the table of docs/performance.md from such a file
#   tests/bench/run.sh profile CELL [--syscalls]
#       Where the forwarder's time goes: publish-flat-out, publish-paced, play-flat-out, play-paced or setup.
#       Needs linux-perf, or strace with --syscalls.
#   tests/bench/run.sh controlplane [--store redis|memory] [--rounds N] [--only CELL] [--streams N] [--json FILE]
#       Lookups, placements, reports, idle agents, memory and lists of a replica, beside a bare gRPC echo and the
#       bare Redis script; some 10 minutes. CELL is lookup, place, reports, idle or memory.
#   tests/bench/run.sh micro [--benchmark_filter=TEXT]
#       Placement decision, splice, handshake, names, route cache (Google Benchmark).
set -euo pipefail
WEIR_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
export WEIR_ROOT
. "$WEIR_ROOT/deploy/local/lib.sh"

what=${1:-relay}
[ $# -eq 0 ] || shift
[ "$what" = table ] || need_packages build run test bench
case "$what" in
  relay)
    build_targets release weir-controlplane weir-forwarder weirctl weir-rtmp-tool
    exec /usr/bin/python3 "$WEIR_ROOT/tests/bench/relay_bench.py" "$@"
    ;;
  table)
    exec /usr/bin/python3 "$WEIR_ROOT/tests/bench/results_table.py" "$@"
    ;;
  profile)
    [ $# -gt 0 ] || die "profile of which cell? see --help" 2
    build_targets release weir-controlplane weir-forwarder weirctl weir-rtmp-tool
    exec /usr/bin/python3 "$WEIR_ROOT/tests/bench/relay_bench.py" --profile "$@"
    ;;
  micro)
    cmake --preset release -DWEIR_BENCH=ON >/dev/null
    build_targets release placement_bench cluster_view_bench relay_micro_bench
    "$WEIR_ROOT/build/release/bin/placement_bench" "$@"
    "$WEIR_ROOT/build/release/bin/cluster_view_bench" "$@"
    exec "$WEIR_ROOT/build/release/bin/relay_micro_bench" "$@"
    ;;
  controlplane)
    cmake --preset release -DWEIR_BENCH=ON >/dev/null
    build_targets release weir-controlplane weir-controlplane-load
    exec /usr/bin/python3 "$WEIR_ROOT/tests/bench/controlplane_bench.py" "$@"
    ;;
  -h | --help) sed -n '2,16p' "$0" | sed 's/^# \{0,1\}//' ;;
  *) die "unknown benchmark $what; see --help" 2 ;;
esac
