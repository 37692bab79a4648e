"""The relays that a benchmark measures: ours, its peers in TCP mode, and none at all.

Every one has one worker and stands before the same origin. `start()` gives the address clients use; a
relay is started anew for each measurement, so that none inherits another's memory.
"""
import socket
from pathlib import Path

from harness.processes import Process, children_of, free_port, wait_for

HAPROXY = '''
global
  nbthread 1
  maxconn 7500
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen relay
  bind 127.0.0.1:{port} backlog 4096
  {splice}
  server origin 127.0.0.1:{origin}
'''

NGINX = '''
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {dir}/nginx.pid;
error_log {dir}/error.log error;
events {{ worker_connections 19000; }}
stream {{
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    proxy_pass 127.0.0.1:{origin};
    tcp_nodelay on;
  }}
}}
'''


def connects(port):
    try:
        socket.create_connection(('127.0.0.1', port), 0.2).close()
        return True
    except OSError:
        return False


def cpu_seconds(pid):
    """What all threads of the process have run, in ns resolution (/proc/PID/task/*/schedstat)."""
    total = 0
    for task in Path(f'/proc/{pid}/task').iterdir():
        try:
            total += int((task / 'schedstat').read_text().split()[0])
        except OSError:
            pass  # the thread has ended
    return total / 1e9


def resident_kib(pid):
    for line in Path(f'/proc/{pid}/status').read_text().splitlines():
        if line.startswith('VmRSS'):
            return int(line.split()[1])
    raise RuntimeError('no VmRSS')


class Direct:
    name = 'direct'

    def __init__(self, bench):
        self.bench = bench

    def start(self):
        self.pid = None
        return f'127.0.0.1:{self.bench.origin_port}'

    def stop(self):
        pass


class Haproxy:
    def __init__(self, bench, splice):
        self.bench, self.splice = bench, splice
        self.name = 'haproxy splice' if splice else 'haproxy'

    def start(self):
        port = free_port()
        conf = self.bench.dir / f'{port}.cfg'
        conf.write_text(HAPROXY.format(port=port, origin=self.bench.origin_port,
                                       splice='option splice-auto' if self.splice else ''))
        self.process = Process(f'haproxy{port}', ['haproxy', '-db', '-f', conf], self.bench.dir)
        wait_for(lambda: connects(port), 5, 'haproxy listens')
        self.pid = self.process.pid
        return f'127.0.0.1:{port}'

    def stop(self):
        self.process.kill()


class NginxStream:
    name = 'nginx stream'

    def __init__(self, bench):
        self.bench = bench

    def start(self):
        port = free_port()
        place = self.bench.dir / f'nginx{port}'
        place.mkdir()
        conf = place / 'nginx.conf'
        conf.write_text(NGINX.format(dir=place, port=port, origin=self.bench.origin_port))
        self.process = Process(f'nginx{port}', ['nginx', '-p', place, '-c', conf], self.bench.dir)
        wait_for(lambda: connects(port), 5, 'nginx listens')
        self.pid = wait_for(lambda: children_of(self.process.pid), 5, 'the nginx worker')[0]
        return f'127.0.0.1:{port}'

    def stop(self):
        self.process.stop()


class Weir:
    name = 'weir'

    def __init__(self, bench):
        self.bench = bench

    def start(self):
        cluster = self.bench.cluster
        cluster.forwarder_ports.append((free_port(), f'127.0.0.1:{free_port()}'))
        index = len(cluster.forwarder_ports) - 1
        cluster.start_forwarder(index)
        self.process = cluster.forwarders[index]
        self.pid = self.process.pid
        return f'127.0.0.1:{cluster.forwarder_ports[index][0]}'

    def stop(self):
        self.process.kill()
