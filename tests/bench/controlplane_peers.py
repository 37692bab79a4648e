"""What the control-plane benchmarks start: a replica, a Redis, the bare echo, and the load.

Each is a process of its own, so that CPU and memory are those of one program.
"""
import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'e2e'))
from bench_relays import cpu_seconds, resident_kib  # noqa: E402,F401
from harness.processes import ROOT, free_port  # noqa: E402

SENT = ('evalsha', 'eval', 'hscan', 'ping', 'get', 'role')  # by replicas
OWN = ('info', 'config', 'command')                       # by this benchmark
BUILD = Path(os.environ.get('WEIR_BUILD', ROOT / 'build/release'))


class Process:
    """One child; its stdout is read line by line."""

    def __init__(self, argv, env=None):
        self.log = tempfile.TemporaryFile(mode='w+')
        self.child = subprocess.Popen([str(a) for a in argv], stdout=subprocess.PIPE,
                                      stderr=self.log, text=True, env=env)
        os.set_blocking(self.child.stdout.fileno(), False)
        self.pending = ''

    @property
    def pid(self):
        return self.child.pid

    def line(self, deadline):
        """The next line of its output."""
        end = time.monotonic() + deadline
        while '\n' not in self.pending:
            left = end - time.monotonic()
            if left <= 0:
                raise RuntimeError(f'nothing from {self.child.args[0]}: {self.errors()}')
            if select.select([self.child.stdout], [], [], left)[0]:
                got = self.child.stdout.read()
                if not got:
                    raise RuntimeError(f'{self.child.args[0]} ended: {self.errors()}')
                self.pending += got
        line, self.pending = self.pending.split('\n', 1)
        return line

    def errors(self):
        self.log.seek(0)
        return self.log.read()[-2000:]

    def stop(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(5)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        self.child.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.stop()


class Redis(Process):
    """Without persistence: the script and the wire are measured, not a disk."""

    def __init__(self):
        self.port = free_port()
        self.dir = tempfile.TemporaryDirectory(prefix='weir-bench-redis-')
        super().__init__(['redis-server', '--port', self.port, '--bind', '127.0.0.1', '--save', '',
                          '--appendonly', 'no', '--dir', self.dir.name, '--loglevel', 'warning'])
        end = time.monotonic() + 5
        while self.cli('ping') != 'PONG':
            if time.monotonic() > end:
                raise RuntimeError('redis-server does not answer')
            time.sleep(0.02)

    @property
    def url(self):
        return f'redis://127.0.0.1:{self.port}'

    def cli(self, *words):
        done = subprocess.run(['redis-cli', '-p', str(self.port), *map(str, words)],
                              capture_output=True, text=True)
        return done.stdout.strip()

    def calls(self):
        """Commands that clients sent, by name."""
        found = {}
        for name, calls in re.findall(r'cmdstat_([^:]+):calls=(\d+)',
                                      self.cli('info', 'commandstats')):
            found[name] = int(calls)
        return found

    def commands(self):
        """(sent by clients, run in all: inside scripts, too)"""
        calls = {name: n for name, n in self.calls().items() if name.split('|')[0] not in OWN}
        return sum(calls.get(name, 0) for name in SENT), sum(calls.values())

    def acquire_words(self, target):
        """The command by which a replica placed a stream, for a stream of any number."""
        with Process(['redis-cli', '-p', self.port, 'monitor']) as monitor:
            monitor.line(5)  # OK
            load('unary', target=target, call='acquire', in_flight=1, count=1, prefix='bare')
            name = '__defaultVhost__/live/bare000000000'
            while True:
                line = monitor.line(5)
                if '"evalsha"' in line.lower() and name in line and ' lua]' not in line:
                    break
        words = [unescaped(word) for word in re.findall(r'"((?:[^"\\]|\\.)*)"', line)]
        return [word.replace(name, '__defaultVhost__/live/bare__rand_int__') for word in words]

    def stop(self):
        super().stop()
        self.dir.cleanup()


def unescaped(word):
    """Of MONITOR's quoting."""
    return word.encode('latin-1').decode('unicode_escape')


class Replica(Process):
    def __init__(self, store='memory', *flags):
        super().__init__([BUILD / 'bin/weir-controlplane', '--listen', '127.0.0.1:0', '--admin', '',
                          '--store', store, '--log-level', 'warning', *flags])
        found = re.search(r'grpc=(\S+)', self.line(15))
        self.address = found.group(1)


class EchoServer(Process):
    def __init__(self):
        super().__init__([BUILD / 'bin/weir-controlplane-load', 'echo-server'])
        self.address = re.search(r'grpc=(\S+)', self.line(5)).group(1)


def load_argv(mode, **flags):
    return [BUILD / 'bin/weir-controlplane-load', mode,
            *(f'--{name.replace("_", "-")}={value}' for name, value in flags.items())]


def load(mode, **flags):
    """Runs it to its end; its results."""
    done = subprocess.run([str(a) for a in load_argv(mode, **flags)], capture_output=True, text=True,
                          timeout=600)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    if done.stderr:
        print(done.stderr.strip(), file=sys.stderr)
    return json.loads(done.stdout)


class Agents(Process):
    """Simulated agents, attached and reporting until they are stopped."""

    def __init__(self, target, agents, origins_each=1, deadline=120, **flags):
        super().__init__(load_argv('agents', target=target, agents=agents,
                                   origins_each=origins_each, **flags))
        wanted = agents * origins_each
        end = time.monotonic() + deadline
        while True:
            seen = json.loads(self.line(deadline))
            if seen['ended']:
                raise RuntimeError(f'agents were sent away: {self.errors()}')
            if seen['accepted'] >= wanted:
                return
            if time.monotonic() > end:
                raise RuntimeError(f'{seen["accepted"]} of {wanted} origins were accepted')

    def newest(self):
        """Totals, as of the last line that has come."""
        seen = self.line(5)
        while '\n' in self.pending:
            seen = self.line(1)
        return json.loads(seen)
