"""Processes, ports and waiting. Nothing here sleeps for a result: it waits for a condition."""
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BUILD = Path(os.environ.get('WEIR_BUILD', ROOT / 'build/release'))
BIN = BUILD / 'bin'

# Below the kernel's range of ephemeral ports, so that a listener can come back to its port.
_next_port = 21000 + (os.getpid() % 50) * 200


def free_port():
    """A TCP port that nobody uses on IPv4 and IPv6; never given twice in this process."""
    global _next_port
    for _ in range(5000):
        _next_port = 21000 if _next_port > 31900 else _next_port + 1
        try:
            for family, address in ((socket.AF_INET, '127.0.0.1'), (socket.AF_INET6, '::1')):
                with socket.socket(family, socket.SOCK_STREAM) as probe:
                    probe.bind((address, _next_port))
        except OSError:
            continue
        return _next_port
    raise RuntimeError('no free port between 21000 and 32000')


def wait_for(condition, seconds, what, poll=0.02):
    """Polls until condition() is true and returns its value; fails naming `what` at the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f'not within {seconds} s: {what() if callable(what) else what}')
        time.sleep(poll)


def wait_listening(address, seconds=5):
    """Until somebody listens on address:port."""
    host, port = address.rsplit(':', 1)

    def listens():
        with socket.socket() as probe:
            return probe.connect_ex((host, int(port))) == 0
    wait_for(listens, seconds, f'somebody listens on {address}')


def process_start_time(pid):
    """Field 22 of /proc/PID/stat, None when there is no such process."""
    try:
        return Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[19]
    except OSError:
        return None


def children_of(pid):
    try:
        return [int(x) for x in Path(f'/proc/{pid}/task/{pid}/children').read_text().split()]
    except OSError:
        return []


class Process:
    """A started program; output goes to a file; ended by pid."""

    def __init__(self, name, command, directory, env=None):
        self.name = name
        self.log = Path(directory) / f'{name}.log'
        self.began = time.monotonic()
        self.out = open(self.log, 'ab')
        # A part that is started again goes on in its log; what it said before is not its answer now.
        self.log_begins = self.out.tell()
        environment = dict(os.environ)
        environment.setdefault('LLVM_PROFILE_FILE', str(BUILD / 'profiles/%p.profraw'))
        environment.update(env or {})
        self.popen = subprocess.Popen([str(x) for x in command], stdout=self.out, stderr=self.out,
                                      stdin=subprocess.DEVNULL, env=environment,
                                      cwd=str(directory))
        self.pid = self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def text(self):
        with open(self.log, 'rb') as log:
            log.seek(self.log_begins)
            return log.read().decode(errors='replace')

    def wait_ready(self, word='ready', seconds=10):
        """Waits for the daemon's ready line; returns its key=value fields."""
        def ready_line():
            if not self.running():
                raise AssertionError(f'{self.name} ended with {self.popen.returncode}:\n{self.tail()}')
            lines = [x for x in self.text().splitlines() if f'{word} ' in x and '=' in x]
            return lines and lines[0]
        line = wait_for(ready_line, seconds, lambda: f'{self.name} is ready:\n{self.tail()}')
        return dict(part.split('=', 1) for part in line.split() if '=' in part)

    def tail(self, lines=25):
        return '\n'.join(self.text().splitlines()[-lines:])

    def signal(self, number):
        if self.running():
            os.kill(self.pid, number)

    def kill(self):
        self.signal(signal.SIGKILL)
        return self.wait(5)

    def wait(self, seconds):
        try:
            code = self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f'{self.name} did not end within {seconds} s:\n{self.tail()}') from None
        finally:
            self.out.flush()
        return code

    def stop(self, seconds=5):
        """Ends the process politely, then by force; returns its exit status."""
        if self.running():
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
            try:
                self.popen.wait(seconds)
            except subprocess.TimeoutExpired:
                self.signal(signal.SIGKILL)
                self.popen.wait(5)
        self.out.close()
        return self.popen.returncode
