"""Scripted client and recording origin: byte for byte, through the forwarder."""
import unittest

from harness import rtmp_tool
from harness.cluster import Cluster
from harness.processes import free_port, wait_for

TAG_KEY = b'\x00\x06swfUrl'


def split_swf_url(object_hex):
    """(object without the value of swfUrl, that value)."""
    raw = bytes.fromhex(object_hex)
    at = raw.index(TAG_KEY) + len(TAG_KEY)
    length = int.from_bytes(raw[at + 1:at + 3], 'big')
    return raw[:at] + raw[at + 3 + length:], raw[at + 3:at + 3 + length].decode()


class Exact(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(origins=0, with_agent=False).__enter__()
        cls.port = free_port()
        cls.origin = rtmp_tool.origin(cls.cluster.dir, 'recorder', f'127.0.0.1:{cls.port}',
                                      seconds=120, digest=True, serve_mixed=3000)
        cls.origin.wait_events('listening', 1, 5)
        done = cls.cluster.ctl_raw('origin', 'register', 'recorder', '--rtmp', f'127.0.0.1:{cls.port}')
        assert done.returncode == 0, done.stderr
        cls.cluster.wait_origins(1)

    @classmethod
    def tearDownClass(cls):
        cls.origin.stop()
        cls.cluster.__exit__(None, None, None)

    def publish_exactly(self, name, **options):
        cluster, seen = self.cluster, len(self.origin.events('digest'))
        client = rtmp_tool.publish(cluster, f'exact-{name}', cluster.url(name + '?token=secret&x=1'),
                                   seconds=60, digest=True, mixed=5000, **options)
        client.wait_events('script_sent', 1, 30)
        client.stop()
        sent = client.wait_events('digest', 1, 5)[0]
        wait_for(lambda: len(self.origin.events('digest')) > seen, 10, 'the origin has recorded')
        got = self.origin.events('digest')[-1]
        self.assertEqual((sent['messages'], sent['bytes'], sent['digest']),
                         (got['messages'], got['bytes'], got['digest']))
        return client, got['session']

    def test_publisher_arrives_byte_for_byte_with_its_connect_object(self):
        client, session = self.publish_exactly('a')
        published = self.origin.events('publish', session)[0]
        self.assertEqual('a?token=secret&x=1', published['name'])
        mine, my_swf = split_swf_url(client.events('connect')[0]['object'])
        origins, tag = split_swf_url(self.origin.events('connect', session)[0]['object'])
        self.assertEqual(mine, origins)
        self.assertNotEqual(my_swf, tag)
        self.assertRegex(tag, r'^weir:f0/[0-9a-z-]+/\d+\.\d+$')

    def test_timestamps_that_cross_the_extended_mark(self):
        self.publish_exactly('b', first_timestamp=0xFFFFFF - 60000)

    def test_timestamps_that_cross_31_bits(self):
        self.publish_exactly('c', first_timestamp=0x7FFFFFFF - 60000)

    def test_small_chunks(self):
        self.publish_exactly('d', chunk_size=128)

    def test_player_gets_byte_for_byte_what_the_origin_serves(self):
        cluster = self.cluster
        publisher = rtmp_tool.publish(cluster, 'keeps', cluster.url('served'), seconds=60, kbps=50)
        publisher.wait_events('accepted', 1, 10)
        player = rtmp_tool.play(cluster, 'exact-player', cluster.url('served'), seconds=60, digest=True)
        served = wait_for(lambda: [e for e in self.origin.events('digest') if e['messages'] == 3000],
                          20, 'the origin has served its script')[-1]
        player.wait_events('media', 1, 10)
        # Media that is under way is counted frame by frame: wait for all of it, then compare.
        wait_for(lambda: player.events('progress') and
                 player.events('progress')[-1]['frames'] >= 2990, 20, 'the player has all of it')
        player.stop()
        publisher.stop()
        got = player.events('digest')[-1]
        self.assertEqual((served['messages'], served['bytes'], served['digest']),
                         (got['messages'], got['bytes'], got['digest']))
