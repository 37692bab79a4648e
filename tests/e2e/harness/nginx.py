"""nginx with the RTMP module as a real origin: one master, one worker."""
import os
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

from harness.processes import Process, children_of, free_port, wait_for

MODULE = '/usr/lib/nginx/modules/ngx_rtmp_module.so'

CONFIG = '''
load_module {module};
user root;
daemon off;
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/error.log info;
events {{ worker_connections 4096; }}
rtmp {{
  access_log off;
  server {{
    listen 127.0.0.1:{rtmp}{listen};
    chunk_size 4096;
    max_message 16M;
    application live {{
      live on;
      idle_streams on;
      {extra}
    }}
  }}
}}
http {{
  access_log off;
  server {{
    listen 127.0.0.1:{http};
    location /stat {{ rtmp_stat all; }}
    location /control {{ rtmp_control all; }}
  }}
}}
'''


class NginxOrigin:
    """One origin; keeps its ports across restarts."""

    def __init__(self, name, directory, extra='', proxy_protocol=False):
        self.name = name
        self.dir = Path(directory) / name
        self.dir.mkdir()
        self.rtmp_port, self.http_port = free_port(), free_port()
        self.conf = self.dir / 'nginx.conf'
        self.conf.write_text(CONFIG.format(module=MODULE, dir=self.dir, rtmp=self.rtmp_port,
                                           http=self.http_port, extra=extra,
                                           listen=' proxy_protocol' if proxy_protocol else ''))
        self.client_address = ',client_address=proxy-v1' if proxy_protocol else ''
        self.process = None
        self.start()

    def start(self):
        self.process = Process('nginx', ['nginx', '-p', self.dir, '-c', self.conf], self.dir)
        wait_for(lambda: self.stat() is not None, 5,
                 lambda: f'{self.name} answers /stat: {self.process.tail()}')

    @property
    def rtmp(self):
        return f'127.0.0.1:{self.rtmp_port}'

    def agent_option(self, with_pidfile=True):
        pidfile = f',pidfile={self.dir}/nginx.pid' if with_pidfile else ''
        return (f'id={self.name},type=nginx-rtmp,rtmp={self.rtmp},'
                f'stat=http://127.0.0.1:{self.http_port}/stat,'
                f'control=http://127.0.0.1:{self.http_port}/control{pidfile}{self.client_address}')

    def stat(self):
        try:
            with urllib.request.urlopen(f'http://127.0.0.1:{self.http_port}/stat', timeout=1) as got:
                return got.read().decode(errors='replace')
        except OSError:
            return None

    def published(self):
        """Names of streams with a live publisher."""
        names = []
        for part in (self.stat() or '').split('<stream>')[1:]:
            if '<publishing/>' in part.split('</stream>')[0]:
                names.append(part.split('<name>')[1].split('</name>')[0])
        return sorted(names)

    def master(self):
        return self.process.pid

    def workers(self):
        return children_of(self.master())

    def kill_worker(self):
        for pid in self.workers():
            os.kill(pid, signal.SIGKILL)
        return time.monotonic()

    def kill_all(self):
        """Master first, so that no worker is started again."""
        workers = self.workers()
        os.kill(self.master(), signal.SIGKILL)
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        at = time.monotonic()
        self.process.wait(5)
        return at

    def signal_all(self, number):
        for pid in self.workers() + [self.master()]:
            os.kill(pid, number)
        return time.monotonic()

    def stop(self):
        if self.process and self.process.running():
            workers = self.workers()
            for pid in workers:
                try:
                    os.kill(pid, signal.SIGCONT)
                except OSError:
                    pass
            self.process.stop(3)
            for pid in workers:
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass


def available():
    return Path(MODULE).exists() and subprocess.run(['nginx', '-v'], capture_output=True).returncode == 0
