"""Peers that stop reading: the frames of everybody else keep their time."""
import signal
import socket
import struct
import threading
import time
import unittest

from harness import watched
from harness.cluster import Cluster
from harness.processes import wait_for
from harness.raw_client import RawClient
from harness.strangers import CONNECTED, STARTED, message

MARK = b'\xf7weir frame\xf7'
DELAY_MAX = 0.25
FRAMES_PER_SECOND = 50
FRAMES = 120
CONGESTED = 256 * 1024  # what waits for a peer when the relay stops reading for it
RSS_MAX_KIB = 8 * 1024  # of that, a read, and the sockets; a stream that is hoarded is 2 MiB a second


def frame(size, at):
    """A key frame that says when it was sent."""
    body = b'\x17\x01\x00\x00\x00' + MARK + struct.pack('>Q', time.monotonic_ns())
    return message(9, body.ljust(size, b'\x55'), stream=1, csid=6, timestamp=at)


class Publisher(threading.Thread):
    """Frames at their rate, or as many as the forwarder reads."""

    def __init__(self, port, name, size, paced=True):
        super().__init__(daemon=True)
        self.size, self.paced, self.over = size, paced, threading.Event()
        self.client = RawClient(port).__enter__()
        self.client.open_stream()
        assert self.client.receive_until(CONNECTED)
        self.client.request(b'publish', name)
        assert self.client.receive_until(STARTED)
        self.client.socket.settimeout(30)
        self.start()

    def run(self):
        began, number = time.monotonic(), 0
        try:
            while not self.over.is_set():
                self.client.socket.sendall(frame(self.size, int(1000 * (time.monotonic() - began))))
                number += 1
                if self.paced:
                    self.over.wait(max(0.0, began + number / FRAMES_PER_SECOND - time.monotonic()))
        except OSError:
            pass  # of the frozen origin, or at the end: the players tell what was lost

    def stop(self):
        self.over.set()
        self.client.socket.shutdown(socket.SHUT_RDWR)
        self.join(5)
        self.client.socket.close()


def playing(port, name, receive_buffer=None):
    client = RawClient(port, receive_buffer).__enter__()
    client.open_stream()
    client.request(b'play', name)
    assert client.receive_until(b'NetStream.Play.Start', 10)
    return client


class Player(threading.Thread):
    """Keeps (when it was sent, how long it took) of each frame."""

    def __init__(self, port, name):
        super().__init__(daemon=True)
        self.frames, self.client = [], playing(port, name)
        self.start()

    def run(self):
        rest, length = b'', len(MARK) + 8
        try:
            while data := self.client.socket.recv(1 << 18):
                now, rest = time.monotonic_ns(), rest + data
                while (at := rest.find(MARK)) >= 0 and len(rest) >= at + length:
                    sent = struct.unpack('>Q', rest[at + len(MARK):at + length])[0]
                    self.frames.append((sent / 1e9, (now - sent) / 1e9))
                    rest = rest[at + length:]
                rest = rest[-length - 1000:] if at < 0 else rest[at:]
        except OSError:
            pass

    def since(self, when):
        return sorted(took for sent, took in list(self.frames) if sent >= when)

    def stop(self):
        self.client.socket.shutdown(socket.SHUT_RDWR)
        self.join(5)
        self.client.socket.close()


class SlowPeers(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(origins=2).__enter__()
        self.addCleanup(self.cluster.__exit__, None, None, None)
        self.port, self.admin = self.cluster.forwarder_ports[0]
        self.pid = self.cluster.forwarders[0].pid

    def start(self, kind, *words, **options):
        started = kind(self.port, *words, **options)
        self.addCleanup(started.stop)
        return started

    def queued(self):
        return watched.metric(self.cluster.metrics(self.admin), 'weir_forwarder_queued_bytes')

    def only_origin(self, name):
        """New streams go there."""
        other = 'o2' if name == 'o1' else 'o1'
        self.cluster.ctl('origin', 'cordon', other, '--reason', 'test')
        self.cluster.ctl('origin', 'uncordon', name)

    def check_delays(self, what, players, began):
        """From then on, and as many frames after now as make a figure."""
        now = time.monotonic()
        for name, player in players.items():
            wait_for(lambda p=player: len(p.since(now)) >= FRAMES, 30,
                     lambda p=player, n=name: f'{len(p.since(now))} frames for {n} {what}')
            took = player.since(began)
            p99 = took[len(took) * 99 // 100]
            print(f'    {what}, {name}: {len(took)} frames, median {1000 * took[len(took) // 2]:.1f} ms, '
                  f'p99 {1000 * p99:.1f} ms', end='')
            self.assertLess(p99, DELAY_MAX, f'{name} {what}')

    def test_frames_keep_their_time_beside_a_player_and_an_origin_that_stand_still(self):
        self.only_origin('o1')
        self.start(Publisher, b'shared', 40_000)
        self.start(Publisher, b'other', 10_000)
        players = {'same stream': self.start(Player, b'shared'),
                   'other stream': self.start(Player, b'other')}
        for player in players.values():
            wait_for(lambda p=player: p.frames, 10, 'the first frame')
        resident = watched.resident_kib(self.pid)

        began = time.monotonic()
        slow = playing(self.port, b'shared', receive_buffer=4096)
        self.addCleanup(slow.socket.close)
        wait_for(lambda: self.queued() >= CONGESTED, 30,
                 lambda: f'{self.queued()} bytes wait for the player')
        self.check_delays('beside a slow player', players, began)

        before = self.queued()  # for the player, as long as it stands still
        self.only_origin('o2')
        self.start(Publisher, b'frozen', 20_000, paced=False)
        frozen = self.cluster.origin('o2')
        began = frozen.signal_all(signal.SIGSTOP)
        try:
            wait_for(lambda: self.queued() >= before + CONGESTED, 10,
                     lambda: f'{self.queued()} bytes wait, {before} before the origin froze')
            self.check_delays('beside a frozen origin', players, began)
        finally:
            frozen.signal_all(signal.SIGCONT)
        self.assertLess(watched.resident_kib(self.pid) - resident, RSS_MAX_KIB)


if __name__ == '__main__':
    unittest.main()
