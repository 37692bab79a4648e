"""Operators' orders through weirctl, and that they outlive a control plane that is killed."""
import os
import stat
import subprocess
import time
import unittest

from harness import rtmp_tool
from harness.cluster import Cluster
from harness.processes import BIN, wait_for


class Orders(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(origins=2).__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__(None, None, None)

    def code(self, *words):
        return self.cluster.ctl_raw(*words).returncode

    def text(self, *words):
        done = self.cluster.ctl_raw(*words)
        self.assertEqual(0, done.returncode, done.stderr)
        return done.stdout

    def test_pinned_streams_go_to_their_origin_and_explain_says_why(self):
        cluster = self.cluster
        for n in range(4):
            cluster.ctl('stream', 'pin', f'live/pin{n}', 'o2')
        tool = rtmp_tool.publish(cluster, 'pin', cluster.url('pin{n}'), count=4, seconds=20, kbps=50)
        tool.wait_events('accepted', 4, 10)
        wait_for(lambda: [cluster.placements().get(f'pin{n}') for n in range(4)] == ['o2'] * 4, 5,
                 'all on o2')
        record = cluster.ctl('stream', 'explain', 'live/pin0')['records'][0]
        self.assertEqual('pinned', record['policy'])
        self.assertEqual('PINNED_ELSEWHERE', next(c['rejectedBy'] for c in record['candidates']
                                                  if c['origin'] == 'o1'))
        self.assertEqual('o2', cluster.ctl('stream', 'get', 'live/pin0')['pinnedOrigin'])
        tool.stop()
        for n in range(4):
            cluster.ctl('stream', 'unpin', f'live/pin{n}')
        self.assertEqual(3, self.code('stream', 'unpin', 'live/pin0'))
        self.assertEqual(3, self.code('stream', 'pin', 'live/pin0', 'nowhere'))
        self.assertEqual(2, self.code('stream', 'pin', 'no-key', 'o1'))

    def test_a_reconnecting_encoder_goes_to_the_pin_that_came_meanwhile(self):
        cluster = self.cluster
        first = rtmp_tool.publish(cluster, 'move1', cluster.url('moves'), seconds=30, kbps=50)
        first.wait_events('accepted', 1, 10)
        wait_for(lambda: 'moves' in cluster.placements(), 5, 'moves is known')
        there = cluster.placements()['moves']
        other = 'o1' if there == 'o2' else 'o2'
        cluster.ctl('stream', 'pin', 'live/moves', other)
        time.sleep(0.3)
        self.assertEqual(there, cluster.placements()['moves'], 'where it runs it stays')
        first.stop()
        again = rtmp_tool.publish(cluster, 'move2', cluster.url('moves'), seconds=30, kbps=50,
                                  retry=True)
        again.wait_events('accepted', 1, 15)
        wait_for(lambda: cluster.placements().get('moves') == other, 5, 'on its pin')
        again.stop()
        cluster.ctl('stream', 'unpin', 'live/moves')

    def test_a_draining_origin_gets_nothing_new_and_a_light_one_less(self):
        cluster = self.cluster
        cluster.ctl('origin', 'drain', 'o1', '--within', '10m', '--reason', 'disk')
        try:
            record = cluster.ctl('place', '--dry-run', 'live/new')['records'][0]
            self.assertEqual('o2', record['winner'])
            self.assertEqual('DRAINING', next(c['rejectedBy'] for c in record['candidates']
                                              if c['origin'] == 'o1'))
            shown = cluster.ctl('origin', 'get', 'o1')['orders']
            self.assertEqual('disk', shown['drainReason'])
            self.assertIn('drainDeadline', shown)
            self.assertIn('draining', self.text('origin', 'list'))
        finally:
            cluster.ctl('origin', 'undrain', 'o1')
        cluster.ctl('origin', 'weight', 'o1', '0.01')
        try:
            self.assertEqual(0.01, cluster.ctl('origin', 'get', 'o1')['orders']['weight'])
            self.assertEqual('o2', cluster.ctl('place', '--dry-run', 'live/new')['records'][0]['winner'])
        finally:
            cluster.ctl('origin', 'weight', 'o1', '1')
        self.assertEqual(2, self.code('origin', 'weight', 'o1', '1000'))
        self.assertEqual(3, self.code('origin', 'drain', 'nowhere'))

    def test_policies_are_exported_applied_and_in_force_at_once(self):
        cluster = self.cluster
        path = cluster.dir / 'policy.yaml'
        cluster.ctl('policy', 'set', 'default_stream_bits_per_second=9000000', 'adopt=none')
        try:
            shown = cluster.ctl('policy', 'get')
            self.assertEqual('ADOPT_RULE_NONE', shown['effective']['adopt'])
            reserved = cluster.ctl('place', '--dry-run', 'live/new')['records'][0]['reservation']
            self.assertEqual(9000000, reserved['bitsPerSecond'])
            path.write_text(self.text('policy', 'export'))
            before = cluster.ctl('policy', 'get')['etag']
            self.assertEqual('policies/default unchanged\n', self.text('policy', 'apply', '-f', path))
            self.assertEqual(before, cluster.ctl('policy', 'get')['etag'])
            self.assertIn('would not change', self.text('policy', 'validate', '-f', path))
            path.write_text(path.read_text().replace('none', 'some'))
            for verb in ('validate', 'apply'):
                done = cluster.ctl_raw('policy', verb, '-f', path)
                self.assertEqual(2, done.returncode)
                self.assertIn(f'{path}:3: policies[0].adopt: ', done.stderr)
            self.assertEqual(before, cluster.ctl('policy', 'get')['etag'])
            self.assertIn('POLICY_CHANGED', [e['type'] for e in cluster.events()])
        finally:
            cluster.ctl('policy', 'set', 'default_stream_bits_per_second=', 'adopt=')
        self.assertEqual('ADOPT_RULE_SRS', cluster.ctl('policy', 'get')['effective']['adopt'])
        self.assertEqual(2, self.code('policy', 'set', 'nothing=1'))


class OrdersOutlive(unittest.TestCase):
    def test_the_control_plane_killed_and_started_again(self):
        with Cluster(origins=2) as cluster:
            def code(*words):
                return cluster.ctl_raw(*words).returncode

            cluster.ctl('origin', 'cordon', 'o1', '--reason', 'disk')
            cluster.ctl('origin', 'cordon', 'o2', '--reason', 'a mistake')
            cluster.ctl('origin', 'drain', 'o2', '--reason', 'later')
            cluster.ctl('origin', 'weight', 'o1', '2.5')
            cluster.ctl('stream', 'pin', 'live/a', 'o2')
            cluster.ctl('policy', 'set', 'second_publisher=reject')
            kept = cluster.ctl('token', 'create', 'operator', '--note', 'ops')
            revoked = cluster.ctl('token', 'create', 'viewer')
            time.sleep(1.2)  # the first state is on disk: what follows changes it
            cluster.ctl('origin', 'uncordon', 'o2')
            cluster.ctl('token', 'revoke', revoked['token']['name'].split('/')[1])
            policy = cluster.ctl('policy', 'get')['etag']
            time.sleep(1.2)  # durable within a second

            for _ in range(2):
                cluster.controlplane.kill()
                cluster.start_controlplane()
                cluster.wait_origins(2)
                cluster.wait_settled()
                first, second = (cluster.ctl('origin', 'get', o) for o in ('o1', 'o2'))
                self.assertEqual('disk', first['cordonReason'])
                self.assertEqual(2.5, first['orders']['weight'])
                self.assertFalse(second['cordoned'], 'a lifted cordon came back')
                self.assertEqual('later', second['orders']['drainReason'])
                self.assertEqual('o2', cluster.ctl('stream', 'get', 'live/a')['pinnedOrigin'])
                shown = cluster.ctl('policy', 'get')
                self.assertEqual('SECOND_PUBLISHER_RULE_REJECT', shown['effective']['secondPublisher'])
                self.assertEqual(policy, shown['etag'])
                self.assertTrue(shown['recordsKnown'])
                self.assertEqual([kept['token']['name']],
                                 [t['name'] for t in cluster.ctl('token', 'list')['tokens']])
                self.assertTrue(cluster.ctl('cluster', 'status')['recordsKnown'])
            self.assertEqual(3, code('token', 'revoke', revoked['token']['name'].split('/')[1]))

            records = cluster.dir / 'controlplane' / 'records.bin'
            self.assertEqual(0o600, stat.S_IMODE(os.stat(records).st_mode))
            self.assertNotIn(kept['bearer'].encode(), records.read_bytes())
            cluster.controlplane.kill()
            damaged = bytearray(records.read_bytes())
            damaged[-1] ^= 1
            records.write_bytes(damaged)
            done = subprocess.run([BIN / 'weir-controlplane', '--listen', '127.0.0.1:0', '--admin', '',
                                   '--state-dir', cluster.dir / 'controlplane'],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  timeout=10)
            self.assertNotEqual(0, done.returncode)
            self.assertIn('records.bin', done.stdout)


if __name__ == '__main__':
    unittest.main()
