"""Weir on loopback whose origins are real SRS processes that register themselves."""
import signal
import time

from real_srs import RealSrs  # also puts the end-to-end harness on the path
from harness import rtmp_tool
from harness.cluster import Cluster
from harness.processes import Process, free_port, wait_for

HAPROXY = '''
global
  nbthread 1
defaults
  mode tcp
  timeout connect 1s
  timeout client 60s
  timeout server 60s
  option redispatch
  retries 2
listen weir
  bind 127.0.0.1:{port}
  balance roundrobin
  default-server check inter 500 fall 1 rise 1 on-marked-down shutdown-sessions
'''


class WeirOfSrs(Cluster):
    """`o1` … `oN` are the scripts' names of origins; their ids are SRS's own."""

    def __init__(self, program, origins=3, interval=2, **options):
        self.register = f'127.0.0.1:{free_port()}'
        super().__init__(origins=0, forwarders=2, agent_args=['--srs-register', self.register],
                         **options)
        self.program, self.interval, self.first = program, interval, origins
        self.srs, self.tools = {}, []
        self.registered_in = None

    def start_agent(self):
        super().start_agent()
        if self.srs:
            return
        began = time.monotonic()
        for n in range(self.first):
            self.add(f'o{n + 1}')
        self.wait_origins(self.first, 30)
        self.registered_in = time.monotonic() - began

    def __exit__(self, *failure):
        self.end_tools()
        for srs in self.srs.values():  # politely each takes seconds, and there may be hundreds
            if srs.process is not None:
                srs.process.signal(signal.SIGKILL)
        self.extra += list(self.srs.values())
        return super().__exit__(*failure)

    def add(self, name, **options):
        srs = RealSrs(self.program, self.dir, name)
        srs.as_origin(self.register, **{'interval': self.interval, **options})
        self.srs[name] = srs
        return srs.start()

    def add_clone(self, of, name):
        self.srs[name] = of.cloned(name)
        return self.srs[name].start()

    def edge(self, program, origin, name):
        edge = RealSrs(program, self.dir, name).as_edge(origin)
        self.extra.append(edge)
        return edge.start()

    def haproxy(self):
        """A balancer in front of both forwarders; its address."""
        port = free_port()
        text = HAPROXY.format(port=port) + ''.join(
            f'  server f{n} 127.0.0.1:{rtmp}\n' for n, (rtmp, _) in enumerate(self.forwarder_ports))
        config = self.dir / 'haproxy.cfg'
        config.write_text(text)
        self.extra.append(Process('haproxy', ['haproxy', '-db', '-f', config], self.dir))
        return f'127.0.0.1:{port}'

    # --- who is who
    def id_of(self, srs):
        """The control plane's id of the origin that listens on this one's port."""
        for origin in self.ctl('origin', 'list').get('origins', []):
            if any(e['address'].endswith(f':{srs.port}') for e in origin.get('endpoints', [])):
                return origin['id']
        return None

    def state_of(self, srs):
        return self.origin_states().get(self.id_of(srs))

    def incarnation_of(self, srs):
        return self.ctl('origin', 'get', self.id_of(srs))['incarnation']

    def wait_state(self, srs, state, seconds):
        began = time.monotonic()
        wait_for(lambda: self.state_of(srs) == state, seconds,
                 lambda: f'{srs.name} is {state}: {self.state_of(srs)}', poll=0.05)
        return time.monotonic() - began

    def owner(self, stream, seconds=10):
        wait_for(lambda: stream in self.placements(), seconds, lambda: f'{stream} is publishing')
        owner = self.placements()[stream]
        return next(s for s in self.srs.values() if self.id_of(s) == owner)

    def only(self, *kept):
        """Cordons every origin but these; call with none to undo it."""
        for srs in self.srs.values():
            if self.state_of(srs) is not None:
                verb = 'cordon' if kept and srs not in kept else 'uncordon'
                self.ctl('origin', verb, self.id_of(srs))

    # --- clients
    def tool(self, verb, url, name, **options):
        tool = rtmp_tool.RtmpTool(self.dir, f'{verb}-{name}-{len(self.tools)}', verb, '--url', url,
                                  *rtmp_tool.flags({'seconds': 300, **options}))
        self.tools.append(tool)
        return tool

    def publish(self, name, forwarder=0, url=None, wait=True, **options):
        tool = self.tool('publish', url or self.url(name, forwarder=forwarder), name,
                         **{'kbps': 200, **options})
        if wait:
            tool.wait_events('accepted', options.get('count', 1), 15)
        return tool

    def play(self, name, forwarder=0, url=None, **options):
        return self.tool('play', url or self.url(name, forwarder=forwarder), name, **options)

    def accepted_after(self, name, since, forwarder=0, url=None, seconds=15):
        """Publishes as an encoder that reconnects; seconds from `since` until it is accepted."""
        tool = self.publish(name, forwarder, url=url, wait=False, retry=True)
        event = tool.wait_events('accepted', 1, seconds)[0]
        return tool.began + event['t'] - since

    def end_tools(self):
        for tool in self.tools:
            tool.stop()
        self.tools = []
