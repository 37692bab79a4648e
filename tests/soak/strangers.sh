#!/usr/bin/env bash
# Two rounds of 20,000 hostile and ordinary RTMP clients against one forwarder, by hand (a few minutes):
#   tests/soak/strangers.sh [--rounds N] [--publishing N] ...
# Passes when everybody ends as they must, descriptors and session tables are as at the start, and memory
# after the last round is at most 2 % above the round before.
set -euo pipefail
WEIR_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
export WEIR_ROOT
. "$WEIR_ROOT/deploy/local/lib.sh"
if [ -z "${WEIR_BUILD:-}" ]; then
  build_targets release
  WEIR_BUILD=$WEIR_ROOT/build/release
fi
ulimit -n "$(ulimit -Hn)"
WEIR_BUILD=$WEIR_BUILD exec /usr/bin/python3 "$WEIR_ROOT/tests/soak/strangers.py" "$@"
