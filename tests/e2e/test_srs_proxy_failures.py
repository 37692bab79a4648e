"""What the SRS Proxy did when pushed, as far as RTMP and registration go; each a test of ours.

Its table is in the words of that project's users: it panicked under bursts of connects, never placed a stream
of a dead origin again, split streams that were asked for at the same instant, kept silent connections for ever.
The heartbeats of many origins at once are in test_srs_many.
"""
import itertools
import os
import signal
import time
import unittest
from concurrent.futures import ThreadPoolExecutor, wait

from harness import rtmp_tool, strangers
from harness.processes import wait_for
from harness.srs import SrsFleet
from harness.srs_cluster import SrsCluster
from harness.strangers import Crowd

TRUSTED = '127.0.0.9'
SILENT = 500


class SrsProxyFailures(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = SrsCluster(srs=4, forwarders=2, forwarder_args=[
            '--set', f'rtmp_options.limits.exempt_from={TRUSTED}']).__enter__()
        cls.addClassCleanup(cls.cluster.__exit__, None, None, None)
        cls.played = rtmp_tool.publish(cls.cluster, 'played', cls.cluster.url('played'), seconds=600,
                                       kbps=100)
        cls.addClassCleanup(cls.played.stop)
        cls.played.wait_events('accepted', 1, 10)
        # They are sent away at their deadline; the other tests go on beside them.
        cls.silent = Crowd(cls.cluster.forwarder_ports[0][0], source=TRUSTED)
        cls.silent_began = time.monotonic()
        cls.silent_end = ThreadPoolExecutor(1).submit(
            cls.silent.burst, (('silent', strangers.silent()) for _ in range(SILENT)), 30, SILENT)
        cls.addClassCleanup(wait, [cls.silent_end])

    def setUp(self):
        self.tools = []

    def tearDown(self):
        for tool in self.tools:
            tool.stop()

    def publish(self, name, forwarder=0, wait=True, **options):
        tool = rtmp_tool.publish(self.cluster, f'publish-{name}-{len(self.tools)}',
                                 self.cluster.url(name, forwarder=forwarder),
                                 **{'seconds': 60, 'kbps': 100, **options})
        self.tools.append(tool)
        if wait:
            tool.wait_events('accepted', options.get('count', 1), 10)
        return tool

    def play(self, name, forwarder=0, **options):
        tool = rtmp_tool.play(self.cluster, f'play-{name}-{len(self.tools)}',
                              self.cluster.url(name, forwarder=forwarder),
                              **{'seconds': 60, **options})
        self.tools.append(tool)
        return tool

    @staticmethod
    def aborted(stage, name, end):
        return strangers.aborted(stage, b'played' if stage == 'play' else name, end)

    def test_bursts_of_connects_end_no_process(self):
        names = itertools.count()
        pids = [f.pid for f in self.cluster.forwarders]
        crowd = Crowd(self.cluster.forwarder_ports[0][0], source=TRUSTED)
        for _ in range(5):
            jobs = [('publisher', strangers.publisher(b'b%d' % next(names))) for _ in range(200)]
            jobs += [(f'aborted at {stage}', self.aborted(stage, b'c%d' % next(names), end))
                     for stage in strangers.STAGES for end in (strangers.FIN, strangers.RESET)
                     for _ in range(10)]
            crowd.burst(jobs, seconds=30)
        self.assertEqual(1000, crowd.outcomes['publisher', 'done'])
        self.assertEqual({'done'}, {how for _, how in crowd.outcomes})
        self.assertTrue(all(f.running() for f in self.cluster.forwarders))
        self.assertEqual(pids, [f.pid for f in self.cluster.forwarders])

    def test_origin_killed_and_its_stream_is_accepted_elsewhere_within_a_second(self):
        cluster = self.cluster
        victim_fleet = SrsFleet(cluster.dir, cluster.register, 'victim')
        cluster.extra.append(victim_fleet)
        victim = cluster.add('victim', victim_fleet)
        wait_for(lambda: cluster.origin_states().get('vid-victim') == 'ALIVE', 10, 'the victim lives')
        for n in range(4):
            cluster.ctl('origin', 'cordon', f'vid-x{n + 1}')
        first = self.publish('killed')
        for n in range(4):
            cluster.ctl('origin', 'uncordon', f'vid-x{n + 1}')
        self.assertEqual('victim', cluster.owner('killed').name)
        killed = time.monotonic()
        os.kill(victim_fleet.pid, signal.SIGKILL)
        first.wait_events('closed', 1, 5)
        again = self.publish('killed', wait=False, retry=True)
        accepted = again.wait_events('accepted', 1, 10)[0]
        took = again.began + accepted['t'] - killed
        print(f'    accepted elsewhere {took:.3f} s after the kill', end='')
        self.assertLessEqual(took, 1.0)
        self.assertNotEqual('vid-victim', cluster.placements().get('killed'))
        self.forgotten(victim)

    def forgotten(self, victim):
        """A dead server gets nothing any more, whoever asks."""
        cluster = self.cluster
        wait_for(lambda: cluster.origin_states().get('vid-victim', 'DEAD') == 'DEAD', 5, 'it is dead')
        for n in range(8):
            record = cluster.ctl('place', '--dry-run', f'live/after{n}')['records'][0]
            self.assertNotEqual('vid-victim', record['winner'])
        self.play('killed', forwarder=1).wait_events('media', 1, 5)

    def test_fifty_streams_published_and_played_at_the_same_instant_are_never_split(self):
        cluster, count = self.cluster, 50
        # Publishers of the same fifty names at both forwarders: one of each wins, the other is refused.
        tools = [self.publish('instant{n}', forwarder=f, wait=False, count=count) for f in (0, 1)]
        players = [self.play('instant{n}', forwarder=f, count=count) for f in (0, 1)]
        for tool in players:
            tool.wait_events('media', count, 15)
            self.assertEqual([], tool.events('closed'))
        wait_for(lambda: sum(len(t.events('accepted')) + len(t.events('refused')) for t in tools)
                 == 2 * count, 10, 'each publisher knows')
        carried = {name: where for name, where in cluster.carried().items()
                   if name.startswith('instant')}
        self.assertEqual(count, len(carried))
        self.assertEqual({}, {name: where for name, where in carried.items() if len(where) != 1})
        # Nobody plays where nobody publishes.
        waiting = [s['url'] for r in cluster.fleet.report().values() for s in r['streams']
                   if 'instant' in s['url'] and not s['publisher']]
        self.assertEqual([], waiting)

    def test_one_frozen_origin_is_noticed_by_nobody_else(self):
        cluster = self.cluster
        self.publish('steady{n}', count=8)
        viewers = self.play('steady{n}', forwarder=1, count=8)
        viewers.wait_events('media', 8, 10)
        frozen = cluster.owner('steady0')
        beside = {n for n in range(8) if cluster.owner(f'steady{n}') is not frozen}
        self.assertTrue(beside)
        frozen_id = cluster.placements()['steady0']
        frozen.freeze()
        try:
            wait_for(lambda: cluster.origin_states()[frozen_id] == 'DEAD', 8, 'its verdict', poll=0.1)
            # Its own session numbers are those of its streams: each goes on getting frames.
            def frames(n):
                return sum(e['frames'] for e in viewers.events('progress', session=n)[-1:])
            mark = {n: frames(n) for n in beside}
            wait_for(lambda: all(frames(n) > mark[n] for n in beside), 5, 'the others play on')
            started = [self.publish(f'meanwhile{n}') for n in range(4)]
            slowest = max(t.events('accepted')[0]['t'] for t in started)
            print(f'    others accepted within {slowest:.3f} s', end='')
            self.assertLessEqual(slowest, 0.5)
            self.assertEqual(3, sum(cluster.origin_states()[f'vid-x{n}'] == 'ALIVE'
                                    for n in (1, 2, 3, 4)))
        finally:
            frozen.thaw()
        wait_for(lambda: cluster.origin_states()[frozen_id] == 'ALIVE', 15, 'taken back', poll=0.1)

    def test_silent_connections_are_closed_at_the_deadline(self):
        self.silent_end.result()
        self.assertEqual(SILENT, self.silent.outcomes['silent', 'ended'])

    def test_sigterm_ends_in_order_and_the_stream_goes_on_at_the_other_forwarder(self):
        """Sessions do not outlive their forwarder yet: they are told, and nothing of them stays behind."""
        cluster = self.cluster
        publisher = self.publish('drained', forwarder=1)
        self.play('drained', forwarder=1).wait_events('media', 1, 5)
        origin = cluster.owner('drained')
        forwarder = cluster.forwarders[1]
        forwarder.signal(signal.SIGTERM)
        began = time.monotonic()
        publisher.wait_events('closed', 1, 5)
        again = self.publish('drained', forwarder=0, retry=True)
        took = again.began + again.events('accepted')[0]['t'] - began
        print(f'    accepted by the other forwarder {took:.3f} s after SIGTERM', end='')
        self.assertLessEqual(took, 1.0)
        # The half-second old publisher is no longer at the origin, and the owner did not change.
        self.assertEqual(origin.name, cluster.owner('drained').name)
        self.play('drained', forwarder=0).wait_events('media', 1, 5)
        self.assertEqual(0, forwarder.wait(15))
        cluster.start_forwarder(1)


if __name__ == '__main__':
    unittest.main()
