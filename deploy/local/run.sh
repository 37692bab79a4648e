#!/usr/bin/env bash
# One command: a whole Weir on this machine, in the foreground.
#
# Installs the Debian packages that are missing (as root; otherwise it prints the command), builds,
# starts a control plane with the embedded store, one forwarder, N real origins (nginx with its RTMP
# module) and their agent, publishes a test stream, waits until it plays through the forwarder, says
# what runs where, and ends everything on Ctrl-C.
set -euo pipefail

WEIR_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=deploy/local/lib.sh
. "$WEIR_ROOT/deploy/local/lib.sh"

usage() {
  cat <<EOF
Usage: deploy/local/run.sh [--origins N] [--no-demo | --once] [--rtmp-port P] [--grpc-port P]

  --origins N    number of nginx-rtmp origins, 1..40 (default 2)
  --no-demo      do not publish the test stream
  --once         end with 0 once the test stream was played through the forwarder, else non-zero
  --rtmp-port P  RTMP port of the forwarder (default 1935). Origin i listens on P+i (RTMP) and on
                 P+i+7000 (HTTP: /stat, /control), all on 127.0.0.1
  --grpc-port P  gRPC port of the control plane (default 7400). HTTP of the control plane, the
                 forwarder and the agent (/metrics, /livez, /readyz): P+80, P+81, P+82
EOF
}

usage_error() {
  printf 'error: %s; see --help\n' "$1" >&2
  exit 2
}

number() { # OPTION VALUE MIN MAX
  [[ $2 =~ ^[0-9]{1,5}$ ]] && (($2 >= $3 && $2 <= $4)) ||
    usage_error "$1 wants a number from $3 to $4, not '$2'"
}

origins=2 demo=yes once=no rtmp_port=1935 grpc_port=7400
while (($# > 0)); do
  case $1 in
    --origins) number "$1" "${2-}" 1 40 && origins=$2 && shift ;;
    --rtmp-port) number "$1" "${2-}" 1 58000 && rtmp_port=$2 && shift ;;
    --grpc-port) number "$1" "${2-}" 1 65000 && grpc_port=$2 && shift ;;
    --no-demo) demo=no ;;
    --once) once=yes ;;
    -h | --help) usage && exit 0 ;;
    *) usage_error "unknown option '$1'" ;;
  esac
  shift
done
[ "$once" = no ] || [ "$demo" = yes ] || usage_error "--once verifies the demo: it excludes --no-demo"

readonly READY_SECONDS=20 PLAY_SECONDS=40 STOP_SECONDS=3
readonly bin="$WEIR_ROOT/build/release/bin"
readonly stream_url="rtmp://127.0.0.1:$rtmp_port/live/demo"
run_dir=''
names=() pids=() # what runs, in order of starting

# ---- ending ---------------------------------------------------------------------------------------

running() { kill -0 "$1" 2>/dev/null; }

stop_all() {
  local i pid deadline
  for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
    pid=${pids[i]}
    running "$pid" || continue
    # In reverse order of starting: nobody sees what he depends on go away. The first signal asks the
    # forwarder to drain, the second one to stop.
    for _ in 1 2; do
      kill -TERM "$pid" 2>/dev/null || true
      deadline=$((SECONDS + STOP_SECONDS))
      while running "$pid" && ((SECONDS < deadline)); do sleep 0.05; done
    done
    # A killed nginx master would leave its worker behind.
    if running "$pid"; then
      pkill -KILL -P "$pid" 2>/dev/null || true
      kill -KILL "$pid" 2>/dev/null || true
    fi
    wait "$pid" 2>/dev/null || true
  done
  pids=()
}

finish() {
  local status=$?
  trap - EXIT
  trap '' INT TERM HUP
  stop_all
  if [ -n "$run_dir" ]; then
    if [ "$status" -eq 0 ]; then rm -rf "$run_dir"; else say "logs: $run_dir"; fi
  fi
  exit "$status"
}
trap finish EXIT
interrupted=130 # until everything runs
trap 'say ""; say "stopping"; exit "$interrupted"' INT TERM HUP

# fail WHAT [NAME...]: ends with the last log lines of these processes.
fail() {
  local what=$1 name
  shift
  for name in "$@"; do
    printf -- '---- last lines of %s ----\n' "$name" >&2
    tail -n 15 "$run_dir/$name.log" >&2 || true
  done
  die "$what"
}

# ---- starting -------------------------------------------------------------------------------------

check_ports() {
  local port taken=() i holder
  local ports=("$rtmp_port" "$grpc_port" $((grpc_port + 80)) $((grpc_port + 81)) $((grpc_port + 82)))
  for ((i = 1; i <= origins; i++)); do ports+=($((rtmp_port + i)) $((rtmp_port + i + 7000))); done
  for port in "${ports[@]}"; do
    holder=$(ss -Hltnp "sport = :$port" | head -n 1)
    [ -n "$holder" ] || continue
    # users:(("nginx",pid=12,fd=6),…): only shown for processes this user may look into.
    if [[ $holder =~ \(\(\"([^\"]+)\",pid=([0-9]+) ]]; then
      taken+=("  port $port: ${BASH_REMATCH[1]} (pid ${BASH_REMATCH[2]})")
    else
      taken+=("  port $port: a process of another user")
    fi
  done
  [ "${#taken[@]}" -eq 0 ] ||
    die "ports are taken, nothing was started:
$(printf '%s\n' "${taken[@]}")
choose others with --rtmp-port and --grpc-port"
}

start() { # NAME COMMAND...
  local name=$1
  shift
  # Out of the terminal's reach: Ctrl-C is for this script, which ends them in order.
  setsid "$@" >"$run_dir/$name.log" 2>&1 </dev/null &
  names+=("$name")
  pids+=("$!")
}

pid_of() {
  local i
  for i in "${!names[@]}"; do
    [ "${names[i]}" != "$1" ] || printf '%s' "${pids[i]}"
  done
}

# wait_for NAME SECONDS COMMAND...: until the command succeeds; NAME must stay alive.
wait_for() {
  local name=$1 deadline=$((SECONDS + $2)) pid
  shift 2
  pid=$(pid_of "$name")
  until "$@"; do
    running "$pid" || fail "$name ended while starting" "$name"
    ((SECONDS < deadline)) || fail "$name was not ready in time" "$name"
    sleep 0.05
  done
}

says_ready() { grep -qsE "^weir-$1 ready" "$run_dir/$1.log"; }
listens() { [ -n "$(ss -Hltn "sport = :$1")" ]; }

write_nginx_conf() { # DIRECTORY RTMP_PORT HTTP_PORT
  cat >"$1/nginx.conf" <<EOF
load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;
daemon off;
# /stat tells only of the worker that answers: one worker is what the agent wants.
worker_processes 1;
pid $1/nginx.pid;
error_log $1/error.log notice;
events { worker_connections 4096; }
rtmp {
  # The module has its own, which would go to /var/log.
  access_log off;
  server {
    listen 127.0.0.1:$2;
    max_message 10M;
    application live {
      live on;
      # Players may come before their publisher.
      idle_streams on;
    }
  }
}
http {
  access_log off;
  client_body_temp_path $1/tmp-body;
  proxy_temp_path $1/tmp-proxy;
  fastcgi_temp_path $1/tmp-fastcgi;
  uwsgi_temp_path $1/tmp-uwsgi;
  scgi_temp_path $1/tmp-scgi;
  server {
    listen 127.0.0.1:$3;
    location /stat { rtmp_stat all; }
    location /control { rtmp_control all; }
  }
}
EOF
}

start_origins() {
  local i directory
  for ((i = 1; i <= origins; i++)); do
    directory="$run_dir/o$i"
    mkdir -p "$directory"
    write_nginx_conf "$directory" $((rtmp_port + i)) $((rtmp_port + i + 7000))
    start "o$i" nginx -p "$directory" -c "$directory/nginx.conf" -e "$directory/error.log"
  done
  for ((i = 1; i <= origins; i++)); do
    wait_for "o$i" "$READY_SECONDS" listens $((rtmp_port + i))
  done
}

start_weir() {
  local i origin_flags=()
  start controlplane "$bin/weir-controlplane" --store memory --listen "127.0.0.1:$grpc_port" \
    --admin "127.0.0.1:$((grpc_port + 80))"
  wait_for controlplane "$READY_SECONDS" says_ready controlplane
  for ((i = 1; i <= origins; i++)); do
    origin_flags+=(--origin "id=o$i,type=nginx-rtmp,rtmp=127.0.0.1:$((rtmp_port + i)),stat=http://127.0.0.1:$((rtmp_port + i + 7000))/stat,control=http://127.0.0.1:$((rtmp_port + i + 7000))/control,pidfile=$run_dir/o$i/nginx.pid")
  done
  start origin-agent "$bin/weir-origin-agent" --id local --controlplane "127.0.0.1:$grpc_port" \
    --admin "127.0.0.1:$((grpc_port + 82))" --srs-register '' \
    --state-dir "$run_dir/origin-agent" "${origin_flags[@]}"
  wait_for origin-agent "$READY_SECONDS" says_ready origin-agent
  start forwarder "$bin/weir-forwarder" --id f1 --controlplane "127.0.0.1:$grpc_port" \
    --rtmp ":$rtmp_port" --admin "127.0.0.1:$((grpc_port + 81))" --state-dir "$run_dir/forwarder"
  wait_for forwarder "$READY_SECONDS" says_ready forwarder
}

# ---- the demo -------------------------------------------------------------------------------------

start_demo() {
  local video=(-c:v flv -b:v 800k)
  if ffmpeg -hide_banner -encoders 2>/dev/null | grep -q libx264; then
    video=(-c:v libx264 -preset ultrafast -tune zerolatency -pix_fmt yuv420p -b:v 800k)
  fi
  start demo ffmpeg -nostdin -hide_banner -loglevel warning -re \
    -f lavfi -i testsrc2=size=640x360:rate=25 -f lavfi -i sine=frequency=440:sample_rate=44100 \
    "${video[@]}" -g 25 -c:a aac -b:a 96k -f flv "$stream_url"
}

# A second of decoded pictures came through the forwarder.
plays() {
  local pictures
  pictures=$(timeout 10 ffmpeg -nostdin -v error -rw_timeout 5000000 -i "$stream_url" -map 0:v:0 \
    -frames:v 25 -f framemd5 - 2>"$run_dir/player.log" | grep -vc '^#') || true
  [ "${pictures:-0}" -ge 25 ]
}

verify_demo() {
  local deadline=$((SECONDS + PLAY_SECONDS))
  say "waiting until $stream_url plays through the forwarder"
  until plays; do
    running "$(pid_of demo)" || fail "the test stream was not accepted" demo forwarder
    ((SECONDS < deadline)) ||
      fail "the test stream did not play within $PLAY_SECONDS s" player demo forwarder controlplane
    sleep 0.2
  done
  say "it plays"
}

show() {
  local i weirctl="build/release/bin/weirctl"
  [ "$grpc_port" = 7400 ] || weirctl+=" --endpoint 127.0.0.1:$grpc_port"
  say ""
  printf '  %-14s %-8s %s\n' PROCESS PID WHERE
  printf '  %-14s %-8s %s\n' control-plane "$(pid_of controlplane)" \
    "gRPC 127.0.0.1:$grpc_port   HTTP http://127.0.0.1:$((grpc_port + 80))/readyz"
  printf '  %-14s %-8s %s\n' forwarder "$(pid_of forwarder)" \
    "RTMP :$rtmp_port   HTTP http://127.0.0.1:$((grpc_port + 81))/metrics"
  printf '  %-14s %-8s %s\n' origin-agent "$(pid_of origin-agent)" \
    "HTTP http://127.0.0.1:$((grpc_port + 82))/metrics"
  for ((i = 1; i <= origins; i++)); do
    printf '  %-14s %-8s %s\n' "origin o$i" "$(pid_of "o$i")" \
      "RTMP 127.0.0.1:$((rtmp_port + i))   HTTP http://127.0.0.1:$((rtmp_port + i + 7000))/stat"
  done
  [ "$demo" = no ] || printf '  %-14s %-8s %s\n' "test stream" "$(pid_of demo)" "$stream_url"
  cat <<EOF

Try:
  ffplay $stream_url
  ffmpeg -re -i FILE -c copy -f flv rtmp://127.0.0.1:$rtmp_port/live/mine
  $weirctl cluster status
  $weirctl origin list
  $weirctl stream list
  $weirctl stream explain live/demo
  $weirctl event watch --since 10m

Logs: $run_dir
Ctrl-C ends everything.
EOF
}

# Nobody is expected to end; the first one that does is named.
watch_all() {
  local i
  wait -n "${pids[@]}" || true
  for i in "${!pids[@]}"; do
    running "${pids[i]}" || fail "${names[i]} ended" "${names[i]}"
  done
}

# ---- all of it ------------------------------------------------------------------------------------

need_packages build run
check_ports
say "building (the first time takes minutes)"
build_targets release weir-controlplane weir-forwarder weir-origin-agent weirctl

# nginx drops to another user for its worker, which must get to its files.
run_dir=$(mktemp -d "${TMPDIR:-/tmp}/weir-local.XXXXXX")
chmod 755 "$run_dir"
ulimit -n "$(ulimit -Hn)" 2>/dev/null || true
say "starting"
start_origins
start_weir
if [ "$demo" = yes ]; then
  start_demo
  verify_demo
fi
if [ "$once" = yes ]; then exit 0; fi
show
interrupted=0
watch_all
