#!/usr/bin/env bash
# Proof that nothing installed by hand is needed: a minimal Debian 12 made by debootstrap, a clean clone
# in it, and both README commands run there. Needs root and debootstrap; takes 15 to 30 minutes.
#
#   ./tests/fresh.sh [--keep] [--dir DIR]
#
# The tree gets this host's apt and npm configuration, because that is how this host reaches packages.
set -euo pipefail
WEIR_ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$WEIR_ROOT/deploy/local/lib.sh"

keep=no
dir=''
while [ $# -gt 0 ]; do
  case "$1" in
    --keep) keep=yes ;;
    --dir)
      [ $# -ge 2 ] || die "--dir needs a value" 2
      dir=$2
      shift
      ;;
    -h | --help)
      sed -n '2,7p' "$0" | sed 's/^# \{0,1\}//'
      exit 0
      ;;
    *) die "unknown option $1; see --help" 2 ;;
  esac
  shift
done
[ "$(id -u)" -eq 0 ] || die "needs root: debootstrap and chroot"
[ -z "$(missing_packages debootstrap)" ] || install_packages debootstrap
dir=${dir:-$(mktemp -d /var/tmp/weir-fresh.XXXXXX)}
root=$dir/root
mkdir -p "$root"

# Everything started in the tree dies with the namespace; the mounts go with it too.
if [ "${WEIR_FRESH_INSIDE:-}" != yes ]; then
  status=0
  WEIR_FRESH_INSIDE=yes unshare --mount --pid --fork --kill-child \
    "$0" --dir "$dir" || status=$?
  [ "$keep" = yes ] && say "kept: $dir" || rm -rf "$dir"
  exit "$status"
fi

part() { # NAME COMMAND...: runs it and says how long it took
  local name=$1 began status=0
  shift
  began=$(date +%s)
  say "== $name"
  "$@" || status=$?
  say "== $name: exit $status after $(($(date +%s) - began)) s"
  [ "$status" -eq 0 ] || exit "$status"
}

mirror() { # the Debian archive that this host's apt uses
  apt-get update -qq
  apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(CODENAME)' 'Created-By: Packages' |
    awk '$2 == "Debian" && $3 == "bookworm" { print $1; exit }'
}

make_tree() {
  local bootstrap_log=$dir/debootstrap.log archive apt_conf proxy=""
  apt_conf=$(apt-config shell proxy Acquire::http::Proxy)
  eval "$apt_conf"
  archive=$(mirror)
  [ -n "$archive" ] || die "apt on this host knows no Debian 12 archive"
  http_proxy=${http_proxy:-${proxy:-}} debootstrap --variant=minbase bookworm "$root" "$archive" \
    >"$bootstrap_log" 2>&1 || {
    tail -n 20 "$bootstrap_log" >&2
    return 1
  }
  rm -rf "$root/etc/apt/sources.list" "$root/etc/apt/sources.list.d" "$root/etc/apt/apt.conf.d"
  cp -a /etc/apt/apt.conf.d "$root/etc/apt/"
  local item
  for item in sources.list sources.list.d trusted.gpg.d keyrings auth.conf auth.conf.d apt.conf preferences.d; do
    [ ! -e "/etc/apt/$item" ] || cp -a "/etc/apt/$item" "$root/etc/apt/"
  done
  [ ! -d /usr/share/keyrings ] || cp -a /usr/share/keyrings "$root/usr/share/"
  for item in /etc/resolv.conf /etc/hosts /etc/npmrc /root/.npmrc; do
    [ ! -e "$item" ] || install -D "$(readlink -f "$item")" "$root$item"
  done
  # Certificates that this host trusts beyond Debian's: the archive may be behind them.
  [ ! -d /usr/local/share/ca-certificates ] ||
    cp -a /usr/local/share/ca-certificates "$root/usr/local/share/"
  [ ! -d /etc/ssl/certs ] || { mkdir -p "$root/etc/ssl" && cp -aL /etc/ssl/certs "$root/etc/ssl/"; }
}

mount_tree() {
  mount --make-rprivate /
  mount -t proc proc "$root/proc"
  mount --rbind /sys "$root/sys"
  mount --rbind /dev "$root/dev"
  mount -t tmpfs tmpfs "$root/run"
}

inside() { chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
  ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
  bash -c "cd /root/weir && $1"; }

part 'debootstrap' make_tree
mount_tree
git clone -q --no-hardlinks "$WEIR_ROOT" "$root/root/weir"
say "commit $(git -C "$WEIR_ROOT" rev-parse --short HEAD)"
part './deploy/local/run.sh --once' inside './deploy/local/run.sh --once'
part './deploy/local/run.sh --once, second time' inside './deploy/local/run.sh --once'
# The tests' cold time counts packages and compilation too: start them from a second fresh clone
# without the first one's build.
rm -rf "$root/root/weir" "$root/root/.cache"
git clone -q --no-hardlinks "$WEIR_ROOT" "$root/root/weir"
part './tests/run.sh' inside './tests/run.sh'
say 'fresh: both commands work on a bare Debian 12'
