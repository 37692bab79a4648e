"""A short run of the seeded faults (tests/chaos); soaks are `tests/chaos/run.py --minutes N`."""
import shutil
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'chaos'))

import run  # noqa: E402

LOAD = {**run.SMALL, 'streams': 600, 'origins': 10, 'agents': 2, 'clients': 12, 'rate': 150}


class Chaos(unittest.TestCase):
    def seed(self, scenario, seed, seconds):
        lines = []
        verdict = run.run_once(scenario, seed, seconds, LOAD, say=lines.append)
        print(f'    {run.describe(verdict)}', end='')
        self.assertTrue(verdict.good, '\n'.join(
            lines + verdict.problems + verdict.violations[:20]
            + [f'again: tests/chaos/run.py --scenario {scenario} --seed {seed} --seconds {seconds}']))

    def test_replicas_and_redis_fall_and_nothing_splits(self):
        self.seed('redis', 1, 8)

    def test_an_acquire_in_two_steps_is_noticed(self):
        verdict = run.run_once('calm', 1, 2, LOAD, binary='weir-controlplane-nonatomic', say=lambda text: None,
                               keep=False)
        print(f'    {run.describe(verdict)}', end='')
        self.assertGreater(verdict.figures['violations']['displaced'], 10)
        shutil.rmtree(verdict.dir)
