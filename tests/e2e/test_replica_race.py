"""Publisher through one forwarder and player through the other, at the same instant, over three replicas and one
Redis: whoever asks first, both are led to the same origin.

WEIR_RACE_ROUNDS=10 is the full count (docs/testing.md has its figure); by itself the test does two rounds.
"""
import os
import unittest

from harness import rtmp_tool
from harness.cluster import Cluster
from harness.processes import wait_for
from harness.redis import RedisServer

STREAMS = 50
ROUNDS = int(os.environ.get('WEIR_RACE_ROUNDS', '2'))


class ReplicaRace(unittest.TestCase):
    def test_every_player_gets_video_however_publisher_and_player_cross(self):
        with Cluster(origins=4, forwarders=2, replicas=3, store=RedisServer) as cluster:
            waits = []
            for turn in range(ROUNDS):
                first, other = (0, 1) if turn % 2 == 0 else (1, 0)
                pair = [
                    rtmp_tool.play(cluster, f'play{turn}', cluster.url(f'race{turn}-{{n}}', forwarder=other),
                                   count=STREAMS, seconds=30),
                    rtmp_tool.publish(cluster, f'publish{turn}', cluster.url(f'race{turn}-{{n}}', forwarder=first),
                                      count=STREAMS, seconds=30, kbps=100)]
                players, publishers = pair
                publishers.wait_events('accepted', STREAMS, 15)
                began = max(tool.began for tool in pair)
                seen = players.wait_events('media', STREAMS, 15)
                waits += [players.began + event['t'] - began for event in seen]
                self.assertEqual([], publishers.events('refused') + players.events('refused'))
                self.assertEqual([], publishers.events('closed') + players.events('closed'))
                where = cluster.placements()
                for number in range(STREAMS):
                    name = f'race{turn}-{number}'
                    wait_for(lambda: name in where or where.update(cluster.placements()) or name in where, 5,
                             f'{name} is listed')
                    self.assertIn(name, cluster.origin(where[name]).published())
                for tool in pair:
                    tool.stop()
            print(f'    {ROUNDS} rounds x {STREAMS} streams: {len(waits)} players got video, the last '
                  f'{max(waits):.2f} s after both had started', end='')
            self.assertEqual(ROUNDS * STREAMS, len(waits))
            self.assertEqual([], [e for e in cluster.events() if e['type'] == 'STREAM_SPLIT'])
