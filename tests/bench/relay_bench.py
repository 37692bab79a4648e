#!/usr/bin/env python3
"""CPU, memory and set-up time of the RTMP relay, beside HAProxy and nginx stream in the same run.

Every relay has one worker (bench_relays.py) and the same recording origin and scripted clients
(weir-rtmp-tool), each in a process of its own on loopback. CPU is what all threads of the relay ran, per
10^9 bytes of media. Relays alternate within a round; figures are medians over --rounds. Everything measured
goes into --json FILE; results_table.py makes the table of docs/performance.md of it.
"""
import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'e2e'))
from bench_profile import profile  # noqa: E402
from bench_relays import Direct, Haproxy, NginxStream, Weir, cpu_seconds, resident_kib  # noqa: E402
from harness import rtmp_tool  # noqa: E402
from harness.cluster import Cluster  # noqa: E402
from harness.processes import ROOT, free_port  # noqa: E402

CPU_SECONDS = 4  # media time of one measurement of CPU
SETTLE = 0.5     # from the first media to the beginning of the measurement


class Bench:
    def __init__(self, rounds, quick=False, kind='generic'):
        self.rounds, self.quick, self.kind = rounds, quick, kind
        self.count = 0
        self.results = []
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
                                    f'127.0.0.1:{self.origin_port}', '--max-streams', '100000',
                                    '--kind', self.kind)
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
        return [Haproxy(self, False), Haproxy(self, True), NginxStream(self), Weir(self)]

    def note(self, cell, relay, unit, values):
        """One line for people, one entry for programs."""
        self.results.append({'cell': cell, 'relay': relay, 'unit': unit, 'rounds': values})
        shown = ' '.join(f'{v:.3g}' for v in values)
        print(f'RESULT {cell:36s} {relay:15s} {statistics.median(values):8.3f} {unit}  ({shown})',
              flush=True)

    def alternating(self, cell, unit, relays, measure):
        """`measure(relay)` gives one value; every relay has its turn in each round."""
        values = {}
        for _ in range(self.rounds):
            for relay in relays:
                values.setdefault(relay.name, []).append(measure(relay))
        for name, found in values.items():
            self.note(cell, name, unit, found)

    # --- CPU per byte
    def cpu_per_gb(self, relay, prepare, meanwhile=None):
        address = relay.start()
        try:
            clients = prepare(address, CPU_SECONDS + SETTLE + 1)
            clients[-1].wait_events('accepted' if clients[-1].name.startswith('publish') else 'media',
                                    1, 15)
            time.sleep(SETTLE)
            before, began = cpu_seconds(relay.pid), time.monotonic()
            if meanwhile:
                meanwhile(relay.pid, CPU_SECONDS)
            else:
                time.sleep(CPU_SECONDS)
            used, took = cpu_seconds(relay.pid) - before, time.monotonic() - began
            for client in clients:
                client.wait(CPU_SECONDS + 30)
            # What was sent in the measured part, by the clients' own rate.
            moved = 0.0
            for client in clients:
                if not client.name.startswith('keep'):
                    end = client.events('summary')[-1]
                    media = [e for e in client.events() if e['event'] in ('accepted', 'media')]
                    moved += end['bytes'] * took / (end['t'] - media[0]['t'])
        finally:
            relay.stop()
        return used / (moved / 1e9)

    def cpu(self, cell, prepare, relays=None):
        self.alternating(cell, 'CPU s/GB', relays or self.relays(),
                         lambda relay: self.cpu_per_gb(relay, prepare))

    def publish_flat_out(self, address, seconds):
        return [self.tool('publish', address, count=4, flat_out=True, seconds=seconds)]

    def publish_paced(self, address, seconds):
        return [self.tool('publish', address, count=50, kbps=4000, seconds=seconds)]

    def players(self, address, seconds):
        """Players need a placed stream: one publisher, sending next to nothing, keeps it."""
        self.count += 1
        url = f'rtmp://{address}/live/played{self.count}'
        keeper = rtmp_tool.RtmpTool(self.dir, f'keep{self.count}', 'publish', '--url', url,
                                    '--seconds', str(seconds + 3), '--kbps', '8', '--fps', '5')
        keeper.wait_events('accepted', 1, 10)
        player = rtmp_tool.RtmpTool(self.dir, f'play{self.count}', 'play', '--url', url, '--count',
                                    '6', '--seconds', str(seconds), '--flat-out')
        return [keeper, player]

    def play(self, cell, **serve):
        self.start_origin(**serve)
        self.cpu(cell, self.players)
        self.start_origin()

    # --- memory
    def memory(self, cell, mode, count, settle, **options):
        def measure(relay):
            address = relay.start()
            time.sleep(0.3)
            before = resident_kib(relay.pid)
            client = self.tool(mode, address, count=count, seconds=60, **options)
            client.wait_events(settle, count, 30)
            time.sleep(2 if settle == 'accepted' else 0.2)
            found = (resident_kib(relay.pid) - before) / count
            client.kill()
            relay.stop()
            return found
        self.alternating(cell, 'KiB each', self.relays(), measure)

    # --- set-up
    def setup_times(self, address, count, spread_ms):
        """p50 and p99 in ms, connect to NetStream.Publish.Start."""
        client = self.tool('publish', address, count=count, spread_ms=spread_ms, seconds=60, kbps=16,
                           fps=2)
        client.wait_events('accepted', count, 60)
        client.stop()
        end = client.events('summary')[-1]
        return 1000 * end['setup_p50'], 1000 * end['setup_p99']

    def setup(self, cell, count, spread_ms):
        found = {}
        for _ in range(self.rounds):
            for relay in [Direct(self), Haproxy(self, False), NginxStream(self), Weir(self)]:
                address = relay.start()
                found.setdefault(relay.name, []).append(self.setup_times(address, count, spread_ms))
                relay.stop()
        for name, pairs in found.items():
            self.note(f'{cell}, p50', name, 'ms', [p50 for p50, _ in pairs])
            self.note(f'{cell}, p99', name, 'ms', [p99 for _, p99 in pairs])

    # --- a crowd on one worker
    def crowd(self, silent, active):
        """Silent connections alone; then active sessions, silent connections besides, and newcomers. A
        silent connection is closed after 3 s, so all is measured within 1.5 s of the last one. A TCP
        proxy would need two descriptors for each of them, more than the 20,000 a process may have here."""
        values = {}

        def add(what, unit, value):
            values.setdefault((what, unit), []).append(value)

        def hush(address):
            client = self.tool('silent', address, count=silent, spread_ms=700, seconds=30)
            client.wait_events('connected', silent, 30)
            return client
        for _ in range(self.rounds):
            relay = Weir(self)
            address = relay.start()
            time.sleep(0.5)
            empty = resident_kib(relay.pid)
            quiet = hush(address)
            time.sleep(0.2)
            add('memory per silent connection', 'KiB', (resident_kib(relay.pid) - empty) / silent)
            add('CPU of the silent alone', '%', 100 * self.load(relay.pid, 1.2))
            quiet.kill()
            relay.stop()

            relay = Weir(self)
            address = relay.start()
            time.sleep(0.5)
            empty = resident_kib(relay.pid)
            busy = self.tool('publish', address, count=active, spread_ms=4000, seconds=100, kbps=50,
                             fps=5)
            busy.wait_events('accepted', active, 60)
            time.sleep(2)
            add('memory per active session', 'KiB', (resident_kib(relay.pid) - empty) / active)
            add('CPU of the active alone', '%', 100 * self.load(relay.pid, 3))
            quiet = hush(address)
            add('memory of all', 'MiB', (resident_kib(relay.pid) - empty) / 1024)
            before, began = cpu_seconds(relay.pid), time.monotonic()
            p50, p99 = self.setup_times(address, 20, 1000)
            add('CPU of all, with newcomers', '%',
                100 * (cpu_seconds(relay.pid) - before) / (time.monotonic() - began))
            add('set-up of a newcomer, p50', 'ms', p50)
            add('set-up of a newcomer, p99', 'ms', p99)
            for client in (busy, quiet):
                client.kill()
            relay.stop()
        for (what, unit), found in values.items():
            self.note(f'{silent} silent, {active} active: {what}', 'weir', unit, found)

    @staticmethod
    def load(pid, seconds):
        before, began = cpu_seconds(pid), time.monotonic()
        time.sleep(seconds)
        return (cpu_seconds(pid) - before) / (time.monotonic() - began)

    # --- where the time goes
    def profile(self, cell, syscalls):
        prepare = {'publish-flat-out': self.publish_flat_out, 'publish-paced': self.publish_paced,
                   'play-flat-out': self.players, 'play-paced': self.players}.get(cell)
        if cell == 'play-flat-out':
            self.start_origin(serve_flat_out=True)
        elif cell == 'play-paced':
            self.start_origin(serve_kbps=100000)

        def meanwhile(pid, seconds):
            profile(self.dir, [pid], seconds, syscalls)
        if prepare:
            self.cpu_per_gb(Weir(self), prepare, meanwhile)
            return
        if cell != 'setup':
            raise SystemExit(f'no profile of {cell}')
        relay = Weir(self)
        address = relay.start()
        self.setup_times(address, 20, 100)
        client = self.tool('publish', address, count=4000, spread_ms=4000, seconds=60, kbps=1, fps=0.1)
        profile(self.dir, [relay.pid, self.cluster.controlplane.pid], CPU_SECONDS, syscalls)
        client.wait_events('accepted', 4000, 60)
        client.kill()
        relay.stop()


def cells_of(bench):
    sessions = 200 if bench.quick else 1000
    silent = 1000 if bench.quick else 4000
    # With 20,000 descriptors a forwarder takes 9,872 clients; newcomers must fit besides.
    crowd = (800, 200) if bench.quick else (7800, 2000)
    return {
        'publish-flat-out': lambda: bench.cpu('publish, 4 flows flat out', bench.publish_flat_out),
        'publish-paced': lambda: bench.cpu('publish, 50 x 4 Mbit/s paced', bench.publish_paced),
        'play-flat-out': lambda: bench.play('play, 6 flows flat out', serve_flat_out=True),
        'play-paced': lambda: bench.play('play, 6 x 100 Mbit/s', serve_kbps=100000),
        'memory-silent': lambda: bench.memory('memory, silent connection', 'silent', silent,
                                              'connected'),
        'memory-active': lambda: bench.memory('memory, active session', 'publish', sessions,
                                              'accepted', kbps=100),
        'setup-1': lambda: bench.setup('set-up, one at a time', 40, 2000),
        'setup-100': lambda: bench.setup('set-up, 100 at once', 100, 0),
        'setup-1000': lambda: bench.setup(f'set-up, {sessions} at once', sessions, 0),
        'crowd': lambda: bench.crowd(*crowd),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--only', default='', help='cells whose name contains this text')
    parser.add_argument('--quick', action='store_true', help='one round, fewer sessions: a smoke test')
    parser.add_argument('--json', default=str(ROOT / 'build/relay-bench.json'),
                        help='where the results go')
    parser.add_argument('--origin-kind', default='generic', metavar='KIND',
                        help='what the origin is said to be: an SRS is told more at once')
    parser.add_argument('--profile', default='', metavar='CELL',
                        help='no figures: where the time of one cell goes (or of "setup")')
    parser.add_argument('--syscalls', action='store_true', help='with --profile: count system calls')
    args = parser.parse_args()
    began = time.monotonic()
    with Bench(1 if args.quick else args.rounds, args.quick, args.origin_kind) as bench:
        if args.profile:
            bench.profile(args.profile, args.syscalls)
            return 0
        cells = {name: run for name, run in cells_of(bench).items() if args.only in name}
        if not cells:
            parser.error(f'no cell is called like {args.only}; there are {", ".join(cells_of(bench))}')
        for run in cells.values():
            run()
        Path(args.json).write_text(json.dumps(
            {'cpus': os.cpu_count(), 'rounds': bench.rounds, 'results': bench.results}, indent=1))
    print(f'{time.monotonic() - began:.0f} s; results in {args.json}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
