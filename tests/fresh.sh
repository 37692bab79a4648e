#!/usr/bin/env bash
# Proof that nothing installed by hand is needed: a minimal Debian 12 made by debootstrap, a clean clone
# in it, and the README commands run there, each in a tree of its own, so that both start cold.
# Needs root and debootstrap; takes 20 to 30 minutes.
#
#   ./tests/fresh.sh [--keep] [--dir DIR]      the trees are made in a new folder below DIR (/var/tmp)
#
# The trees get this host's apt and npm configuration, because that is how this host reaches packages.
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
      sed -n '2,8p' "$0" | sed 's/^# \{0,1\}//'
      exit 0
      ;;
    *) die "unknown option $1; see --help" 2 ;;
  esac
  shift
done
[ "$(id -u)" -eq 0 ] || die "needs root: debootstrap and chroot"
[ -z "$(missing_packages debootstrap)" ] || install_packages debootstrap
# Everything started in the tree dies with the namespace; the mounts go with it too.
if [ -z "${WEIR_FRESH_DIR:-}" ]; then
  status=0
  dir=$(mktemp -d "${dir:-/var/tmp}/weir-fresh.XXXXXX")
  WEIR_FRESH_DIR=$dir unshare --mount --pid --fork --kill-child "$0" || status=$?
  if [ "$keep" = yes ]; then say "kept: $dir"; else rm -rf --one-file-system "$dir"; fi
  exit "$status"
fi
dir=$WEIR_FRESH_DIR
unset WEIR_FRESH_DIR
root=$dir/run
mkdir -p "$root"

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

copy_tree() { # before anything is installed in the first one
  cp -a "$dir/run" "$dir/test"
}

mount_tree() { # TREE
  mount -t proc proc "$1/proc"
  mount --rbind /sys "$1/sys"
  mount --rbind /dev "$1/dev"
  mount -t tmpfs tmpfs "$1/run"
  git clone -q --no-hardlinks "$WEIR_ROOT" "$1/root/weir"
}

inside() { # TREE COMMAND
  chroot "$1" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
    ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
    bash -c "cd /root/weir && $2"
}

part 'debootstrap' make_tree
part 'second tree' copy_tree
mount --make-rprivate /
mount_tree "$dir/run"
mount_tree "$dir/test"
say "commit $(git -C "$WEIR_ROOT" rev-parse --short HEAD)"
part './deploy/local/run.sh --once' inside "$dir/run" './deploy/local/run.sh --once'
part './deploy/local/run.sh --once, second time' inside "$dir/run" './deploy/local/run.sh --once'
part './tests/run.sh, cold' inside "$dir/test" './tests/run.sh'
say 'fresh: both commands work on a bare Debian 12'
