#!/usr/bin/env python3
"""Speed and memory of the control plane, each beside its peer in the same run.

Server and load are processes of their own; CPU is what all threads of the server ran. Cells: lookup, place,
reports, agents, memory, list. Figures are medians over --rounds; what alternates has its turn in each round.
"""
import argparse
import json
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

from controlplane_peers import (BUILD, Agents, EchoServer, Redis, Replica, cpu_seconds, load,
                                resident_kib)

KNOWN = 10_000     # streams that are looked up
SETTLING = 4       # until a fresh replica places


class Bench:
    def __init__(self, rounds, store, millis, streams, agents):
        self.rounds, self.store, self.millis = rounds, store, millis
        self.streams, self.agents = streams, agents
        self.results = []

    def note(self, cell, peer, unit, values):
        """One line for people, one entry for programs."""
        self.results.append({'cell': cell, 'peer': peer, 'unit': unit, 'rounds': values})
        shown = ' '.join(f'{v:.4g}' for v in values)
        print(f'RESULT {cell:30s} {peer:18s} {statistics.median(values):10.4g} {unit}  ({shown})',
              flush=True)

    def note_all(self, cell, found):
        for (peer, unit), values in found.items():
            self.note(cell, peer, unit, values)

    def replica(self, redis, *flags):
        return Replica(redis.url if redis else 'memory', '--set', 'placement.default_origin_streams=1000000',
                       *flags)

    def redis(self):
        return Redis() if self.store == 'redis' else NoRedis()

    # --- 1: known streams
    def lookup(self):
        """Lookups by unary RPC, per second of the server's CPU, beside a bare echo."""
        found = {}
        with self.redis() as redis, self.replica(redis) as replica, EchoServer() as echo, \
                Agents(replica.address, 1, 100, connections=1):
            time.sleep(SETTLING)
            load('unary', target=replica.address, call='acquire', in_flight=64, count=KNOWN)
            for _ in range(self.rounds):
                for name, server, call in (('echo', echo, 'echo'), ('weir', replica, 'lookup')):
                    before = cpu_seconds(server.pid)
                    done = load('unary', target=server.address, call=call, in_flight=64, streams=KNOWN,
                                millis=self.millis)
                    used = cpu_seconds(server.pid) - before
                    check(done)
                    found.setdefault((name, 'calls/CPU s'), []).append(done['calls'] / used)
                    found.setdefault((name, 'calls/s'), []).append(done['per_second'])
        self.note_all('known stream, unary', found)
        ratio(found, 'calls/CPU s')

    # --- 2: new placements
    def place(self):
        """New placements acknowledged by the store, beside the bare echo and the bare script."""
        with self.redis() as redis, self.replica(redis) as replica, EchoServer() as echo, \
                Agents(replica.address, 100, 1, connections=4):
            time.sleep(SETTLING)
            first = 0
            for in_flight in (1, 16, 64):
                found = {}
                for _ in range(self.rounds):
                    for name, target, call in (('echo', echo.address, 'echo'),
                                               ('weir', replica.address, 'acquire')):
                        before = cpu_seconds(replica.pid)
                        done = load('unary', target=target, call=call, in_flight=in_flight, first=first,
                                    millis=self.millis)
                        check(done)
                        for unit in ('per_second', 'p50_us', 'p99_us'):
                            found.setdefault((name, unit), []).append(done[unit])
                        if name == 'weir':
                            first += int(done['calls']) + in_flight
                            found.setdefault((name, 'replica CPU us each'), []).append(
                                (cpu_seconds(replica.pid) - before) * 1e6 / done['calls'])
                self.note_all(f'new placement, {in_flight} in flight', found)
            if redis:
                self.bare_script(redis, replica.address)

    def bare_script(self, redis, target):
        """The very EVALSHA that the replica sends, by redis-benchmark, 64 in flight."""
        words = redis.acquire_words(target)
        values = []
        for _ in range(self.rounds):
            done = subprocess.run(['redis-benchmark', '-p', str(redis.port), '-n', '200000', '-c', '4',
                                   '-P', '16', '-r', '100000000', '--csv', *words],
                                  capture_output=True, text=True)
            values.append(float(re.findall(r'"([\d.]+)"', done.stdout.splitlines()[-1])[0]))
        self.note('new placement, 64 in flight', 'bare script', 'per_second', values)

    # --- 3: reports
    def reports(self):
        """1,000 origins, reported on by 1,000 agents each second: CPU of the replica."""
        for agents, origins in ((1000, 1), (10, 100)):
            found = {}
            with self.redis() as redis, self.replica(redis) as replica, \
                    Agents(replica.address, agents, origins, connections=min(agents, 100)):
                time.sleep(SETTLING + 2)
                for _ in range(self.rounds):
                    sent = redis.commands() if redis else (0, 0)
                    before, began = cpu_seconds(replica.pid), time.monotonic()
                    time.sleep(5)
                    took = time.monotonic() - began
                    found.setdefault(('weir', 'cores'), []).append(
                        (cpu_seconds(replica.pid) - before) / took)
                    if redis:
                        now = redis.commands()
                        for unit, a, b in (('sent/s', sent[0], now[0]), ('run in all/s', sent[1], now[1])):
                            found.setdefault(('redis', unit), []).append((b - a) / took)
            self.note_all(f'1,000 origins, {agents} agents', found)

    # --- 4: idle agents
    def idle(self):
        """Memory of an attached agent without origins that says nothing but that it lives."""
        for name, connections in (('shared connections', 10), ('own connections', 0)):
            found = {}
            for _ in range(max(1, self.rounds // 2)):
                with self.redis() as redis, self.replica(redis) as replica:
                    # What any first agents cost is not these agents'.
                    with Agents(replica.address, 100, 0, first=90_000, connections=connections):
                        time.sleep(1)
                        before = resident_kib(replica.pid)
                        # In all no more than a replica takes.
                        with Agents(replica.address, self.agents - 100, 0, connections=connections,
                                    report_millis=1000):
                            time.sleep(3)
                            used = resident_kib(replica.pid) - before
                            began, cpu = time.monotonic(), cpu_seconds(replica.pid)
                            time.sleep(3)
                            found.setdefault(('weir', 'cores'), []).append(
                                (cpu_seconds(replica.pid) - cpu) / (time.monotonic() - began))
                    found.setdefault(('weir', 'KiB each'), []).append(used / (self.agents - 100))
            self.note_all(f'{self.agents} agents, {name}', found)

    # --- 5, 6: a million streams
    def memory(self):
        """Resident memory per stream, and the first page of their list."""
        with self.redis() as redis, self.replica(redis) as replica, \
                Agents(replica.address, 100, 100, connections=10, report_millis=1000):
            time.sleep(SETTLING + 2)
            load('unary', target=replica.address, call='acquire', in_flight=64, count=2000,
                 prefix='warm', forwarders=100)
            before = resident_kib(replica.pid)
            done = load('unary', target=replica.address, call='acquire', in_flight=64,
                        count=self.streams, forwarders=100)
            check(done)
            time.sleep(2)
            used = resident_kib(replica.pid) - before
            self.note(f'{self.streams} streams', 'weir', 'bytes each', [used * 1024 / self.streams])
            self.note(f'{self.streams} streams', 'weir', 'placed/s', [done['per_second']])
            listed = [load('unary', target=replica.address, call='list', in_flight=1, count=20)
                      for _ in range(self.rounds)]
            self.note(f'first page of {self.streams}', 'weir', 'p50_us', [d['p50_us'] for d in listed])
            self.note(f'first page of {self.streams}', 'weir', 'max_us', [d['max_us'] for d in listed])
            found = {}
            for _ in range(self.rounds):
                before = cpu_seconds(replica.pid)
                done = load('unary', target=replica.address, call='lookup', in_flight=64,
                            streams=self.streams, millis=self.millis)
                check(done)
                found.setdefault(('weir', 'calls/CPU s'), []).append(
                    done['calls'] / (cpu_seconds(replica.pid) - before))
            self.note_all(f'known stream of {self.streams}', found)

    def run(self, only):
        cells = {'lookup': self.lookup, 'place': self.place, 'reports': self.reports,
                 'idle': self.idle, 'memory': self.memory}
        for name, cell in cells.items():
            if not only or name in only:
                cell()


class NoRedis:
    """In the place of a Redis, with the embedded store."""

    def __enter__(self):
        return None

    def __exit__(self, *failure):
        pass


def check(done):
    if done['failed']:
        raise RuntimeError(f'{done["failed"]:.0f} of {done["calls"]:.0f} calls failed')


def ratio(found, unit):
    weir, echo = found[('weir', unit)], found[('echo', unit)]
    each = ' '.join(f'{w / e:.3f}' for w, e in zip(weir, echo))
    print(f'       weir / echo in the same round: {each}', flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--store', choices=('memory', 'redis'), default='redis')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--millis', type=int, default=3000, help='length of one measurement')
    parser.add_argument('--streams', type=int, default=1_000_000)
    parser.add_argument('--agents', type=int, default=10_000)
    parser.add_argument('--only', action='append', help='lookup, place, reports, idle or memory')
    parser.add_argument('--json', type=Path, default=BUILD.parent / 'controlplane-bench.json')
    options = parser.parse_args()
    bench = Bench(options.rounds, options.store, options.millis, options.streams, options.agents)
    try:
        bench.run(options.only)
    finally:
        options.json.write_text(json.dumps(bench.results, indent=1))
    return 0


if __name__ == '__main__':
    sys.exit(main())
