"""Redis for tests: one server, or a primary with replicas and sentinels, each on loopback ports of its own.

Nothing is kept on disk unless it is asked for. Processes are ended by process id.
"""
import signal
import socket
import time

from harness.processes import Process, free_port, wait_for
from harness.proxy import TcpProxy


class RedisError(Exception):
    pass


def ask(port, *words, timeout=2.0):
    """One command on a connection of its own; the reply as Python values."""
    with socket.create_connection(('127.0.0.1', port), timeout) as link:
        link.settimeout(timeout)
        parts = [str(word).encode() for word in words]
        link.sendall(b'*%d\r\n' % len(parts) + b''.join(b'$%d\r\n%s\r\n' % (len(p), p) for p in parts))
        return _reply(link.makefile('rb'))


def _reply(stream):
    line = stream.readline()
    if not line:
        raise ConnectionError('Redis closed the connection')
    kind, rest = line[:1], line[1:-2]
    if kind == b'-':
        raise RedisError(rest.decode())
    if kind == b'+':
        return rest.decode()
    if kind == b':':
        return int(rest)
    if kind == b'$':
        length = int(rest)
        return None if length < 0 else stream.read(length + 2)[:-2].decode(errors='replace')
    if kind == b'*':
        return None if int(rest) < 0 else [_reply(stream) for _ in range(int(rest))]
    raise ValueError(f'not a reply: {line!r}')


class RedisServer:
    """One redis-server; keeps its port over restarts."""

    def __init__(self, directory, name='redis', aof=False, options=()):
        self.dir, self.name = directory, name
        self.port = free_port()
        self.data = directory / f'{name}.data'
        self.data.mkdir(exist_ok=True)
        self.options = ['--save', '', '--appendonly', 'yes' if aof else 'no', *options]
        self.process = None

    @property
    def url(self):
        return f'redis://127.0.0.1:{self.port}'

    def start(self):
        self.process = Process(self.name, [
            'redis-server', '--port', self.port, '--bind', '127.0.0.1', '--dir', self.data,
            '--daemonize', 'no', *self.options], self.dir)
        wait_for(self.answers, 10, lambda: f'{self.name} answers: {self.process.tail()}')
        return self

    def answers(self):
        try:
            return self.ask('PING') == 'PONG'
        except (OSError, RedisError):
            return False

    def ask(self, *words):
        return ask(self.port, *words)

    def info(self, field, section='server'):
        for line in self.ask('INFO', section).splitlines():
            if line.startswith(field + ':'):
                return line.split(':', 1)[1]
        return None

    def kill(self):
        self.process.kill()
        self.process.out.close()

    def restart(self):
        """As after a crash; what AOF did not keep is gone."""
        self.kill()
        self.start()

    def freeze(self):
        self.process.signal(signal.SIGSTOP)

    def thaw(self):
        self.process.signal(signal.SIGCONT)

    def stop(self):
        if self.process is not None:
            self.process.stop()


class SentinelRedis:
    """A primary, replicas and three sentinels. Each server is known to everybody by the port of a link in front of
    it, so that replication can be held while clients go on: what is written then is lost in the failover."""

    DOWN_AFTER_MS = 600
    MASTER = 'weir'

    def __init__(self, directory, replicas=2, sentinels=3):
        self.dir = directory
        self.proxy = TcpProxy(directory, 'redis-links')
        self.servers, self.links = [], []
        for number in range(replicas + 1):
            server = RedisServer(directory, f'redis{number}')
            link = self.proxy.add(f'redis{number}', f'127.0.0.1:{server.port}')
            server.options += ['--replica-announce-ip', '127.0.0.1', '--replica-announce-port', link.port,
                               '--repl-diskless-sync-delay', '0', '--repl-timeout', '5']
            if number > 0:
                server.options += ['--replicaof', f'127.0.0.1 {self.links[0].port}']
            self.servers.append(server)
            self.links.append(link)
        self.sentinel_ports = [free_port() for _ in range(sentinels)]
        self.sentinels = []

    @property
    def url(self):
        return 'redis+sentinel://' + ','.join(f'127.0.0.1:{p}' for p in self.sentinel_ports) + f'/{self.MASTER}'

    def start(self):
        for server in self.servers:
            server.start()
        quorum = len(self.sentinel_ports) // 2 + 1
        for number, port in enumerate(self.sentinel_ports):
            conf = self.dir / f'sentinel{number}.conf'
            conf.write_text(f'port {port}\nbind 127.0.0.1\ndir {self.dir}\n'
                            f'sentinel monitor {self.MASTER} 127.0.0.1 {self.links[0].port} {quorum}\n'
                            f'sentinel down-after-milliseconds {self.MASTER} {self.DOWN_AFTER_MS}\n'
                            f'sentinel failover-timeout {self.MASTER} 4000\n'
                            f'sentinel parallel-syncs {self.MASTER} 2\n')
            self.sentinels.append(Process(f'sentinel{number}', ['redis-server', conf, '--sentinel'], self.dir))
        wait_for(self.steady, 15, lambda: f'replicas and sentinels know each other: {self.state()}', poll=0.1)
        return self

    def primary(self):
        """Its number, as a majority of sentinels has it; None when they differ."""
        named = []
        for port in self.sentinel_ports:
            try:
                named.append(int(ask(port, 'SENTINEL', 'get-master-addr-by-name', self.MASTER)[1]))
            except (OSError, RedisError, TypeError):
                pass
        for number, link in enumerate(self.links):
            if named.count(link.port) > len(self.sentinel_ports) // 2:
                return number
        return None

    def state(self):
        try:
            return self.primary(), [s.info('role', 'replication') for s in self.servers if s.process.running()]
        except (OSError, RedisError) as wrong:
            return repr(wrong)

    def steady(self):
        """A primary with all its replicas in step, and sentinels that know each other."""
        number = self.primary()
        if number is None:
            return False
        try:
            up = self.servers[number].ask('INFO', 'replication').count('state=online')
            known = [ask(port, 'SENTINEL', 'master', self.MASTER) for port in self.sentinel_ports]
        except (OSError, RedisError):
            return False
        facts = [dict(zip(k[::2], k[1::2])) for k in known]
        return (up == len(self.servers) - 1
                and all(f['num-other-sentinels'] == str(len(self.sentinel_ports) - 1)
                        and f['num-slaves'] == str(len(self.servers) - 1) and f['flags'] == 'master'
                        for f in facts))

    def ask_primary(self, *words):
        return self.servers[self.primary()].ask(*words)

    def hold_replication(self):
        self.links[self.primary()].hold_replication()

    def fail_over(self):
        """Kills the primary; what its replicas have not got is lost. Returns the number of the new one."""
        old = self.primary()
        self.servers[old].kill()
        self.links[old].reset()
        self.links[old].carry()
        wait_for(lambda: self.primary() not in (None, old), 20, lambda: f'a new primary: {self.state()}', poll=0.05)
        return self.primary()

    def start_dead(self):
        """Servers that were killed come back; sentinels make replicas of them."""
        for server in self.servers:
            if not server.process.running():
                server.start()

    def wait_steady(self, seconds=30):
        wait_for(self.steady, seconds, lambda: f'all are in step: {self.state()}', poll=0.1)

    def stop(self):
        for process in self.sentinels:
            process.stop()
        for server in self.servers:
            server.stop()
        self.proxy.stop()
