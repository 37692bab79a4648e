"""ffmpeg through the forwarder: the player gets what the origin would have sent it, packet by packet."""
import threading
import unittest

from harness.cluster import Cluster
from harness.media import Player, Publisher, is_late_part_of, source
from harness.processes import wait_for

CASES = {'h264_and_aac_over_ipv4': ('av', '127.0.0.1'), 'h264_and_aac_over_ipv6': ('av', '[::1]'),
         'h264_only': ('video', '127.0.0.1'), 'aac_only': ('audio', '[::1]'),
         '20_megabit_per_second': ('fat', '127.0.0.1')}


class Case(threading.Thread):
    """One stream with three players: direct and relayed ones attached first, and a late one."""

    def __init__(self, cluster, name, kind, host):
        super().__init__()
        self.cluster, self.stream, self.kind, self.host = cluster, name, kind, host
        self.error = None

    def run(self):
        try:
            self.play()
        except BaseException as error:
            self.error = error

    def play(self):
        cluster, origin, name = self.cluster, self.cluster.origins[0], self.stream
        url = cluster.url(name, host=self.host)
        self.direct = Player(cluster.dir, f'rtmp://{origin.rtmp}/live/{name}', f'direct-{name}')
        self.through = Player(cluster.dir, url, f'through-{name}')
        wait_for(lambda: f'<name>{name}</name>' in (origin.stat() or ''), 10, 'direct player attached')
        wait_for(lambda: any(s.get('stream', '').endswith('/' + name)
                             for s in cluster.ctl('session', 'list').get('sessions', [])),
                 10, 'relayed player waits', poll=0.2)
        self.publisher = Publisher(cluster.dir, url, self.kind)
        try:
            self.through.wait_packets(60, 20)
            self.late = Player(cluster.dir, url, f'late-{name}')
            self.late.wait_packets(130, 25)
            self.late.stop()
            self.through.wait_packets(len(self.late.hashes()), 10)
        finally:
            self.publisher.stop()
            self.through.stop()
            self.direct.stop()


class Relay(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        for kind, _ in CASES.values():
            source(kind, 12 if kind == 'fat' else 60)
        cls.cluster = Cluster(origins=1).__enter__()
        # Side by side: each only waits for real time to pass.
        cls.cases = {name: Case(cls.cluster, name, *case) for name, case in CASES.items()}
        for case in cls.cases.values():
            case.start()
        for case in cls.cases.values():
            case.join()

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__(None, None, None)

    def check(self, name):
        case = self.cases[name]
        if case.error:
            raise case.error
        self.assertEqual([], [x for x in case.publisher.text().splitlines() if 'Error' in x])
        whole, relayed = case.direct.hashes(), case.through.hashes()
        length = min(len(whole), len(relayed))
        self.assertGreaterEqual(length, 100)
        self.assertEqual(whole[:length], relayed[:length])
        self.assertGreaterEqual(is_late_part_of(case.late.hashes(), relayed), 100)

    def test_h264_and_aac_over_ipv4(self):
        self.check('h264_and_aac_over_ipv4')

    def test_h264_and_aac_over_ipv6(self):
        self.check('h264_and_aac_over_ipv6')

    def test_h264_only(self):
        self.check('h264_only')

    def test_aac_only(self):
        self.check('aac_only')

    def test_20_megabit_per_second(self):
        self.check('20_megabit_per_second')
