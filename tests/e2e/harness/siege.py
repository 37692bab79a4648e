"""Rounds of strangers against one forwarder, and what it holds afterwards."""
import itertools

from harness import rtmp_tool, strangers, watched
from harness.cluster import Cluster
from harness.processes import free_port, wait_for
from harness.strangers import FIN, RESET, Crowd

PLAYED = b'played'


class Siege:
    """A cluster whose origin takes every publisher; a context manager."""

    def __init__(self, forwarder_args=()):
        self.cluster = Cluster(
            origins=0, with_agent=False, forwarder_args=['--workers', '2', *forwarder_args],
            controlplane_args=['--set', 'placement.default_origin_streams=1000000'])
        self.names = itertools.count()
        self.origin = None

    def __enter__(self):
        self.cluster.__enter__()
        try:
            port = free_port()
            self.origin = rtmp_tool.origin(self.cluster.dir, 'sink', f'127.0.0.1:{port}',
                                           seconds=100000, quiet=True)
            self.origin.wait_events('listening', 1, 5)
            self.cluster.ctl('origin', 'register', 'sink', '--rtmp', f'127.0.0.1:{port}')
            self.cluster.wait_origins(1)
            # The stream that is played all the while has a publisher of its own.
            self.steady = rtmp_tool.publish(self.cluster, 'steady', self.cluster.url('played'),
                                            seconds=100000, kbps=100)
            self.steady.wait_events('accepted', 1, 10)
        except BaseException:
            self.__exit__(True, None, None)
            raise
        self.pid = self.cluster.forwarders[0].pid
        return self

    def __exit__(self, *what):
        for process in (getattr(self, 'steady', None), self.origin):
            if process is not None:
                process.stop()
        return self.cluster.__exit__(*what)

    def metrics(self):
        return self.cluster.metrics(self.cluster.forwarder_ports[0][1])

    def held(self):
        """What strangers could have left: (descriptors, connections, sessions, lingering, queued)."""
        text = self.metrics()
        return (watched.descriptors(self.pid),
                *(watched.metric(text, f'weir_forwarder_{name}') for name in
                  ('connections', 'sessions', 'lingering_sockets', 'queued_bytes')))

    def wait_as_at(self, before, seconds):
        wait_for(lambda: self.held() == before, seconds,
                 lambda: f'is {self.held()}, was {before}', poll=0.1)

    def wait_streams_forgotten(self, seconds):
        """Routes stay known for 30 s after the last session."""
        wait_for(lambda: watched.metric(self.metrics(), 'weir_forwarder_streams') <= 1, seconds,
                 'only the steady stream is known', poll=0.5)

    def memory_returned(self):
        return watched.metric(self.metrics(), 'weir_forwarder_memory_returned_total')

    def resident_kib(self):
        return watched.resident_kib(self.pid)

    def crowd(self, **options):
        return Crowd(self.cluster.forwarder_ports[0][0], **options)

    def publishers(self, count):
        for _ in range(count):
            yield 'publisher', strangers.publisher(b's%d' % next(self.names))

    def aborted(self, each):
        for _ in range(each):
            for stage, end in itertools.product(strangers.STAGES, (FIN, RESET)):
                name = PLAYED if stage == 'play' else b'a%d' % next(self.names)
                yield f'aborted at {stage}', strangers.aborted(stage, name, end)

    def nuisances(self, each, silent):
        """Those the forwarder must send away itself."""
        huge = strangers.message(9, bytes(100), csid=6, announced=0xFFFFFF)
        for _ in range(silent):
            yield 'silent', strangers.silent()
        for _ in range(each):
            yield 'trickler', strangers.trickler()
            yield 'half_closed', strangers.half_closed()
            yield 'vanished', strangers.vanishing(strangers.C0C1)
            yield 'huge', strangers.handshaken(huge)
            yield 'deep', strangers.handshaken(strangers.deep_arrays(10_000))
            yield 'deeper', strangers.handshaken(strangers.deep_arrays(20_000))
            yield 'deep_connect', strangers.handshaken(strangers.deep(10_000))
            yield 'noise', strangers.handshaken(bytes(range(256)) * 16)

    def round(self, publishing, at_once, each_nuisance, silent, each_stage, source=None):
        """All of it at once; returns how each kind ended. Each round has the same stream names."""
        self.names = itertools.count()
        crowd = self.crowd(source=source)
        others = [*self.nuisances(each_nuisance, silent), *self.aborted(each_stage)]
        left = publishing
        while left > 0 or others:
            extra, others = others[:at_once // 2], others[at_once // 2:]
            wave = min(left, at_once - len(extra))
            left -= wave
            crowd.burst(itertools.chain(extra, self.publishers(wave)), seconds=120)
        return crowd.outcomes


def unexpected(outcomes):
    """What did not end as it must: publishers publish, nuisances are sent away, the aborted get to their stage."""
    done = ('publisher', 'aborted', 'vanished')
    return {key: number for key, number in outcomes.items()
            if key[1] != ('done' if key[0].startswith(done) else 'ended')}
