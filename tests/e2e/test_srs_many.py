"""Two hundred SRS origins under one agent (scripted: docs/testing.md)."""
import time
import unittest
from collections import Counter

from harness import rtmp_tool, watched
from harness.processes import wait_for
from harness.srs_cluster import SrsCluster

ORIGINS = 200


class ManySrsOrigins(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # All heartbeats come at the same instants, which made a table that is read, then written, lose some.
        began = time.monotonic()
        cls.cluster = SrsCluster(srs=ORIGINS, interval_ms=2000, forwarders=2).__enter__()
        cls.addClassCleanup(cls.cluster.__exit__, None, None, None)
        cls.took = time.monotonic() - began

    def alive(self):
        return list(self.cluster.origin_states().values()).count('ALIVE')

    def test_1_heartbeats_of_the_same_instants_drop_nobody(self):
        print(f'    {ORIGINS} origins live {self.took:.1f} s after the first daemon began', end='')
        # setUpClass has waited for every one of them.
        self.assertLessEqual(self.took, 15)
        fleet = self.cluster.fleet
        first = {name: r['accepted'] for name, r in fleet.report().items()}
        wait_for(lambda: all(r['accepted'] >= first[name] + 1
                             for name, r in fleet.report().items()), 10, 'each beat again')
        self.assertEqual(ORIGINS, self.alive())

    def test_2_two_hundred_publishes_at_once_land_one_each(self):
        half = ORIGINS // 2
        tools = [rtmp_tool.publish(self.cluster, f'burst{f}',
                                   self.cluster.url(f'burst{f}-{{n}}', forwarder=f), count=half,
                                   seconds=30, kbps=50) for f in (0, 1)]
        try:
            for tool in tools:
                accepted = tool.wait_events('accepted', half, 20)
                self.assertEqual(half, len({e['session'] for e in accepted}))
            carried = self.cluster.carried()
            self.assertEqual(ORIGINS, len(carried))
            self.assertEqual([], [name for name, where in carried.items() if len(where) != 1])
            counts = Counter(where[0] for where in carried.values())
            spread = Counter(counts.get(f'x{n + 1}', 0) for n in range(ORIGINS))
            print(f'    streams per origin: {dict(spread)}', end='')
            self.assertLessEqual(max(spread), 2)
        finally:
            for tool in tools:
                tool.stop()

    def test_3_agent_costs_little(self):
        pid = self.cluster.agent.pid
        cpu, began = watched.cpu_seconds(pid), time.monotonic()
        wait_for(lambda: time.monotonic() - began >= 4, 10, 'four seconds have passed', poll=0.2)
        share = (watched.cpu_seconds(pid) - cpu) / (time.monotonic() - began)
        resident = watched.resident_kib(pid) / 1024
        print(f'    agent of {ORIGINS} origins: {share:.1%} of a core, {resident:.0f} MiB', end='')
        # Far above what tests/srs.sh measures: another machine, a sanitizer, coverage.
        self.assertLess(share, 0.6)
        self.assertLess(resident, 600)


if __name__ == '__main__':
    unittest.main()
