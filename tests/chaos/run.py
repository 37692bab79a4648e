#!/usr/bin/env python3
"""Seeded faults under a simulated cluster, and a verdict over what everybody was answered, told and held.

  tests/chaos/run.py --scenario redis --seed 7                 one run of 20 s of faults
  tests/chaos/run.py --scenario redis --seed 7 --minutes 10    runs with seeds 7, 8, … for ten minutes
  tests/chaos/run.py --scenario all --minutes 60               every scenario in turn
  tests/chaos/run.py --scenario redis --full                   100,000 streams, 100 origins, 64 clients
  tests/chaos/run.py --list

Exit status 0: nothing was violated. A failing run prints what was violated, where its files are, and the command
that runs it again: the seed draws the faults, their lengths and what the clients do.
"""
import argparse
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / 'e2e'))

from faults import FaultLog, Faults  # noqa: E402
from harness.cluster_load import ClusterLoad, check  # noqa: E402
from harness.proxy import TcpProxy  # noqa: E402
from harness.redis import RedisServer, SentinelRedis  # noqa: E402
from harness.replicas import Replicas  # noqa: E402

# Store, number of replicas, and how often each fault is drawn.
SCENARIOS = {
    'memory': ('memory', 1, {'kill_replica': 2, 'freeze_replica': 2, 'roll_replica': 1, 'freeze_load': 1}),
    'replicas': ('redis', 3, {'kill_replica': 4, 'freeze_replica': 4, 'roll_replica': 2, 'hold_link': 2,
                              'reset_link': 3, 'refuse_link': 2, 'freeze_redis': 2, 'freeze_load': 1}),
    'redis': ('redis', 3, {'flushall': 3, 'kill_redis': 3, 'freeze_redis': 2, 'kill_replica': 3, 'freeze_replica': 3,
                           'reset_link': 2, 'hold_link': 2}),
    'sentinel': ('sentinel', 3, {'fail_over': 3, 'flush_primary': 1, 'freeze_sentinel': 1, 'kill_replica': 2,
                                 'freeze_replica': 2}),
    'calm': ('redis', 3, {}),
}
SMALL = {'streams': 2000, 'origins': 20, 'agents': 4, 'forwarders': 4, 'clients': 16, 'rate': 400}
FULL = {'streams': 100000, 'origins': 100, 'agents': 4, 'forwarders': 8, 'clients': 64}
SHARE_TARGET_PERCENT = 5.0


class ChaosCluster:
    """Store, replicas with a link of their own to it, and the load."""

    def __init__(self, directory, scenario, seed, binary, load):
        kind, count, _ = SCENARIOS[scenario]
        self.dir = directory
        self.load = self.redis = self.proxy = None
        self.links = []
        # Alternately with and without a log on disk: both lose something when they are killed.
        if kind == 'redis':
            self.redis = RedisServer(directory, aof=seed % 2 == 1)
        elif kind == 'sentinel':
            self.redis = SentinelRedis(directory)
        self.replicas = Replicas(directory, count, self.redis.url if self.redis else 'memory', binary=binary)
        if kind == 'redis':
            self.proxy = TcpProxy(directory)
            for replica in self.replicas:
                link = self.proxy.add(f'{replica.id}-redis', f'127.0.0.1:{self.redis.port}')
                replica.store = f'redis://{link.address}'
                self.links.append(link)
        self.load_options = {'seed': seed, **load}

    def start(self):
        if self.redis:
            self.redis.start()
        self.replicas.start()
        self.load = ClusterLoad(self.dir, self.replicas.endpoints, **self.load_options)
        self.load.wait_begun()

    def stop(self):
        for part in (self.load, self.replicas, self.proxy, self.redis):
            if part is not None:
                part.stop()


class Verdict:
    def __init__(self, directory):
        self.dir = directory
        self.problems, self.violations = [], []
        self.summary, self.figures, self.faults = {}, {}, 0

    @property
    def good(self):
        return not self.problems and not self.violations


def run_faults(faults, weights, rng, seconds, gap):
    """Draws and injects until the time is over. `gap`: stretches the quiet times between them."""
    names, odds = list(weights), list(weights.values())
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(min(gap * rng.uniform(0.3, 2.5), max(0.0, until - time.monotonic())))
        if names and time.monotonic() < until:
            getattr(faults, rng.choices(names, odds)[0])()


def run_once(scenario, seed, seconds, load, binary='weir-controlplane', say=print, keep=False, gap=1.0):
    """One run; its files are removed when it was good."""
    directory = Path(tempfile.mkdtemp(prefix=f'weir-chaos-{scenario}-{seed}-'))
    rng = random.Random(f'{scenario} {seed}')
    cluster = ChaosCluster(directory, scenario, seed, binary, load)
    log = FaultLog(directory / 'faults.history')
    verdict = Verdict(directory)
    began = time.monotonic()

    def note(text):
        say(f'    {time.monotonic() - began:6.1f} s  {text}')
    try:
        cluster.start()
        note('clients begin')
        faults = Faults(cluster, log, rng, note)
        run_faults(faults, SCENARIOS[scenario][2], rng, seconds, gap)
        faults.heal()
        note('healed')
        verdict.summary = cluster.load.finish(150)
        note('at rest, and asked for everything that is held')
    except AssertionError as failure:
        verdict.problems.append(str(failure))
    finally:
        cluster.stop()
        log.close()
    verdict.faults = log.count
    judge(verdict, cluster, [cluster.load.history, log.path] if cluster.load else [])
    verdict.problems += [f'a sanitizer reports in {path}' for path in sorted(directory.glob('*.log'))
                         if 'Sanitizer' in path.read_text(errors='replace')]
    if verdict.good and not keep:
        shutil.rmtree(directory, ignore_errors=True)
    else:
        say(f'    files: {directory}')
    return verdict


def judge(verdict, cluster, histories):
    if not histories:
        return
    verdict.figures, verdict.violations = check(*histories)
    if verdict.summary:
        if not verdict.summary['rested']:
            verdict.problems.append('forwarders, agents or clients did not come to rest')
        verdict.problems += cluster.load.wrong()
        if verdict.summary['audit_wrong']:
            verdict.problems.append(f"{verdict.summary['audit_wrong']} of {verdict.summary['audited']} held streams "
                                    'are not known as they are held')


def describe(verdict):
    s, f = verdict.summary, verdict.figures
    if not s:
        return 'no summary'
    publishers = s['publishers']
    return (f"{s['calls']} calls ({s['calls_per_second']}/s), {s['refused']} refused, {s['timed_out']} timed out = "
            f"{s['refused_or_timed_out_percent']:.2f} % (target {SHARE_TARGET_PERCENT} %); publishers: "
            f"{publishers['asked']} asked, {publishers['placed']} placed, {publishers['held']} held by another, "
            f"{publishers['gave_up']} gave up; acquire p50 {s['acquire_ms']['p50']} ms, p99 {s['acquire_ms']['p99']} ms; "
            f"{f['events']} events, {f['epochs']} epochs, {f['held']} accepted by an origin, {verdict.faults} faults, "
            f"{len(f['generations'])} generations ({f['raises_allowed']} raises allowed), displaced {f['displaced']}; "
            f"{s['audited']} audited, {s['audit_wrong']} wrong; {sum(f['violations'].values())} violations")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--scenario', default='redis', choices=[*SCENARIOS, 'all'])
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--seconds', type=float, default=20, help='of faults, each run')
    parser.add_argument('--gap', type=float, default=1.0, help='stretches the quiet times between faults')
    parser.add_argument('--minutes', type=float, default=0, help='runs with further seeds until then')
    parser.add_argument('--full', action='store_true', help='100,000 streams, 100 origins, 64 clients')
    parser.add_argument('--streams', type=int)
    parser.add_argument('--clients', type=int)
    parser.add_argument('--rate', type=float, help='actions per second; 0 = as answers come')
    parser.add_argument('--deaths', type=float, help='of simulated origins, per minute')
    parser.add_argument('--binary', default='weir-controlplane')
    parser.add_argument('--expect-violations', action='store_true', help='succeed only when the history is rejected')
    parser.add_argument('--keep', action='store_true', help='leave the files of good runs, too')
    parser.add_argument('--list', action='store_true')
    args = parser.parse_args()
    if args.list:
        for name, (store, count, weights) in SCENARIOS.items():
            print(f'{name:10} {count} replicas over {store}: {", ".join(weights) or "no fault"}')
        return 0
    load = dict(FULL if args.full else SMALL)
    load.update({key: getattr(args, key) for key in ('streams', 'clients', 'rate', 'deaths')
                 if getattr(args, key) is not None})
    scenarios = [name for name in SCENARIOS if name != 'calm'] if args.scenario == 'all' else [args.scenario]
    until = time.monotonic() + args.minutes * 60
    bad, runs, seed = 0, 0, args.seed
    while runs == 0 or time.monotonic() < until:
        for scenario in scenarios:
            print(f'{scenario} seed {seed}', flush=True)
            verdict = run_once(scenario, seed, args.seconds, load, args.binary, keep=args.keep, gap=args.gap,
                               say=lambda text: print(text, flush=True))
            runs += 1
            good = bool(verdict.violations) if args.expect_violations else verdict.good
            bad += not good
            for text in verdict.problems + verdict.violations[:20]:
                print(f'    {text}')
            print(f'    {describe(verdict)}\n{"passed" if good else "FAILED"} {scenario} seed {seed}', flush=True)
            if not good:
                extra = ' --full' if args.full else ''
                if args.gap != 1.0:
                    extra += f' --gap {args.gap:g}'
                for key in ('streams', 'clients', 'rate', 'deaths'):
                    if getattr(args, key) is not None:
                        extra += f' --{key} {getattr(args, key):g}'
                print(f'again: tests/chaos/run.py --scenario {scenario} --seed {seed} --seconds {args.seconds:g}{extra}')
        seed += 1
    print(f'{runs - bad} passed, {bad} failed, 0 skipped')
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
