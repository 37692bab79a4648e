"""ffmpeg through the forwarder: the player gets what the origin would have sent it, packet by packet."""
import unittest

from harness.cluster import Cluster
from harness.media import Player, Publisher, is_late_part_of
from harness.processes import wait_for


class Relay(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(origins=1).__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__(None, None, None)

    def check(self, kind, host):
        """Direct and relayed players attached first agree from packet one; a late one joins in."""
        name = f'{kind}-{"v6" if ":" in host else "v4"}'
        cluster, origin = self.cluster, self.cluster.origins[0]
        direct = Player(cluster.dir, f'rtmp://{origin.rtmp}/live/{name}', f'direct-{name}')
        through = Player(cluster.dir, cluster.url(name, host=host), f'through-{name}')
        wait_for(lambda: f'<name>{name}</name>' in (origin.stat() or ''), 10, 'direct player attached')
        wait_for(lambda: any(s.get('stream', '').endswith('/' + name)
                             for s in cluster.ctl('session', 'list').get('sessions', [])),
                 10, 'relayed player waits')
        publisher = Publisher(cluster.dir, cluster.url(name, host=host), kind)
        try:
            through.wait_packets(60, 15)
            late = Player(cluster.dir, cluster.url(name, host=host), f'late-{name}')
            late.wait_packets(130, 20)
            late.stop()
            through.wait_packets(len(late.hashes()), 10)
        finally:
            publisher.stop()
            through.stop()
            direct.stop()
        self.assertEqual([], [line for line in publisher.text().splitlines() if 'Error' in line])
        whole, relayed = direct.hashes(), through.hashes()
        length = min(len(whole), len(relayed))
        self.assertGreaterEqual(length, 100)
        self.assertEqual(whole[:length], relayed[:length])
        self.assertGreaterEqual(is_late_part_of(late.hashes(), relayed), 100)

    def test_h264_and_aac_over_ipv4(self):
        self.check('av', '127.0.0.1')

    def test_h264_and_aac_over_ipv6(self):
        self.check('av', '[::1]')

    def test_h264_only(self):
        self.check('video', '127.0.0.1')

    def test_aac_only(self):
        self.check('audio', '[::1]')

    def test_20_megabit_per_second(self):
        self.check('fat', '127.0.0.1')
