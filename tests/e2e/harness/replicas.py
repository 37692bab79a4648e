"""Several control-plane replicas over one store."""
import json
import signal
import subprocess
import urllib.request

from harness.processes import BIN, Process, free_port, wait_for


class Replica:
    """One process; keeps its ports and its state directory over restarts."""

    def __init__(self, directory, number, store, args=(), binary='weir-controlplane'):
        self.dir, self.name = directory, f'controlplane{number}'
        self.id = f'r{number}'
        self.grpc = f'127.0.0.1:{free_port()}'
        self.admin = f'127.0.0.1:{free_port()}'
        self.store, self.args, self.binary = store, list(args), binary
        self.process = None

    def start(self, wait=True):
        self.process = Process(self.name, [
            BIN / self.binary, '--listen', self.grpc, '--admin', self.admin, '--store', self.store,
            '--replica-id', self.id, '--state-dir', self.dir / self.name, *self.args], self.dir)
        if wait:
            self.wait_ready()

    def wait_ready(self, seconds=15):
        self.process.wait_ready(seconds=seconds)

    def running(self):
        return self.process is not None and self.process.running()

    def kill(self):
        self.process.kill()
        self.process.out.close()

    def restart(self):
        self.kill()
        self.start()

    def freeze(self):
        self.process.signal(signal.SIGSTOP)

    def thaw(self):
        self.process.signal(signal.SIGCONT)

    def stop(self, seconds=5):
        return self.process.stop(seconds) if self.process is not None else None

    def roll(self):
        """Ended politely, and started again."""
        self.stop()
        self.start()

    def ctl_raw(self, *words, timeout=20):
        """weirctl to this replica only."""
        return subprocess.run([BIN / 'weirctl', '--endpoint', self.grpc, *words], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=timeout)

    def ctl(self, *words):
        done = self.ctl_raw('-o', 'json', *words)
        if done.returncode != 0:
            raise AssertionError(f'weirctl {" ".join(words)} at {self.name}: {done.returncode}: {done.stderr}')
        return json.loads(done.stdout) if done.stdout.strip() else {}

    def metrics(self):
        with urllib.request.urlopen(f'http://{self.admin}/metrics', timeout=2) as got:
            return got.read().decode()


class Replicas:
    def __init__(self, directory, count, store, args=(), binary='weir-controlplane'):
        self.all = [Replica(directory, number + 1, store, args, binary) for number in range(count)]

    def __iter__(self):
        return iter(self.all)

    def __getitem__(self, number):
        return self.all[number]

    def __len__(self):
        return len(self.all)

    @property
    def endpoints(self):
        return [replica.grpc for replica in self.all]

    def start(self):
        for replica in self.all:
            replica.start(wait=False)
        for replica in self.all:
            replica.wait_ready()
        return self

    def wait_settled(self, seconds=15):
        def settled():
            return all(not r.ctl('cluster', 'status').get('settling', False) for r in self.all if r.running())
        wait_for(settled, seconds, 'no replica is settling', poll=0.1)

    def stop(self):
        for replica in self.all:
            replica.stop()
