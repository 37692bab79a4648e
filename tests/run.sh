#!/usr/bin/env bash
# The test command: installs what is missing, builds, runs everything, and ends with one line
# `N passed, N failed, N skipped`. Exit status 0 only when nothing failed.
#
#   ./tests/run.sh                 unit, conformance, simulation, integration, tidy and end-to-end tests, and a
#                                  minute of fuzzing
#   ./tests/run.sh --only NAME     one suite (see --list), may be repeated
#   ./tests/run.sh --match TEXT    only end-to-end tests whose name contains TEXT
#   ./tests/run.sh --sanitize      what executes the build, under address+UB sanitizers, then the programs
#                                  without gRPC under the thread sanitizer
#   ./tests/run.sh --coverage      the same with line coverage per folder
set -euo pipefail
WEIR_ROOT=$(cd "$(dirname "$0")/.." && pwd)
export WEIR_ROOT
. "$WEIR_ROOT/deploy/local/lib.sh"

mode=release
runner_args=()
while [ $# -gt 0 ]; do
  case "$1" in
    --sanitize) mode=sanitize ;;
    --coverage) mode=coverage ;;
    --list) runner_args+=(--list) ;;
    --only | --match)
      [ $# -ge 2 ] || die "$1 needs a value" 2
      runner_args+=("$1" "$2")
      shift
      ;;
    -h | --help)
      sed -n '2,13p' "$0" | sed 's/^# \{0,1\}//'
      exit 0
      ;;
    *) die "unknown option $1; see --help" 2 ;;
  esac
  shift
done

started=$(date +%s)
elapsed() { printf '%d s' $(($(date +%s) - started)); }
need_packages build run test
# llvm-cov, and the symbolizer without which a sanitizer's report names no function.
[ "$mode" = release ] || need_packages coverage
say "packages ready after $(elapsed)"

build_and_run() { # PRESET [runner arguments...]
  local preset=$1
  shift
  build_targets "$preset"
  say "$preset built after $(elapsed)"
  /usr/bin/python3 "$WEIR_ROOT/tests/runner.py" --build "$WEIR_ROOT/build/$preset" \
    "${runner_args[@]}" "$@"
}

case "$mode" in
  release) build_and_run release ;;
  sanitize)
    build_and_run asan-ubsan --only-build
    build_and_run tsan --thread-sanitizer
    ;;
  coverage) build_and_run coverage --only-build --coverage ;;
esac
