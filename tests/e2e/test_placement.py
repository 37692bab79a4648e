"""Placement under bursts, and publishers and players that come at the same instant."""
import unittest
from collections import Counter

from harness import rtmp_tool
from harness.cluster import Cluster
from harness.media import Player, Publisher
from harness.processes import wait_for


class Placement(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(origins=4, forwarders=2).__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__(None, None, None)

    def test_1_twenty_publishes_in_200_ms_land_five_each(self):
        cluster = self.cluster
        tool = rtmp_tool.publish(cluster, 'burst', cluster.url('burst{n}'), count=20, spread_ms=190,
                                 seconds=20, kbps=100)
        accepted = tool.wait_events('accepted', 20, 15)
        connected = tool.events('connected')
        self.assertLessEqual(max(e['t'] for e in connected) - min(e['t'] for e in connected), 0.25)
        self.assertEqual(20, len({e['session'] for e in accepted}))
        wait_for(lambda: len(cluster.placements()) >= 20, 5, 'all are publishing')
        counts = Counter(cluster.placements().values())
        self.assertEqual({'o1': 5, 'o2': 5, 'o3': 5, 'o4': 5}, dict(counts))
        # The origins agree: each really carries five.
        wait_for(lambda: [len(o.published()) for o in cluster.origins] == [5, 5, 5, 5], 5,
                 lambda: f'five on each: {[o.published() for o in cluster.origins]}')
        tool.stop()

    def test_2_fifty_streams_published_and_played_at_the_same_instant(self):
        cluster = self.cluster
        ffmpeg = [f'instant{n}' for n in range(44, 50)]
        started = [Player(cluster.dir, cluster.url(name, forwarder=1), f'play-{name}')
                   for name in ffmpeg[:3]]
        publishers = [Publisher(cluster.dir, cluster.url(name, forwarder=0)) for name in ffmpeg]
        tool = rtmp_tool.publish(cluster, 'instant-publish', cluster.url('instant{n}', forwarder=0),
                                 count=44, seconds=60, kbps=100)
        players = rtmp_tool.play(cluster, 'instant-play', cluster.url('instant{n}', forwarder=1),
                                 count=44, seconds=60)
        started += [Player(cluster.dir, cluster.url(name, forwarder=1), f'play-{name}')
                    for name in ffmpeg[3:]]
        try:
            players.wait_events('media', 44, 20)
            for player in started:
                player.wait_packets(20, 20)
            self.assertEqual(44, len({e['session'] for e in players.events('media')}))
            self.assertEqual([], players.events('closed'))
            self.assertEqual([], tool.events('refused'))
        finally:
            for process in [*publishers, *started, tool, players]:
                process.stop()
