#!/bin/sh
# The splice's property test for as long as one likes: random chunk trains through the relay's splice,
# read by decoders of three dialects. Prints seeds and counts; a failure prints its seed and train.
#
#   tests/soak/splice.sh [--messages N] [--seed N] [--preset PRESET]
#
# Messages: 10,000,000 unless told otherwise. Preset: `release`; `asan-ubsan` for the sanitizers.
set -eu
cd "$(dirname "$0")/../.."
messages=10000000
seed=1
preset=release
while [ $# -gt 0 ]; do
  case "$1" in
    --messages) messages=$2 ;;
    --seed) seed=$2 ;;
    --preset) preset=$2 ;;
    -h | --help) sed -n '2,7p' "$0" | sed 's/^# \{0,1\}//' && exit 0 ;;
    *) echo "splice.sh: unknown option $1; see --help" >&2 && exit 2 ;;
  esac
  shift 2
done
cmake --preset "$preset" >/dev/null
cmake --build "build/$preset" -j "$(nproc)" --target unit_dataplane
WEIR_PROPERTY_MESSAGES=$messages WEIR_PROPERTY_SEED=$seed \
  "build/$preset/bin/unit_dataplane" --gtest_filter='ChunkSpliceProperty.*' --gtest_brief=1
