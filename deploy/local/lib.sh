# Shared by deploy/local/run.sh, tests/run.sh and tests/bench/run.sh: packages and the build.
# Sourced by bash; needs WEIR_ROOT (the repository).

say() { printf '%s\n' "$*"; }
die() {
  printf 'error: %s\n' "$1" >&2
  exit "${2:-1}"
}

# packages_for PURPOSE...: the packages listed for these purposes.
packages_for() {
  local purpose
  for purpose in "$@"; do
    awk -v purpose="$purpose" '$1 == purpose { print $2 }' "$WEIR_ROOT/deploy/local/packages.txt"
  done
}

# missing_packages NAME...: those that are not installed.
missing_packages() {
  local name
  for name in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null || true)" = installed ] ||
      printf '%s\n' "$name"
  done
}

# Links that make a service start at boot, to see what an installation added.
enabled_services() {
  find /etc/systemd/system /etc/rc[2-5].d -type l \
    \( -path '*.wants/*.service' -o -name 'S*' \) 2>/dev/null | sort
}

# install_packages NAME...: as root, without starting or enabling any service. A subshell, so that
# its traps put everything back however it ends, and the caller's stay as they are.
install_packages() {
  (
    policy=/usr/sbin/policy-rc.d
    saved=''
    status=0
    if [ -e "$policy" ] || [ -L "$policy" ]; then
      saved=$(mktemp -d)/policy-rc.d && cp -a "$policy" "$saved" || die "cannot save $policy"
    fi
    before=$(enabled_services)
    put_back() {
      rm -f "$policy"
      if [ -n "$saved" ]; then
        cp -a "$saved" "$policy" && rm -rf "${saved%/*}"
      fi
      comm -13 <(printf '%s\n' "$before") <(enabled_services) | while read -r link; do
        [ -z "$link" ] || rm -f "$link"
      done
    }
    trap put_back EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    rm -f "$policy"
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    {
      apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
    } >"${WEIR_APT_LOG:-/tmp/weir-apt.log}" 2>&1 || status=$?
    if [ "$status" -ne 0 ]; then
      tail -n 20 "${WEIR_APT_LOG:-/tmp/weir-apt.log}" >&2
      die "installing packages failed; the log above is ${WEIR_APT_LOG:-/tmp/weir-apt.log}"
    fi
  ) || exit $?
}

# need_packages PURPOSE...: installs what is missing, or says what to run.
need_packages() {
  local missing
  mapfile -t missing < <(missing_packages $(packages_for "$@"))
  [ "${#missing[@]}" -gt 0 ] || return 0
  say "missing Debian packages: ${missing[*]}"
  if [ "$(id -u)" -ne 0 ]; then
    die "not root: install them with
  sudo apt-get install --no-install-recommends ${missing[*]}"
  fi
  say "installing ${#missing[@]} packages (no service is started or enabled)"
  install_packages "${missing[@]}"
}

# build_targets PRESET TARGET...: configures when needed and builds with at most one job per core.
build_targets() {
  local preset=$1
  shift
  local log="$WEIR_ROOT/build/$preset.log"
  mkdir -p "$WEIR_ROOT/build"
  cd "$WEIR_ROOT"
  cmake --preset "$preset" >"$log" 2>&1 || {
    tail -n 40 "$log" >&2
    die "cmake failed; the whole log is build/$preset.log"
  }
  cmake --build "build/$preset" -j "$(nproc)" ${1:+--target "$@"} >>"$log" 2>&1 || {
    grep -nE 'error|FAILED|undefined' "$log" | tail -n 40 >&2
    die "the build failed; the whole log is build/$preset.log"
  }
}
