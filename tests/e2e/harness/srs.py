"""Scripted SRS origins (weir-srs-fleet, tests/support/srs): many in one process, driven from Python."""
import json
import os
import subprocess
import time

from harness.processes import BIN, BUILD, Process, free_port, wait_for


class SrsOrigin:
    """One origin of a fleet; keeps its ports and its server id over restarts."""

    def __init__(self, fleet, name, server, **options):
        self.fleet, self.name = fleet, name
        self.rtmp_port, self.api_port = free_port(), free_port()
        self.server = server or f'vid-{name}'
        self.options = options

    @property
    def rtmp(self):
        return f'127.0.0.1:{self.rtmp_port}'

    def url(self, stream, app='live'):
        return f'rtmp://{self.rtmp}/{app}/{stream}'

    def order(self):
        return {'add': self.name, 'rtmp': self.rtmp_port, 'api': self.api_port,
                'server': self.server, 'register': self.fleet.register, 'ip': '127.0.0.1',
                **self.options}

    def start(self):
        """A new life: another `service`, the same `server`."""
        self.fleet.tell(start=self.name)

    def stop(self):
        self.fleet.tell(stop=self.name)
        return time.monotonic()

    def restart(self):
        self.stop()
        self.start()

    def freeze(self):
        self.fleet.tell(freeze=self.name)
        return time.monotonic()

    def thaw(self):
        self.fleet.tell(thaw=self.name)

    def publish(self, stream, swf_url='', app='live'):
        """A publisher of the origin's own: direct, or half open with a tag."""
        self.fleet.tell(publish=self.name, app=app, stream=stream, swf_url=swf_url)

    def unpublish(self, stream, app='live'):
        self.fleet.tell(unpublish=self.name, app=app, stream=stream)

    def report(self):
        return self.fleet.report()[self.name]

    def publisher(self, stream, app='live'):
        """{'cid': …, 'swf_url': …} of who publishes it; None when nobody does."""
        for known in self.report()['streams']:
            if known['url'].endswith(f'/{app}/{stream}'):
                return known['publisher']
        return None

    def published(self):
        return sorted(s['url'].split('/')[-1] for s in self.report()['streams'] if s['publisher'])


class SrsFleet(Process):
    """`register` is where heartbeats go: address:port of an agent."""

    def __init__(self, directory, register, name='srs-fleet'):
        self.name, self.register = name, register
        self.log = directory / f'{name}.log'
        self.began = time.monotonic()
        self.out = open(self.log, 'ab')
        self.log_begins = self.out.tell()
        environment = dict(os.environ)
        environment.setdefault('LLVM_PROFILE_FILE', str(BUILD / 'profiles/%p.profraw'))
        self.popen = subprocess.Popen([str(BIN / 'weir-srs-fleet')], stdin=subprocess.PIPE,
                                      stdout=self.out, stderr=self.out, env=environment,
                                      cwd=str(directory), text=True, bufsize=1)
        self.pid = self.popen.pid
        self.lines, self.read_to = 0, 0
        self.origins = {}

    def add(self, name, server=None, **options):
        origin = SrsOrigin(self, name, server, **options)
        self.origins[name] = origin
        self.tell(**origin.order())
        return origin

    def tell(self, **line):
        """Sends one line and waits until it is done; returns the events before its answer."""
        self.popen.stdin.write(json.dumps(line) + '\n')
        self.lines += 1
        return self._answer(self.lines)

    def _answer(self, number):
        events = []

        def done():
            with open(self.log, 'rb') as log:
                log.seek(self.log_begins + self.read_to)
                text = log.read()
            whole = text[:text.rfind(b'\n') + 1]
            self.read_to += len(whole)
            for line in whole.decode().splitlines():
                event = json.loads(line)
                if event['event'] != 'done':
                    events.append(event)
                elif event['n'] == number:
                    if not event['ok']:
                        raise AssertionError(f'{self.name}: {event["why"]}')
                    return True
            return False
        wait_for(done, 10, lambda: f'{self.name} answers line {number}: {self.tail()}', poll=0.005)
        return events

    def report(self):
        return {event['name']: event for event in self.tell(report=True)}

    def stop(self, seconds=5):
        if self.popen.stdin:
            try:
                self.popen.stdin.close()
            except BrokenPipeError:
                pass
        return super().stop(seconds)
