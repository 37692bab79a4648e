"""A Weir whose origins are scripted SRS ones that the agent knows by their heartbeats alone."""
import collections

from harness.cluster import Cluster
from harness.processes import free_port, wait_for
from harness.srs import SrsFleet


class SrsCluster(Cluster):
    """Origins x1 to xN; their ids are those of the servers, vid-x1 to vid-xN."""

    def __init__(self, srs=3, interval_ms=300, **options):
        self.register = f'127.0.0.1:{free_port()}'
        super().__init__(origins=0, agent_args=['--srs-register', self.register], **options)
        self.srs_count, self.interval_ms = srs, interval_ms
        self.fleet = None

    def start_agent(self):
        super().start_agent()
        if self.fleet is not None:
            return
        self.fleet = SrsFleet(self.dir, self.register)
        self.extra.append(self.fleet)
        for n in range(self.srs_count):
            self.add(f'x{n + 1}')
        self.wait_origins(self.srs_count)

    def add(self, name, fleet=None, **options):
        return (fleet or self.fleet).add(name, **{'interval_ms': self.interval_ms, **options})

    def srs(self, origin_id):
        """The scripted origin behind an id of the control plane; clones are told apart by port."""
        endpoints = str(self.ctl('origin', 'get', origin_id)['endpoints'])
        for process in self.extra:
            for origin in getattr(process, 'origins', {}).values():
                if f':{origin.rtmp_port}' in endpoints or f"'port': {origin.rtmp_port}" in endpoints:
                    return origin
        raise AssertionError(f'no scripted origin is {origin_id}: {endpoints}')

    def owner(self, stream, seconds=5):
        """The scripted origin on which the stream is being published, by the control plane."""
        wait_for(lambda: stream in self.placements(), seconds, f'{stream} is publishing')
        return self.srs(self.placements()[stream])

    def carried(self):
        """Stream name -> origins that really carry a publisher of it."""
        carried = collections.defaultdict(list)
        for name, report in self.fleet.report().items():
            for stream in report['streams']:
                if stream['publisher']:
                    carried[stream['url'].split('/')[-1]].append(name)
        return carried
