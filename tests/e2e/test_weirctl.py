"""What an operator sees: every command of weirctl against a running cluster."""
import unittest
import urllib.request

from harness import rtmp_tool
from harness.cluster import Cluster
from harness.processes import wait_for


class Weirctl(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(origins=2).__enter__()
        cls.tool = rtmp_tool.publish(cls.cluster, 'seen', cls.cluster.url('seen?token=hidden'),
                                     seconds=120, kbps=300)
        cls.tool.wait_events('accepted', 1, 10)
        cls.player = rtmp_tool.play(cls.cluster, 'viewer', cls.cluster.url('seen'), seconds=120)
        cls.player.wait_events('media', 1, 10)
        wait_for(lambda: 'seen' in cls.cluster.placements(), 5, 'seen is publishing')

    @classmethod
    def tearDownClass(cls):
        cls.player.stop()
        cls.tool.stop()
        cls.cluster.__exit__(None, None, None)

    def test_cluster_status_counts_what_runs(self):
        def status():
            seen = self.cluster.ctl('cluster', 'status')
            return seen.get('originsAlive') == 2 and seen.get('forwardersAttached') == 1 and \
                seen.get('agentsAttached') == 1 and seen.get('streamsPublishing', 0) >= 1 and seen
        wait_for(status, 5, lambda: f'status: {self.cluster.ctl("cluster", "status")}', poll=0.2)

    def test_stream_get_shows_owner_holder_and_epoch_and_no_token(self):
        stream = self.cluster.ctl('stream', 'get', 'live/seen')
        placement = stream['placement']
        self.assertIn(placement['origin'], ('o1', 'o2'))
        self.assertEqual('f0', placement['holder']['clientSession']['forwarder'])
        self.assertTrue(placement['epoch']['generation'])
        for process in (self.cluster.controlplane, self.cluster.forwarders[0]):
            self.assertNotIn('token=hidden', process.text())

    def test_explain_names_every_candidate_with_its_score_or_reason(self):
        records = self.cluster.ctl('stream', 'explain', 'live/seen')['records']
        self.assertEqual({'o1', 'o2'}, {c['origin'] for c in records[0]['candidates']})
        self.assertEqual(self.cluster.placements()['seen'], records[0]['winner'])

    def test_cordoned_origin_gets_nothing_new_until_uncordoned(self):
        cluster = self.cluster
        cluster.ctl('origin', 'cordon', 'o1', '--reason', 'disk change')
        try:
            shown = cluster.ctl('place', '--dry-run', 'live/new')['records'][0]
            self.assertEqual('o2', shown['winner'])
            rejected = next(c for c in shown['candidates'] if c['origin'] == 'o1')
            self.assertEqual('CORDONED', rejected['rejectedBy'])
            for n in range(4):
                tool = rtmp_tool.publish(cluster, f'cordon{n}', cluster.url(f'cordon{n}'), seconds=3,
                                         kbps=50)
                tool.wait_events('accepted', 1, 5)
                wait_for(lambda name=f'cordon{n}': cluster.placements().get(name) == 'o2', 5,
                         'placed on o2')
                tool.stop()
            self.assertEqual('disk change', cluster.ctl('origin', 'get', 'o1')['cordonReason'])
        finally:
            cluster.ctl('origin', 'uncordon', 'o1')
        self.assertFalse(cluster.ctl('origin', 'get', 'o1').get('cordoned', False))

    def test_sessions_and_forwarders_are_listed(self):
        sessions = [s for s in self.cluster.ctl('session', 'list')['sessions']
                    if s['stream'].endswith('/live/seen')]
        self.assertEqual({'INTENT_PUBLISH', 'INTENT_PLAY'}, {s['intent'] for s in sessions})
        self.assertTrue(all(s['clientAddress'].startswith('127.0.0.1:') for s in sessions))
        forwarder = self.cluster.ctl('forwarder', 'get', 'f0')
        self.assertTrue(forwarder['attached'])

    def test_events_tell_the_story(self):
        types = [e['type'] for e in self.cluster.events()]
        for wanted in ('AGENT_ATTACHED', 'FORWARDER_ATTACHED', 'STREAM_PLACED'):
            self.assertIn(wanted, types)

    def test_every_output_format_works(self):
        for words in (['cluster', 'status'], ['origin', 'list'], ['stream', 'list'], ['session', 'list'],
                      ['forwarder', 'list']):
            for form in ('table', 'wide', 'json', 'yaml'):
                done = self.cluster.ctl_raw('-o', form, *words)
                self.assertEqual(0, done.returncode, done.stderr)
                self.assertTrue(done.stdout.strip())

    def test_metrics_and_probes_of_all_daemons(self):
        cluster = self.cluster
        for admin in (cluster.cp_admin, cluster.forwarder_ports[0][1], cluster.agent_admin):
            self.assertIn('weir_', cluster.metrics(admin))
            for path in ('livez', 'readyz'):
                with urllib.request.urlopen(f'http://{admin}/{path}', timeout=2) as got:
                    self.assertEqual(200, got.status)
