"""Links that can be held, reset and refused (weir-tcp-proxy, tests/support/proxy)."""
import json
import os
import subprocess
import time

from harness.processes import BIN, BUILD, Process, free_port, wait_for


class Link:
    def __init__(self, proxy, name, to):
        self.proxy, self.name, self.to = proxy, name, to
        self.port = free_port()
        proxy.tell(add=name, listen=self.port, to=to)

    @property
    def address(self):
        return f'127.0.0.1:{self.port}'

    def hold(self):
        """Nothing gets through, and nobody is told."""
        self.proxy.tell(hold=self.name)

    def hold_replication(self):
        self.proxy.tell(hold_replication=self.name)

    def refuse(self):
        """New connections are reset."""
        self.proxy.tell(refuse=self.name)

    def reset(self):
        """Those there are end; what was on its way is lost."""
        self.proxy.tell(reset=self.name)

    def carry(self):
        self.proxy.tell(**{'pass': self.name})


class TcpProxy(Process):
    def __init__(self, directory, name='links'):
        self.name = name
        self.log = directory / f'{name}.log'
        self.began = time.monotonic()
        self.out = open(self.log, 'ab')
        self.log_begins = self.out.tell()
        environment = dict(os.environ)
        environment.setdefault('LLVM_PROFILE_FILE', str(BUILD / 'profiles/%p.profraw'))
        self.popen = subprocess.Popen([str(BIN / 'weir-tcp-proxy')], stdin=subprocess.PIPE, stdout=self.out,
                                      stderr=self.out, env=environment, cwd=str(directory), text=True, bufsize=1)
        self.pid = self.popen.pid
        self.lines = 0

    def add(self, name, to):
        return Link(self, name, to)

    def tell(self, **line):
        self.popen.stdin.write(json.dumps(line) + '\n')
        self.lines += 1

        def answered():
            for text in self.text().splitlines():
                if text.endswith('}'):
                    event = json.loads(text)
                    if event['n'] == self.lines:
                        return event
            return None
        event = wait_for(answered, 5, lambda: f'{self.name} answers: {self.tail()}', poll=0.002)
        if not event['ok']:
            raise AssertionError(f'{self.name}: {line}: {event["why"]}')

    def stop(self, seconds=5):
        if self.popen.stdin and not self.popen.stdin.closed:
            try:
                self.popen.stdin.close()
            except BrokenPipeError:
                pass
        return super().stop(seconds)
