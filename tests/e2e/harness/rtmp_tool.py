"""The scripted RTMP client and the recording origin (tests/support), driven from Python.

Each prints one JSON object per line: {"t": seconds since its start, "session": n, "event": ..., ...}.
"""
import json

from harness.processes import BIN, Process, wait_for


class RtmpTool(Process):
    def __init__(self, cluster_dir, name, *words):
        super().__init__(name, [BIN / 'weir-rtmp-tool', *words], cluster_dir)

    def events(self, kind=None, session=None):
        found = []
        for line in self.text().splitlines():
            if not line.startswith('{') or not line.endswith('}'):
                continue
            event = json.loads(line)
            if (kind is None or event['event'] == kind) and (session is None
                                                             or event.get('session') == session):
                found.append(event)
        return found

    def wait_events(self, kind, count, seconds):
        return wait_for(lambda: len(self.events(kind)) >= count and self.events(kind), seconds,
                        lambda: f'{count} x {kind} from {self.name}; seen '
                                f'{[(e["event"], e.get("code")) for e in self.events()][-20:]}')


def publish(cluster, name, url, **options):
    return RtmpTool(cluster.dir, name, 'publish', '--url', url, *flags(options))


def play(cluster, name, url, **options):
    return RtmpTool(cluster.dir, name, 'play', '--url', url, *flags(options))


def origin(directory, name, listen, **options):
    return RtmpTool(directory, name, 'origin', '--listen', listen, *flags(options))


def flags(options):
    words = []
    for key, value in options.items():
        words.append('--' + key.replace('_', '-'))
        if value is not True:
            words.append(str(value))
    return words
