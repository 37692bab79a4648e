#!/bin/sh
# Builds the preset `fuzz` and runs each target for a bounded time, from its seeds in corpus/<target>/.
# New inputs are kept in the build tree; a crash is left there and named. Usage: run.sh [--seconds N] [TARGET...]
set -eu
cd "$(dirname "$0")/../.."
seconds=60
if [ "${1:-}" = "--seconds" ]; then
  seconds=$2
  shift 2
fi
targets=${*:-$(sed -n 's/^weir_fuzz(\([a-z0-9_]*\).*/\1/p' tests/fuzz/CMakeLists.txt)}
programs=""
for target in $targets; do programs="$programs ${target}_fuzz"; done

cmake --preset fuzz >/dev/null
# shellcheck disable=SC2086  # a list of names
cmake --build build/fuzz --target $programs
failed=0
for target in $targets; do
  found=build/fuzz/found/$target
  mkdir -p "$found"
  if ! build/fuzz/bin/"${target}_fuzz" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
    -max_len=16384 -print_final_stats=0 -verbosity=0 -artifact_prefix="$found/crash-" \
    "$found" "tests/fuzz/corpus/$target"; then
    echo "fuzz: $target failed; input in $found" >&2
    failed=1
  else
    echo "fuzz: $target passed $seconds s"
  fi
done
exit $failed
