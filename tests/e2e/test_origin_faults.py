"""Origins that are killed, half killed, frozen and started again."""
import os
import signal
import time
import unittest

from harness import rtmp_tool
from harness.cluster import Cluster
from harness.processes import wait_for


class OriginFaults(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(origins=2).__enter__()

    def tearDown(self):
        failed = any(error for _, error in getattr(self._outcome, 'errors', []) or [])
        self.cluster.__exit__(failed, None, None)

    def publish(self, name, **options):
        tool = rtmp_tool.publish(self.cluster, name, self.cluster.url(name), seconds=60, kbps=200,
                                 **options)
        tool.wait_events('accepted', 1, 10)
        wait_for(lambda: name in self.cluster.placements(), 5, f'{name} is publishing')
        return tool, self.cluster.origin(self.cluster.placements()[name])

    def publish_until_accepted(self, name, since):
        """Publishes at once, as an encoder that reconnects; seconds from `since` to acceptance."""
        tool = rtmp_tool.publish(self.cluster, f'{name}-again', self.cluster.url(name), seconds=60,
                                 kbps=200, retry=True)
        accepted = tool.wait_events('accepted', 1, 15)[0]
        return tool.began + accepted['t'] - since, tool

    def incarnation(self, origin):
        return self.cluster.ctl('origin', 'get', origin.name)['incarnation']

    def test_worker_killed_then_publishing_is_accepted_within_a_second_as_new_incarnation(self):
        first, origin = self.publish('s')
        before = self.incarnation(origin)
        killed = origin.kill_worker()
        first.wait_events('closed', 1, 5)
        took, again = self.publish_until_accepted('s', killed)
        print(f'    worker killed: accepted again after {took:.3f} s', end='')
        self.assertLessEqual(took, 1.0)
        wait_for(lambda: self.origin_alive_as_new(origin, before), 10,
                 'the worker that the master started is a new incarnation')
        again.stop()
        first.stop()

    def origin_alive_as_new(self, origin, before):
        seen = self.cluster.ctl('origin', 'get', origin.name)
        return seen['incarnation'] != before and seen.get('state') == 'ORIGIN_STATE_ALIVE'

    def test_worker_and_master_killed_then_accepted_elsewhere_and_taken_back_after_restart(self):
        first, origin = self.publish('s')
        before = self.incarnation(origin)
        killed = origin.kill_all()
        took, again = self.publish_until_accepted('s', killed)
        print(f'    origin killed: accepted elsewhere after {took:.3f} s', end='')
        self.assertLessEqual(took, 1.0)
        wait_for(lambda: self.cluster.placements().get('s') not in (None, origin.name), 5,
                 'placed on the other origin')
        wait_for(lambda: self.cluster.origin_states()[origin.name] == 'DEAD', 5, 'declared dead')
        origin.start()
        wait_for(lambda: self.origin_alive_as_new(origin, before), 15, 'taken back')
        again.stop()
        first.stop()

    def test_master_killed_alone_leaves_sessions_and_verdicts_alone(self):
        first, origin = self.publish('s')
        before = self.incarnation(origin)
        workers = origin.workers()
        os.kill(origin.master(), signal.SIGKILL)
        origin.process.wait(5)
        try:
            viewer = rtmp_tool.play(self.cluster, 'viewer', self.cluster.url('s'), seconds=4)
            viewer.wait_events('media', 1, 5)
            self.assertEqual(0, viewer.wait(10))
            self.assertEqual([], first.events('closed'))
            self.assertEqual('ALIVE', self.cluster.origin_states()[origin.name])
            self.assertEqual(before, self.incarnation(origin))
            self.assertEqual([], self.cluster.events('ORIGIN_DEAD'))
        finally:
            first.stop()
            for pid in workers:
                os.kill(pid, signal.SIGKILL)

    def test_frozen_origin_delays_nobody_else_and_its_streams_are_accepted_elsewhere(self):
        first, origin = self.publish('s')
        frozen = origin.signal_all(signal.SIGSTOP)
        try:
            other, at = None, []
            for n in range(6):
                tool = rtmp_tool.publish(self.cluster, f'other{n}', self.cluster.url(f'other{n}'),
                                         seconds=10, kbps=100)
                tool.wait_events('accepted', 1, 8)
                at.append(tool.events('accepted')[0]['t'])
                tool.stop()
            healthy = next(o for o in self.cluster.origins if o is not origin)
            other = rtmp_tool.publish(self.cluster, 'beside', f'rtmp://{healthy.rtmp}/live/beside',
                                      seconds=10, kbps=100)
            other.wait_events('accepted', 1, 5)
            other.stop()
            first.stop()
            took, again = self.publish_until_accepted('s', frozen)
            print(f'    origin frozen: accepted elsewhere after {took:.3f} s; others needed '
                  f'{max(at):.3f} s at most', end='')
            self.assertLessEqual(took, 5.0)
            # A stream that was sent to the frozen origin before its verdict pays one dial; the others,
            # half of them at least, pay nothing.
            self.assertLessEqual(max(at), 2.5)
            self.assertLessEqual(sorted(at)[len(at) // 2 - 1], 0.5)
            wait_for(lambda: self.cluster.placements().get('s') == healthy.name, 5, 'placed elsewhere')
            again.stop()
        finally:
            origin.signal_all(signal.SIGCONT)
        self.assertLess(time.monotonic() - frozen, 60)
