#!/usr/bin/env python3
"""CPU, memory and set-up time of the RTMP relay, beside HAProxy in TCP mode in the same run.

Every relay gets one thread and the same recording origin and scripted clients (weir-rtmp-tool), each in a
process of its own. CPU is user + system time of the relay process alone, from /proc, per 10^9 bytes of media
relayed; a cell lasts until it has used at least 200 ticks. Medians over --rounds; relays alternate.
"""
import argparse
import os
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'e2e'))
from harness import rtmp_tool  # noqa: E402
from harness.cluster import Cluster  # noqa: E402
from harness.processes import Process, free_port, wait_for  # noqa: E402

TICK = os.sysconf('SC_CLK_TCK')
TICKS_MIN = 200

HAPROXY = '''
global
  nbthread 1
  maxconn 7500
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen relay
  bind 127.0.0.1:{port}
  {splice}
  server origin 127.0.0.1:{origin}
'''


def ticks(pid):
    fields = Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()
    return int(fields[11]) + int(fields[12])


def resident_kib(pid):
    for line in Path(f'/proc/{pid}/status').read_text().splitlines():
        if line.startswith('VmRSS'):
            return int(line.split()[1])
    raise RuntimeError('no VmRSS')


class Direct:
    name = 'direct'

    def __init__(self, bench):
        self.bench = bench

    def start(self):
        self.pid = None
        return f'127.0.0.1:{self.bench.origin_port}'

    def stop(self):
        pass


class Haproxy:
    def __init__(self, bench, splice):
        self.bench, self.splice = bench, splice
        self.name = 'haproxy splice' if splice else 'haproxy'

    def start(self):
        port = free_port()
        conf = self.bench.dir / f'{port}.cfg'
        conf.write_text(HAPROXY.format(port=port, origin=self.bench.origin_port,
                                       splice='option splice-auto' if self.splice else ''))
        self.process = Process(f'haproxy{port}', ['haproxy', '-db', '-f', conf], self.bench.dir)
        wait_for(lambda: connects(port), 5, 'haproxy listens')
        self.pid = self.process.pid
        return f'127.0.0.1:{port}'

    def stop(self):
        self.process.kill()


class Weir:
    name = 'weir'

    def __init__(self, bench):
        self.bench = bench

    def start(self):
        """A forwarder of its own for each cell, so that no cell inherits another's memory."""
        cluster = self.bench.cluster
        cluster.forwarder_ports.append((free_port(), f'127.0.0.1:{free_port()}'))
        index = len(cluster.forwarder_ports) - 1
        cluster.start_forwarder(index)
        self.process = cluster.forwarders[index]
        self.pid = self.process.pid
        return f'127.0.0.1:{cluster.forwarder_ports[index][0]}'

    def stop(self):
        self.process.kill()


def connects(port):
    import socket
    try:
        socket.create_connection(('127.0.0.1', port), 0.2).close()
        return True
    except OSError:
        return False


class Bench:
    def __init__(self, rounds, quick):
        self.rounds, self.quick = rounds, quick
        self.count = 0
        self.cluster = Cluster(origins=0, forwarders=0, with_agent=False,
                               forwarder_args=['--workers', '1', '--log-level', 'warning'],
                               controlplane_args=['--log-level', 'warning'])
        self.dir = self.cluster.dir
        self.origin_port = free_port()
        self.origin = None

    def __enter__(self):
        self.cluster.__enter__()
        self.start_origin()
        done = self.cluster.ctl_raw('origin', 'register', 'sink', '--rtmp',
                                    f'127.0.0.1:{self.origin_port}', '--max-streams', '100000')
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        self.cluster.wait_origins(1)
        return self

    def __exit__(self, *failure):
        if self.origin:
            self.origin.stop()
        self.cluster.__exit__(*failure)

    def start_origin(self, **options):
        if self.origin:
            self.origin.stop()
        self.count += 1
        self.origin = rtmp_tool.origin(self.dir, f'origin{self.count}', f'127.0.0.1:{self.origin_port}',
                                       seconds=100000, quiet=True, **options)
        self.origin.wait_events('listening', 1, 5)

    def tool(self, mode, address, **options):
        self.count += 1
        name = f'{mode}{self.count}'
        return rtmp_tool.RtmpTool(self.dir, name, mode, '--url',
                                  f'rtmp://{address}/live/{name}-{{n}}', *rtmp_tool.flags(options))

    def relays(self):
        return [Haproxy(self, False), Haproxy(self, True), Weir(self)]

    def cpu_per_gb(self, relay, seconds, prepare):
        """CPU seconds per 10^9 bytes: runs clients for `seconds`, longer when ticks are few."""
        address = relay.start()
        try:
            clients = prepare(address, seconds)
            clients[-1].wait_events('accepted' if clients[-1].name.startswith('publish') else 'media',
                                    1, 15)
            before = ticks(relay.pid)
            for client in clients:
                client.wait(seconds + 30)
            used = ticks(relay.pid) - before
            moved = sum(c.events('summary')[-1]['bytes'] for c in clients
                        if not c.name.startswith('keep'))
        finally:
            relay.stop()
        if used < TICKS_MIN and seconds < 600:
            return self.cpu_per_gb(relay, seconds * max(1.3, 1.2 * TICKS_MIN / max(used, 1)), prepare)
        return used / TICK / (moved / 1e9), used, moved, seconds

    def cell(self, title, seconds, prepare):
        results = {}
        spent = {}
        for _ in range(self.rounds):
            for relay in self.relays():
                cost, used, moved, took = self.cpu_per_gb(relay, spent.get(relay.name, seconds), prepare)
                spent[relay.name] = took
                results.setdefault(relay.name, []).append(cost)
                print(f'  {title}: {relay.name}: {cost:.3f} CPU s/GB ({used} ticks, '
                      f'{moved / 1e9:.2f} GB, {took:.0f} s)', flush=True)
        base = statistics.median(results['haproxy'])
        for name, costs in results.items():
            print(f'RESULT {title:34s} {name:15s} {statistics.median(costs):7.3f} CPU s/GB  '
                  f'{statistics.median(costs) / base:5.2f} x haproxy  (rounds: '
                  f'{" ".join(f"{c:.3f}" for c in costs)})', flush=True)

    def publish_flat_out(self):
        self.cell('publish, 4 flows flat out', 8, lambda address, seconds: [
            self.tool('publish', address, count=4, flat_out=True, seconds=round(seconds))])

    def publish_paced(self):
        self.cell('publish, 50 x 4 Mbit/s paced', 60, lambda address, seconds: [
            self.tool('publish', address, count=50, kbps=4000, seconds=round(seconds))])

    def play(self, title, seconds, **serve):
        """Players need a placed stream: one publisher, sending next to nothing, keeps it."""
        self.start_origin(**serve)

        def prepare(address, for_seconds):
            self.count += 1
            url = f'rtmp://{address}/live/played{self.count}'
            keeper = rtmp_tool.RtmpTool(self.dir, f'keep{self.count}', 'publish', '--url', url,
                                        '--seconds', str(round(for_seconds) + 3), '--kbps', '8',
                                        '--fps', '5')
            keeper.wait_events('accepted', 1, 10)
            player = rtmp_tool.RtmpTool(self.dir, f'play{self.count}', 'play', '--url', url, '--count',
                                        '6', '--seconds', str(round(for_seconds)), '--flat-out')
            return [keeper, player]
        self.cell(title, seconds, prepare)
        self.start_origin()

    def memory(self, title, mode, count, settle, **options):
        for relay in self.relays():
            samples = []
            for _ in range(self.rounds):
                address = relay.start()
                time.sleep(0.5)
                before = resident_kib(relay.pid)
                client = self.tool(mode, address, count=count, seconds=60, **options)
                client.wait_events(settle, count, 30)
                if settle == 'accepted':
                    time.sleep(3)
                samples.append((resident_kib(relay.pid) - before) / count)
                client.kill()
                relay.stop()
            print(f'RESULT {title:34s} {relay.name:15s} {statistics.median(samples):7.2f} KiB each  '
                  f'(rounds: {" ".join(f"{s:.2f}" for s in samples)})', flush=True)

    def setup(self, count):
        for relay in [Direct(self), Haproxy(self, False), Weir(self)]:
            p50, p99 = [], []
            for _ in range(max(self.rounds, 1 if count > 1 else 20)):
                address = relay.start()
                client = self.tool('publish', address, count=count, seconds=60, kbps=16, fps=2)
                client.wait_events('accepted', count, 60)
                client.stop()
                end = client.events('summary')[-1]
                p50.append(end['setup_p50'])
                p99.append(end['setup_p99'])
                relay.stop()
            print(f'RESULT set-up, {count:4d} at once{"":16s} {relay.name:15s} '
                  f'p50 {1000 * statistics.median(p50):8.2f} ms  p99 {1000 * statistics.median(p99):8.2f} ms',
                  flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--only', default='', help='cells whose name contains this text')
    parser.add_argument('--quick', action='store_true', help='one round, fewer sessions: a smoke test')
    args = parser.parse_args()
    rounds = 1 if args.quick else args.rounds
    sessions = 200 if args.quick else 1000
    silent = 1000 if args.quick else 4000
    with Bench(rounds, args.quick) as bench:
        cells = {
            'publish-flat-out': bench.publish_flat_out,
            'publish-paced': bench.publish_paced,
            'play-flat-out': lambda: bench.play('play, 6 flows flat out', 8, serve_flat_out=True),
            'play-paced': lambda: bench.play('play, 6 x 100 Mbit/s', 60, serve_kbps=100000),
            'memory-silent': lambda: bench.memory('memory, silent connection', 'silent', silent,
                                                  'connected'),
            'memory-active': lambda: bench.memory('memory, active session', 'publish', sessions,
                                                  'accepted', kbps=100),
            'setup-1': lambda: bench.setup(1),
            'setup-100': lambda: bench.setup(100),
            'setup-1000': lambda: bench.setup(sessions),
        }
        for name, run in cells.items():
            if args.only in name and not (args.quick and name.endswith('paced')):
                run()
    return 0


if __name__ == '__main__':
    sys.exit(main())
