"""SRS origins that come by their heartbeats alone (scripted: docs/testing.md)."""
import unittest

from harness import rtmp_tool
from harness.processes import BIN, Process, free_port, wait_for, wait_listening
from harness.srs import SrsFleet
from harness.srs_cluster import SrsCluster


class SrsOrigins(unittest.TestCase):
    """One cluster for all; every test has streams of its own and leaves the origins as they were."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = SrsCluster(srs=3, forwarders=2).__enter__()
        cls.addClassCleanup(cls.cluster.__exit__, None, None, None)

    def setUp(self):
        self.tools = []
        self.wait_alive(3)

    def tearDown(self):
        for tool in self.tools:
            tool.stop()

    def publish(self, name, forwarder=0, wait=True, tool=None, **options):
        tool = rtmp_tool.publish(self.cluster, tool or f'publish-{name}-{len(self.tools)}',
                                 self.cluster.url(name, forwarder=forwarder),
                                 **{'seconds': 60, 'kbps': 100, **options})
        self.tools.append(tool)
        if wait:
            tool.wait_events('accepted', 1, 10)
        return tool

    def play(self, name, forwarder=0):
        tool = rtmp_tool.play(self.cluster, f'play-{name}-{len(self.tools)}',
                              self.cluster.url(name, forwarder=forwarder), seconds=60)
        self.tools.append(tool)
        return tool

    def wait_alive(self, count):
        """Of x1 to x3: others come and go in their tests."""
        def alive():
            states = self.cluster.origin_states()
            return sum(states.get(f'vid-x{n}') == 'ALIVE' for n in (1, 2, 3)) >= count
        wait_for(alive, 10, lambda: f'{count} origins alive: {self.cluster.origin_states()}')

    def event_count(self, kind):
        return len(self.cluster.events(kind))

    def incarnation(self, origin):
        return self.cluster.ctl('origin', 'get', f'vid-{origin.name}')['incarnation']

    def shown(self, name):
        return next((s for key, s in self.cluster.streams().items() if key.endswith(f'/{name}')), None)

    # --- coming up
    def test_published_and_played_through_origins_that_only_sent_heartbeats(self):
        self.publish('simple', forwarder=0)
        self.play('simple', forwarder=1).wait_events('media', 1, 5)
        origin = self.cluster.owner('simple')
        self.assertTrue(origin.publisher('simple')['swf_url'].startswith('weir:f0/'))

    def test_origin_is_described_by_its_api_and_nobody_lists_its_clients(self):
        origin = self.cluster.fleet.origins['x1']
        first = origin.report()
        self.publish('counted')
        self.play('counted').wait_events('media', 1, 5)
        wait_for(lambda: origin.report()['requests'] > first['requests'] + 3, 10, 'it is polled')
        last = origin.report()
        self.assertEqual(0, last['client_lists'])
        # Kept-alive: polls do not take a connection each, which would count against max_connections.
        self.assertLessEqual(last['api_connections'], first['api_connections'] + 1)
        shown = self.cluster.ctl('origin', 'get', 'vid-x1')
        self.assertIn('7.0.18', str(shown))

    # --- direct publishes
    def test_direct_publish_is_adopted_played_and_released(self):
        origin = self.cluster.fleet.origins['x2']
        origin.publish('direct')
        wait_for(lambda: self.cluster.placements().get('direct') == 'vid-x2', 10,
                 lambda: f'adopted: {self.shown("direct")}')
        self.assertIn('direct', self.shown('direct')['placement']['holder'])
        self.play('direct', forwarder=1).wait_events('media', 1, 5)
        second = self.publish('direct', wait=False, seconds=5)
        refused = second.wait_events('refused', 1, 5)[0]
        self.assertEqual('NetStream.Publish.BadName', refused['code'])
        self.assertEqual('', origin.publisher('direct')['swf_url'])
        origin.unpublish('direct')
        wait_for(lambda: self.cluster.placements().get('direct') is None, 15, 'released')

    # --- identity
    def test_clones_of_one_image_are_both_usable_and_an_event_says_so(self):
        cluster = self.cluster
        clones = [cluster.add(name, server='vid-clone') for name in ('clone-a', 'clone-b')]
        try:
            def both():
                states = cluster.origin_states()
                return [o for o in states if o.startswith('vid-clone') and states[o] == 'ALIVE']
            ids = wait_for(lambda: len(both()) == 2 and both(), 10,
                           lambda: f'both clones live: {cluster.origin_states()}')
            self.assertIn('vid-clone', ids)
            self.assertTrue(self.event_count('ORIGIN_ID_TAKEN') >= 1)
            self.assertEqual({c.name for c in clones}, {cluster.srs(i).name for i in ids})
            for n in (1, 2, 3):
                cluster.ctl('origin', 'cordon', f'vid-x{n}')
            for name in ('clone1', 'clone2'):
                self.publish(name)
            self.assertEqual({c.name for c in clones},
                             {cluster.owner(name).name for name in ('clone1', 'clone2')})
        finally:
            for n in (1, 2, 3):
                cluster.ctl('origin', 'uncordon', f'vid-x{n}')
            for clone in clones:
                clone.stop()

    def test_restarted_origin_is_a_new_incarnation_of_the_same_id(self):
        origin = self.cluster.fleet.origins['x3']
        before = self.incarnation(origin)
        origin.restart()
        wait_for(lambda: self.incarnation(origin) != before and
                 self.cluster.origin_states()['vid-x3'] == 'ALIVE', 10, 'taken back as a new life')
        self.assertEqual(['vid-x3'], [o for o in self.cluster.origin_states() if 'x3' in o])

    # --- fencing
    def stale_tag(self, name):
        """Publishes and ends; the tag it had, as a forwarder that vanished leaves it behind."""
        tool = self.publish(name)
        origin = self.cluster.owner(name)
        tag = wait_for(lambda: (origin.publisher(name) or {}).get('swf_url'), 5, 'it is tagged')
        tool.stop()
        wait_for(lambda: origin.publisher(name) is None, 5, 'its publisher has gone')
        return origin, tag.replace('weir:f0/', 'weir:gone/')

    def test_stale_tagged_publisher_elsewhere_is_kicked(self):
        first, tag = self.stale_tag('stale')
        # The stream lives on; what comes back is another origin's half of it.
        self.publish('stale')
        other = next(o for n, o in self.cluster.fleet.origins.items()
                     if n in ('x1', 'x2', 'x3') and o is not first)
        other.publish('stale', swf_url=tag)
        wait_for(lambda: other.publisher('stale') is None, 5, 'the stale publisher is kicked')
        self.assertEqual(1, len([n for n in self.cluster.carried()['stale']]))

    def test_busy_name_after_a_half_open_publisher_is_resolved_by_a_kick(self):
        origin, tag = self.stale_tag('halfopen')
        origin.publish('halfopen', swf_url=tag)
        again = self.publish('halfopen', wait=False)
        accepted = again.wait_events('accepted', 1, 10)[0]
        print(f'    accepted after {accepted["t"]:.2f} s', end='')
        self.assertLessEqual(accepted['t'], 5)
        holds = wait_for(lambda: self.cluster.carried().get('halfopen'), 5, 'it is carried')
        self.assertEqual(1, len(holds))
        kept = self.cluster.fleet.origins[holds[0]].publisher('halfopen')
        self.assertTrue(kept['swf_url'].startswith('weir:f0/'))
        self.assertNotEqual(tag.rsplit('/', 1)[1], kept['swf_url'].rsplit('/', 1)[1])

    # --- agents
    def test_agent_killed_and_restarted_replaces_nothing(self):
        cluster = self.cluster
        tool = self.publish('kept')
        cluster.owner('kept')
        before, incarnations = cluster.placements()['kept'], [
            self.incarnation(cluster.fleet.origins[f'x{n}']) for n in (1, 2, 3)]
        deaths = self.event_count('ORIGIN_DEAD')
        cluster.agent.kill()
        cluster.start_agent()
        wait_for(lambda: cluster.ctl('cluster', 'status').get('agentsAttached') == 1, 10,
                 'the agent is back')
        self.wait_alive(3)
        self.assertEqual([], tool.events('closed'))
        self.assertEqual(before, cluster.placements()['kept'])
        self.assertEqual(incarnations, [self.incarnation(cluster.fleet.origins[f'x{n}'])
                                        for n in (1, 2, 3)])
        self.assertEqual(deaths, self.event_count('ORIGIN_DEAD'))

    def test_loopback_origin_with_a_remote_control_plane_is_refused_with_the_reason(self):
        register = f'127.0.0.1:{free_port()}'
        # An address of documentation: nobody answers there, and nobody has to.
        agent = Process('remote-agent', [
            BIN / 'weir-origin-agent', '--controlplane', '198.51.100.1:7400', '--id', 'a2',
            '--srs-register', register, '--admin', f'127.0.0.1:{free_port()}', '--insecure',
            '--state-dir', self.cluster.dir / 'remote-agent'], self.cluster.dir)
        self.cluster.extra.append(agent)
        wait_listening(register)  # it is ready only once it is attached, which it never is
        fleet = SrsFleet(self.cluster.dir, register, 'remote-fleet')
        self.cluster.extra.append(fleet)
        origin = fleet.add('near', interval_ms=200, say_rtmp=[f'127.0.0.1:{free_port()}'])
        answer = wait_for(lambda: origin.report()['answer'], 5, 'its heartbeat is answered')
        self.assertTrue(answer.startswith('400 '), answer)
        self.assertIn('127.0.0.1', answer)
        said = f'only this host reaches {origin.options["say_rtmp"][0]}'
        self.assertIn(said, answer)
        # Once, though SRS repeats itself.
        wait_for(lambda: origin.report()['beats'] >= 4, 5, 'it has repeated itself')
        self.assertEqual(1, agent.text().count(said), agent.tail())


if __name__ == '__main__':
    unittest.main()
