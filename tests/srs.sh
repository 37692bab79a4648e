#!/usr/bin/env bash
# Everything that Weir promises about SRS, against a real SRS that somebody built.
#
#   SRS=/path/to/srs ./tests/srs.sh              the whole matrix, about 6 minutes
#   SRS=… SRS_EDGE=/path/to/other ./tests/srs.sh   edges of another version than the origins
#   SRS=… ./tests/srs.sh --only TEXT             checks whose name contains TEXT, may be repeated
#   SRS=… ./tests/srs.sh --origins N             other than 200 origins in the check of many
#   ./tests/srs.sh --list
#
# Prints `PASS name: figures` or `FAIL name: why` per check, then the sum; exit status 0 when all passed, 1 when
# one failed, 2 without an SRS. SRS 5.0.215 or newer is needed: older ones send no ports. WEIR_BUILD is the build
# tree to test (build/release, which is built first when the variable is not set). WEIR_TRACE=1 prints the ends of
# the logs after a failure.
set -euo pipefail
WEIR_ROOT=$(cd "$(dirname "$0")/.." && pwd)
export WEIR_ROOT
. "$WEIR_ROOT/deploy/local/lib.sh"

case " $* " in
  *' -h '* | *' --help '*)
    sed -n '2,15p' "$0" | sed 's/^# \{0,1\}//'
    exit 0
    ;;
  *' --list '*) exec /usr/bin/python3 "$WEIR_ROOT/tests/srs/matrix.py" --list ;;
esac
[ -n "${SRS:-}" ] || die "give the program to test with: SRS=/path/to/srs $0   (./configure && make in the
       trunk folder of SRS's sources leaves it in objs/srs; any Debian package or container's program does, too)" 2
[ -x "$SRS" ] || die "SRS=$SRS is not a program" 2
[ -z "${SRS_EDGE:-}" ] || [ -x "$SRS_EDGE" ] || die "SRS_EDGE=$SRS_EDGE is not a program" 2

if [ -z "${WEIR_BUILD:-}" ]; then
  need_packages build run test
  build_targets release
  export WEIR_BUILD="$WEIR_ROOT/build/release"
fi
exec /usr/bin/python3 "$WEIR_ROOT/tests/srs/matrix.py" "$@"
