#!/bin/sh
# Builds the preset `fuzz` and runs each target for a bounded time, two at once, from its seeds in
# corpus/<target>/ and the crashers kept in regressions/<target>/, which are read first.
# New inputs are kept in the build tree; a crash is left there and named.
#
#   run.sh [--minutes N | --seconds N | --total-seconds N] [--jobs N] [--seed N] [TARGET...]
#
# Minutes and seconds are each target's (default: 60 s); --total-seconds is the sum over all of them.
# With a seed a run repeats the one before it as far as its time reaches; without one each is new.
# The last line is `N passed, N failed, N skipped`: one replay and one run of each target.
set -eu
cd "$(dirname "$0")/../.."
seconds=60
total=0
jobs=2
seed=0
while [ $# -gt 0 ]; do
  case "$1" in
    --minutes) seconds=$(($2 * 60)) ;;
    --seconds) seconds=$2 ;;
    --total-seconds) total=$2 ;;
    --jobs) jobs=$2 ;;
    --seed) seed=$2 ;;
    -h | --help) sed -n '2,12p' "$0" | sed 's/^# \{0,1\}//' && exit 0 ;;
    --*) echo "fuzz: unknown option $1; see --help" >&2 && exit 2 ;;
    *) break ;;
  esac
  shift 2
done
all=$(sed -n 's/^weir_fuzz(\([a-z0-9_]*\).*/\1/p' tests/fuzz/CMakeLists.txt)
targets=${*:-$all}
programs=""
count=0
for target in $targets; do
  programs="$programs ${target}_fuzz"
  count=$((count + 1))
done
[ "$total" -eq 0 ] || seconds=$(((total + count - 1) / count))

mkdir -p build
log=build/fuzz.log
# shellcheck disable=SC2086  # a list of names
if ! { cmake --preset fuzz && cmake --build build/fuzz -j "$(nproc)" --target $programs; } >"$log" 2>&1; then
  grep -E -A5 'error|FAILED' "$log" | tail -n 40
  echo "fuzz: the build failed; the whole log is $log"
  echo "FAILED build"
  echo "0 passed, 1 failed, 0 skipped"
  exit 1
fi

rm -rf build/fuzz/results
mkdir -p build/fuzz/results
fuzz_one() { # TARGET: leaves its verdict in build/fuzz/results/TARGET
  found=build/fuzz/found/$1
  regressions=tests/fuzz/regressions/$1
  mkdir -p "$found"
  set -- "$1" "tests/fuzz/corpus/$1"
  [ ! -d "$regressions" ] || set -- "$@" "$regressions"
  program=build/fuzz/bin/${1}_fuzz
  target=$1
  shift
  options="-timeout=10 -rss_limit_mb=2048 -print_final_stats=0 -verbosity=0 -seed=$seed"
  result=build/fuzz/results/$target
  # shellcheck disable=SC2086  # a list of options
  if ! "$program" $options -runs=0 "$@" >"$result.log" 2>&1; then
    tail -n 40 "$result.log"
    echo "FAILED $target: a kept input; it is named above" | tee "$result"
  elif ! "$program" $options -max_total_time="$seconds" -max_len=16384 -reload=0 \
    -artifact_prefix="$found/crash-" "$found" "$@" >"$result.log" 2>&1; then
    tail -n 40 "$result.log"
    echo "FAILED $target: input in $found" | tee "$result"
  else
    echo "fuzz: $target passed $seconds s"
    echo passed >"$result"
  fi
}

running=""
for target in $targets; do
  fuzz_one "$target" &
  running="$running $!"
  # shellcheck disable=SC2086  # a list of process ids
  set -- $running
  if [ $# -ge "$jobs" ]; then
    wait "$1"
    shift
    running="$*"
  fi
done
wait
failed=$(cat build/fuzz/results/* | grep -c '^FAILED' || true)
passed=$((2 * count - failed))
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
