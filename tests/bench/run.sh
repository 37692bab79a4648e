#!/usr/bin/env bash
# Benchmarks beside their peers in the same run. Never part of pass/fail.
#
#   tests/bench/run.sh relay [--rounds N] [--quick]   RTMP relay beside HAProxy in TCP mode
#   tests/bench/run.sh micro                          placement decision and parsers (Google Benchmark)
set -euo pipefail
WEIR_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
export WEIR_ROOT
. "$WEIR_ROOT/deploy/local/lib.sh"

what=${1:-relay}
[ $# -eq 0 ] || shift
need_packages build run test bench
case "$what" in
  relay)
    build_targets release weir-controlplane weir-forwarder weirctl weir-rtmp-tool
    exec /usr/bin/python3 "$WEIR_ROOT/tests/bench/relay_bench.py" "$@"
    ;;
  micro)
    cmake --preset release -DWEIR_BENCH=ON >/dev/null
    build_targets release placement_bench
    exec "$WEIR_ROOT/build/release/bin/placement_bench" "$@"
    ;;
  -h | --help) sed -n '2,6p' "$0" | sed 's/^# \{0,1\}//' ;;
  *) die "unknown benchmark $what; see --help" 2 ;;
esac
