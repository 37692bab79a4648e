"""Thousands of RTMP clients in one process, most of them not as they should be.

A client is a generator that yields what it wants next: `send(bytes)`, `until(text)`, `count(bytes)`, `pause(seconds)`,
`HOLD` (until the whole burst is held or over) and `END` (until the forwarder closes). Closing is what its last
statement says: `FIN`, `RESET` or `VANISH`.
"""
import errno
import heapq
import select
import socket
import struct
import time
from collections import Counter

HOLD, END, FIN, RESET, VANISH = 'hold', 'end', 'fin', 'reset', 'vanish'
TCP_REPAIR = 19  # linux/tcp.h: a socket closed in this mode says nothing to its peer


def send(data):
    return 'send', data


def until(text):
    return 'until', text


def count(size):
    return 'count', size


def pause(seconds):
    return 'pause', seconds


# --- RTMP, as bytes

def amf_string(text):
    return b'\x02' + struct.pack('>H', len(text)) + text


def amf_number(value):
    return b'\x00' + struct.pack('>d', value)


def amf_object(**properties):
    return b'\x03' + b''.join(struct.pack('>H', len(key)) + key.encode() + amf_string(value)
                              for key, value in properties.items()) + b'\x00\x00\x09'


def message(kind, payload, stream=0, csid=3, timestamp=0, announced=None):
    """In chunks of 128 bytes."""
    length = len(payload) if announced is None else announced
    header = (bytes([csid]) + struct.pack('>I', timestamp)[1:] + struct.pack('>I', length)[1:] +
              bytes([kind]) + struct.pack('<I', stream))
    return header + bytes([0xc0 | csid]).join(
        payload[at:at + 128] for at in range(0, max(len(payload), 1), 128))


def command(*values, stream=0):
    return message(20, b''.join(values), stream)


C0C1 = b'\x03' + bytes(1536)
C2 = bytes(1536)
CONNECT = command(amf_string(b'connect'), amf_number(1),
                  amf_object(app=b'live', tcUrl=b'rtmp://127.0.0.1/live', flashVer=b'strangers'))
CREATE = command(amf_string(b'createStream'), amf_number(2), b'\x05')
CONNECTED, STARTED = b'NetConnection.Connect.Success', b'NetStream.Publish.Start'
SEQUENCE_HEADER = message(9, b'\x17\x00\x00\x00\x00' + bytes(40), stream=1, csid=6)
FRAME = message(9, b'\x17\x01\x00\x00\x00' + bytes(900), stream=1, csid=6, timestamp=40)


def request(name, stream):
    return command(amf_string(name), amf_number(3), b'\x05', amf_string(stream),
                   *([amf_string(b'live')] if name == b'publish' else []), stream=1)


# --- clients

def publisher(name, frames=3, end=FIN):
    yield send(C0C1)
    yield count(3073)
    yield send(C2 + CONNECT + CREATE)
    yield until(CONNECTED)
    yield send(request(b'publish', name))
    yield until(STARTED)
    yield send(SEQUENCE_HEADER + FRAME * frames)
    yield HOLD
    return end


def silent():
    yield END


def nonsense():
    yield send(b'\x05' * 40)
    yield END


def trickler():
    """One byte a second of a handshake that would be right."""
    for at in range(1000):
        yield send(C0C1[at:at + 1])
        yield pause(1)


def handshaken(*rest):
    """A whole handshake and connect, then what is given."""
    yield send(C0C1)
    yield count(3073)
    yield send(C2 + CONNECT)
    yield until(CONNECTED)
    for data in rest:
        yield send(data)
    yield END


def half_closed():
    """Says that it will say no more, and stays."""
    yield send(C0C1[:700])
    yield 'shutdown', None
    yield END


def vanishing(data):
    """Its machine loses power."""
    yield send(data)
    yield pause(0.05)
    return VANISH


def deep(levels):
    return command(amf_string(b'connect'), amf_number(1), b'\x03' + b'\x00\x01a\x03' * levels)


def deep_arrays(levels):
    return command(amf_string(b'call'), amf_number(4), b'\x0a\x00\x00\x00\x01' * levels)


def aborted(stage, name, end):
    """Goes away in the middle of things."""
    if stage == 'connected':
        return end
    if stage in ('c0', 'c1'):
        yield send(C0C1[:1 if stage == 'c0' else 800])
        return end
    yield send(C0C1)
    if stage == 'c0c1':
        return end
    yield count(3073)
    yield send(C2 + CONNECT)
    if stage == 'connect':
        return end
    yield until(CONNECTED)
    yield send(CREATE)
    if stage == 'create':
        return end
    play = stage == 'play'
    yield send(request(b'play' if play else b'publish', name))
    if stage == 'publish':
        return end
    if play:
        yield until(b'NetStream.Play.Start')
        yield count(1000)
        return end
    yield until(STARTED)
    yield send(SEQUENCE_HEADER + FRAME + FRAME[:500])
    return end


STAGES = ('connected', 'c0', 'c1', 'c0c1', 'connect', 'create', 'publish', 'media', 'play')


class Client:
    def __init__(self, crowd, kind, script, address):
        self.crowd, self.kind, self.script = crowd, kind, script
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        if crowd.source:
            self.socket.bind((crowd.source, 0))
        self.wants, self.got, self.out = None, b'', b''
        error = self.socket.connect_ex(address)
        if error not in (0, errno.EINPROGRESS):
            raise OSError(error, 'connect')
        self.connecting = True
        crowd.watch(self)

    def advance(self):
        """Runs the script until it wants something that is not there yet."""
        while True:
            try:
                self.wants = next(self.script)
            except StopIteration as stop:
                return self.crowd.over(self, 'done', stop.value or FIN)
            verb = self.wants if isinstance(self.wants, str) else self.wants[0]
            if verb == 'send':
                self.out += self.wants[1]
                self.flush()
                if self.socket is None:
                    return
            elif verb == 'shutdown':
                self.socket.shutdown(socket.SHUT_WR)
            elif verb == 'pause':
                return self.crowd.later(self, self.wants[1])
            elif not self.satisfied():
                return

    def satisfied(self):
        verb = self.wants if isinstance(self.wants, str) else self.wants[0]
        if verb == 'until' and self.wants[1] in self.got:
            self.got = self.got.split(self.wants[1], 1)[1]
            return True
        if verb == 'count' and len(self.got) >= self.wants[1]:
            self.got = self.got[self.wants[1]:]
            return True
        return False

    def flush(self):
        try:
            self.out = self.out[self.socket.send(self.out):]
        except BlockingIOError:
            pass
        except OSError:
            self.crowd.over(self, 'ended', FIN)

    def ready(self, events):
        if self.connecting and events & (select.EPOLLOUT | select.EPOLLERR | select.EPOLLHUP):
            if self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                return self.crowd.over(self, 'refused', FIN)
            self.connecting = False
            self.advance()
            if self.socket is None:
                return
        if self.out:
            self.flush()
            if self.socket is None:
                return
        self.crowd.rewatch(self)
        if events & (select.EPOLLIN | select.EPOLLERR | select.EPOLLHUP):
            self.read()

    def read(self):
        try:
            data = self.socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b''
        if not data:
            return self.crowd.over(self, 'ended', FIN)
        waiting = isinstance(self.wants, tuple) and self.wants[0] in ('until', 'count')
        self.got = (self.got + data)[-65536:] if waiting else b''
        if waiting and self.satisfied():
            self.advance()

    def close(self, how):
        if how == RESET:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        elif how == VANISH:
            try:
                self.socket.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
            except OSError:  # not root: it resets instead
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                       struct.pack('ii', 1, 0))
        self.socket.close()
        self.socket = None


class Crowd:
    """Runs clients, in bursts; `outcomes` counts (kind, how it ended)."""

    def __init__(self, port, host='127.0.0.1', source=None):
        self.address, self.source = (host, port), source
        self.epoll = select.epoll()
        self.clients, self.timers, self.outcomes = {}, [], Counter()
        self.order = 0

    def watch(self, client):
        self.clients[client.socket.fileno()] = client
        self.epoll.register(client.socket.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def rewatch(self, client):
        self.epoll.modify(client.socket.fileno(),
                          select.EPOLLIN | (select.EPOLLOUT if client.out else 0))

    def later(self, client, seconds):
        self.order += 1
        heapq.heappush(self.timers, (time.monotonic() + seconds, self.order, client))

    def over(self, client, outcome, how):
        if client.socket is None:
            return
        self.outcomes[client.kind, outcome] += 1
        del self.clients[client.socket.fileno()]
        client.close(how)

    def turn(self):
        for fd, events in self.epoll.poll(0.02, 1024):
            client = self.clients.get(fd)
            if client is not None:
                client.ready(events)
        now = time.monotonic()
        while self.timers and self.timers[0][0] <= now:
            client = heapq.heappop(self.timers)[2]
            if client.socket is not None:
                client.advance()

    def busy(self):
        """Clients that still want something of the forwarder."""
        return sum(1 for c in self.clients.values()
                   if c.wants not in (HOLD, END) and c.kind != 'trickler')

    def burst(self, jobs, seconds=60, busy_max=500):
        """Starts all (kind, script), at most so many in the middle of something, as no origin answers thousands
        within one second; returns when each is over or held, then lets go of the held ones."""
        deadline = time.monotonic() + seconds
        jobs = iter(jobs)
        more = True
        while True:
            room = busy_max - self.busy() if more else 0
            for _ in range(room):
                try:
                    kind, script = next(jobs)
                except StopIteration:
                    more = False
                    break
                Client(self, kind, script, self.address)
            self.turn()
            if not more and all(c.wants == HOLD for c in self.clients.values()):
                break
            if time.monotonic() > deadline:
                left = Counter((c.kind, str(c.wants)[:40]) for c in self.clients.values())
                raise AssertionError(f'not over within {seconds} s: {dict(left)}')
        for client in list(self.clients.values()):
            client.advance()
        while self.clients and time.monotonic() < deadline:
            self.turn()
