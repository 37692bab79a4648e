"""A whole Weir on loopback: control plane (one replica, or several over Redis), forwarders, one agent, nginx-rtmp
origins."""
import json
import shutil
import subprocess
import tempfile
import urllib.request
from pathlib import Path

from harness.nginx import NginxOrigin
from harness.processes import BIN, Process, free_port, wait_for
from harness.replicas import Replicas


class Cluster:
    """Use as a context manager. Ports are kept when a part is restarted."""

    def __init__(self, origins=2, forwarders=1, controlplane_args=(), forwarder_args=(),
                 nginx_extra='', with_agent=True, nginx_proxy_protocol=False,
                 forwarder_args_of=None, agent_args=(), replicas=1, store=None):
        """`store`: makes the Redis for several replicas, given a directory: RedisServer or SentinelRedis."""
        self.dir = Path(tempfile.mkdtemp(prefix='weir-e2e-'))
        self.redis = store(self.dir) if store else None
        self.replicas = Replicas(self.dir, replicas, self.redis.url, controlplane_args) if store else None
        self.controlplane_args, self.forwarder_args = list(controlplane_args), list(forwarder_args)
        self.agent_args = list(agent_args)
        self.forwarder_args_of = forwarder_args_of or {}  # by index, besides those of all
        self.grpc = ','.join(self.replicas.endpoints) if store else f'127.0.0.1:{free_port()}'
        self.cp_admin = f'127.0.0.1:{free_port()}'
        self.agent_admin = f'127.0.0.1:{free_port()}'
        self.controlplane = self.agent = None
        self.forwarders, self.extra = [], []
        self.origins = [NginxOrigin(f'o{i + 1}', self.dir, nginx_extra, nginx_proxy_protocol)
                        for i in range(origins)]
        self.forwarder_ports = [(free_port(), f'127.0.0.1:{free_port()}') for _ in range(forwarders)]
        self.with_agent = with_agent
        self.failed = False

    def __enter__(self):
        try:
            if self.replicas:
                self.redis.start()
                self.replicas.start()
            else:
                self.start_controlplane()
            for index in range(len(self.forwarder_ports)):
                self.start_forwarder(index)
            if self.with_agent:
                self.start_agent()
                self.wait_origins(len(self.origins))
            if '--token-file' not in self.controlplane_args:
                self.wait_settled()
            return self
        except BaseException:
            self.__exit__(True, None, None)
            raise

    def __exit__(self, failure, *_):
        for process in [*self.extra, *self.forwarders, self.agent, self.controlplane]:
            if process is not None:
                process.stop()
        if self.replicas:
            self.replicas.stop()
            self.redis.stop()
        for origin in self.origins:
            origin.stop()
        reports = [log.name for log in sorted(self.dir.glob('*.log'))
                   if 'Sanitizer' in log.read_text(errors='replace')]
        if failure or reports:
            for log in sorted(self.dir.glob('*.log')):
                print(f'---- {log.name}\n' + '\n'.join(log.read_text(errors='replace').splitlines()[-40:]))
        shutil.rmtree(self.dir, ignore_errors=True)
        if reports:
            raise AssertionError(f'a sanitizer reports in {", ".join(reports)}')

    # --- parts
    def start_controlplane(self):
        self.controlplane = Process('controlplane', [
            BIN / 'weir-controlplane', '--listen', self.grpc, '--admin', self.cp_admin,
            '--state-dir', self.dir / 'controlplane', *self.controlplane_args], self.dir)
        self.controlplane.wait_ready()

    def start_forwarder(self, index):
        port, admin = self.forwarder_ports[index]
        process = Process(f'forwarder{index}', [
            BIN / 'weir-forwarder', '--controlplane', self.grpc, '--rtmp', f':{port}',
            '--admin', admin, '--id', f'f{index}', '--state-dir', self.dir / f'forwarder{index}',
            *self.forwarder_args, *self.forwarder_args_of.get(index, [])], self.dir)
        process.wait_ready()
        if index < len(self.forwarders):
            self.forwarders[index] = process
        else:
            self.forwarders.append(process)

    def start_agent(self):
        command = [BIN / 'weir-origin-agent', '--controlplane', self.grpc, '--id', 'a1',
                   '--admin', self.agent_admin, '--state-dir', self.dir / 'agent',
                   *self.agent_args]
        if '--srs-register' not in self.agent_args:
            command += ['--srs-register', '']
        for origin in self.origins:
            command += ['--origin', origin.agent_option()]
        self.agent = Process('agent', command, self.dir)
        self.agent.wait_ready()

    # --- questions
    def ctl(self, *words, check=True):
        """weirctl with JSON output."""
        done = self.ctl_raw('-o', 'json', *words)
        if check and done.returncode != 0:
            raise AssertionError(f'weirctl {" ".join(words)}: {done.returncode}: {done.stderr}')
        return json.loads(done.stdout) if done.stdout.strip() else {}

    def ctl_raw(self, *words):
        return subprocess.run([BIN / 'weirctl', '--endpoint', self.grpc, *words],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=20)

    def streams(self):
        """Placed streams by key."""
        return {s['key']: s for s in self.ctl('stream', 'list').get('streams', [])}

    def placements(self):
        """Stream name -> origin id, streams being published only."""
        return {key.split('/')[-1]: s['placement']['origin'] for key, s in self.streams().items()
                if s['placement'].get('state') == 'PLACEMENT_STATE_PUBLISHING'}

    def origin_states(self):
        return {o['id']: o.get('state', '').removeprefix('ORIGIN_STATE_')
                for o in self.ctl('origin', 'list').get('origins', [])}

    def events(self, kind=None):
        lines = self.ctl_raw('-o', 'json', 'event', 'watch', '--once').stdout
        events, decoder, at = [], json.JSONDecoder(), 0
        while at < len(lines):
            if lines[at].isspace():
                at += 1
                continue
            item, at = decoder.raw_decode(lines, at)
            event = item.get('event', item)
            if event.get('type') and (kind is None or event['type'] == kind):
                events.append(event)
        return events

    def origin(self, name):
        return next(o for o in self.origins if o.name == name)

    def url(self, stream, forwarder=0, host='127.0.0.1'):
        return f'rtmp://{host}:{self.forwarder_ports[forwarder][0]}/live/{stream}'

    def metrics(self, admin):
        with urllib.request.urlopen(f'http://{admin}/metrics', timeout=2) as got:
            return got.read().decode()

    # --- waiting
    def wait_origins(self, count, seconds=10):
        def alive():
            replicas = self.replicas or [self]
            return all(sum(o.get('state') == 'ORIGIN_STATE_ALIVE' for o in r.ctl('origin', 'list').get('origins', []))
                       >= count for r in replicas)
        wait_for(alive, seconds, lambda: f'{count} origins alive: {self.origin_states()}', poll=0.1)

    def wait_settled(self, seconds=12):
        wait_for(lambda: not self.ctl('cluster', 'status').get('settling', False), seconds,
                 'settling ends', poll=0.1)
