"""Simulated agents, forwarders and clients (weir-cluster-load, tests/support/cluster) and the judge of their history."""
import json
import signal
import subprocess

from harness.processes import BIN, Process, wait_for


class ClusterLoad(Process):
    """Options as of the program: streams=1000, hold_only=True, …"""

    def __init__(self, directory, endpoints, name='load', **options):
        self.history = directory / f'{name}.history'
        command = [BIN / 'weir-cluster-load', '--history', self.history, '--name', name]
        for endpoint in endpoints:
            command += ['--endpoint', endpoint]
        for key, value in options.items():
            command.append('--' + key.replace('_', '-'))
            if value is not True:
                command.append(value)
        super().__init__(f'cluster-{name}', command, directory)

    def events(self, kind=None):
        found = []
        for line in self.text().splitlines():
            if line.startswith('{') and line.endswith('}'):
                event = json.loads(line)
                if kind is None or event['event'] == kind:
                    found.append(event)
        return found

    def wait_begun(self, seconds=60):
        wait_for(lambda: self.events('ready') or not self.running(), seconds, lambda: f'it began: {self.tail()}')
        if not self.events('ready'):
            raise AssertionError(f'{self.name} ended: {self.tail()}')

    def progress(self):
        events = self.events('progress')
        return events[-1] if events else {'held': 0, 'all_asked': False, 'calls': 0, 'attached': 0}

    def wait_held(self, count, seconds):
        wait_for(lambda: self.progress()['all_asked'] and self.progress()['held'] >= count, seconds,
                 lambda: f'{count} streams are held: {self.progress()}', poll=0.1)

    def finish(self, seconds=90):
        """Clients stop, everything comes to rest, replicas are asked for what is held; the summary."""
        if self.running():
            self.signal(signal.SIGTERM)
        self.wait(seconds)
        summaries = self.events('summary')
        if not summaries:
            raise AssertionError(f'{self.name} ended without a summary: {self.tail()}')
        return summaries[0]

    def wrong(self):
        return [event['what'] for event in self.events('wrong')]


def check(*histories, timeout=300):
    """(figures, violations) of weir-history-check."""
    done = subprocess.run([BIN / 'weir-history-check', '--json', *histories], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=timeout)
    if done.returncode not in (0, 1):
        raise AssertionError(f'weir-history-check: {done.returncode}: {done.stderr}')
    lines = done.stdout.splitlines()
    return json.loads(lines[-1]), [line for line in lines if line.startswith('VIOLATION')]
