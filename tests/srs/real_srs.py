"""A real SRS as origin or edge: its configuration, its life, its API."""
import json
import os
import shutil
import signal
import sys
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'e2e'))
from harness.processes import Process, free_port, wait_for  # noqa: E402

ORIGIN = '''
listen              {listen};
daemon              off;
srs_log_tank        console;
srs_log_level       warn;
srs_log_level_v2    warn;
pid                 ./objs/srs.pid;
max_connections     {max_connections};
http_api {{
    enabled         on;
    listen          127.0.0.1:{api};
}}
heartbeat {{
    enabled         on;
    interval        {interval};
    url             http://{register}/api/v1/srs/register;
    ports           {ports};
}}
vhost __defaultVhost__ {{
    tcp_nodelay     on;
    min_latency     on;
{vhost}
}}
'''

EDGE = '''
listen              {port};
daemon              off;
srs_log_tank        console;
srs_log_level       warn;
srs_log_level_v2    warn;
pid                 ./objs/srs.pid;
max_connections     1000;
http_api {{
    enabled         on;
    listen          127.0.0.1:{api};
}}
vhost __defaultVhost__ {{
    tcp_nodelay     on;
    min_latency     on;
    cluster {{
        mode        remote;
        origin      {origin};
    }}
}}
'''

HOOKS = '''    http_hooks {{
        enabled         on;
        on_publish      http://{register}/api/v1/srs/hooks;
        on_unpublish    http://{register}/api/v1/srs/hooks;
    }}'''

TRANSCODE = '''    transcode {{
        enabled     on;
        ffmpeg      {ffmpeg};
        engine hd {{
            enabled on;
            vcodec  copy;
            acodec  copy;
            output  rtmp://127.0.0.1:{port}/[app]/[stream]_[engine];
        }}
    }}'''


class RealSrs:
    """One SRS in a directory of its own; ports are kept over restarts."""

    def __init__(self, program, directory, name):
        self.program, self.name = program, name
        self.dir = Path(directory) / name
        (self.dir / 'objs').mkdir(parents=True)
        self.port, self.api_port = free_port(), free_port()
        self.process = None

    # --- what it is
    def as_origin(self, register, interval=2, max_connections=1000, listen=None, hooks=False,
                  transcode=None, ports='on'):
        parts = [HOOKS.format(register=register)] if hooks else []
        parts += [TRANSCODE.format(ffmpeg=transcode, port=self.port)] if transcode else []
        self.configure(ORIGIN.format(listen=listen or self.port, api=self.api_port, vhost='\n'.join(parts),
                                     register=register, interval=interval, ports=ports,
                                     max_connections=max_connections))
        return self

    def as_edge(self, origin):
        self.configure(EDGE.format(port=self.port, api=self.api_port, origin=origin))
        return self

    def configure(self, text):
        (self.dir / 'srs.conf').write_text(text)

    def cloned(self, name):
        """A machine image of it: the whole folder, with the ports of another."""
        clone = RealSrs(self.program, self.dir.parent, name)
        shutil.rmtree(clone.dir)
        shutil.copytree(self.dir, clone.dir)
        text = (clone.dir / 'srs.conf').read_text()
        clone.configure(text.replace(str(self.port), str(clone.port))
                        .replace(str(self.api_port), str(clone.api_port)))
        return clone

    # --- its life
    def start(self, wait=True):
        self.process = Process(f'srs-{self.name}', [self.program, '-c', 'srs.conf'], self.dir)
        if wait:
            wait_for(self.versions, 10, lambda: f'{self.name} answers: {self.process.tail()}')
        return self

    def kill(self):
        self.process.signal(signal.SIGKILL)
        at = time.monotonic()
        self.process.wait(5)
        return at

    def freeze(self):
        os.kill(self.process.pid, signal.SIGSTOP)
        return time.monotonic()

    def thaw(self):
        os.kill(self.process.pid, signal.SIGCONT)

    def stop(self):
        if self.process is not None:
            self.process.stop(3)

    # --- its answers
    def api(self, path, method='GET'):
        request = urllib.request.Request(f'http://127.0.0.1:{self.api_port}/api/v1/{path}',
                                         method=method)
        with urllib.request.urlopen(request, timeout=2) as got:
            return json.loads(got.read())

    def versions(self):
        try:
            return self.api('versions')
        except (OSError, ValueError):
            return None

    @property
    def server(self):
        return self.versions()['server']

    def url(self, stream):
        return f'rtmp://127.0.0.1:{self.port}/live/{stream}'

    def publishers(self):
        """Stream name -> the publisher's client, as SRS shows it."""
        found = {}
        for stream in self.api('streams/?count=1000')['streams']:
            if stream['publish']['active']:
                cid = stream['publish']['cid']
                found[stream['name']] = self.api(f'clients/{cid}').get('client') or {}
        return found
