"""Scripts for weir-rtmp-tool: steps as dictionaries, media as lists of messages (docs/testing.md).

A message is (type, time, payload); what a recording tells of it is compared by `told()` and `facts()`.
"""
import hashlib
import json
import subprocess
from pathlib import Path

from harness.processes import free_port, wait_for
from harness.rtmp_tool import RtmpTool, flags

AUDIO, VIDEO, DATA = 8, 9, 18
FLV_HEADER = b'FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00'


def write_lines(directory, name, lines):
    path = Path(directory) / f'{name}.jsonl'
    path.write_text(''.join(json.dumps(line) + '\n' for line in lines))
    return path


class Script(RtmpTool):
    """A scripted client on `address`:port; its exit status tells whether every step came true."""

    def __init__(self, directory, name, port, steps, seconds=30, **options):
        file = write_lines(directory, name, steps)
        super().__init__(directory, name, 'script', '--to', f'127.0.0.1:{port}', '--file', file,
                         '--seconds', str(seconds), *flags(options))

    def messages(self, kinds=None):
        return [e for e in self.events('message') if kinds is None or e['type'] in kinds]

    def wait_messages(self, count, seconds=10, kinds=(AUDIO, VIDEO)):
        return wait_for(lambda: len(self.messages(kinds)) >= count and self.messages(kinds), seconds,
                        lambda: f'{count} messages at {self.name}: {len(self.messages(kinds))}; '
                                f'{self.why()}')

    def reached(self, mark, seconds=10):
        wait_for(lambda: any(e['name'] == mark for e in self.events('mark')), seconds,
                 lambda: f'{self.name} reaches {mark}: {self.why()}')

    def why(self):
        return [(e['event'], e.get('step'), e.get('why') or e.get('code') or e.get('command'))
                for e in self.events()][-12:]

    def finish(self, seconds=15):
        """Waits for the end; fails when a step did not come true."""
        code = self.wait(seconds)
        if code != 0:
            raise AssertionError(f'{self.name}: {code}: {self.why()}')
        return self


class ScriptOrigin(RtmpTool):
    """An origin that answers by rules and records everything."""

    def __init__(self, directory, name, rules=(), seconds=120, **options):
        file = write_lines(directory, name, rules)
        self.port = free_port()
        super().__init__(directory, name, 'origin', '--listen', f'127.0.0.1:{self.port}', '--script',
                         file, '--seconds', str(seconds), *flags(options))
        self.wait_events('listening', 1, 5)

    def session_of(self, stream, seconds=10, verb='publish'):
        """The session in which `stream` is published or played: the newest one."""
        def found():
            return [e['session'] for e in self.events('message') if e.get('command') == verb
                    and e['values'][3].split('?')[0] == stream]
        return wait_for(found, seconds, lambda: f'{self.name}: {verb} {stream}')[-1]

    def messages(self, session, kinds=None):
        return [e for e in self.events('message', session) if kinds is None or e['type'] in kinds]

    def wait_messages(self, session, count, seconds=10, kinds=(AUDIO, VIDEO)):
        return wait_for(lambda: len(self.messages(session, kinds)) >= count
                        and self.messages(session, kinds), seconds,
                        lambda: f'{count} messages at {self.name}: '
                                f'{len(self.messages(session, kinds))}')

    def command(self, session, name):
        """The values of the first command of that name."""
        return next(e['values'] for e in self.messages(session) if e.get('command') == name)


# --- media
def read_flv(path):
    """[(type, time, payload)] of an FLV file."""
    data, at, messages = Path(path).read_bytes(), 13, []
    while at + 11 <= len(data):
        size = int.from_bytes(data[at + 1:at + 4], 'big')
        time = int.from_bytes(data[at + 4:at + 7], 'big') | data[at + 7] << 24
        messages.append((data[at] & 0x1f, time, data[at + 11:at + 11 + size]))
        at += 11 + size + 4
    return messages


def write_flv(path, messages):
    out = bytearray(FLV_HEADER)
    for kind, time, payload in messages:
        size = len(payload).to_bytes(3, 'big')
        time &= 0xffffffff
        out += bytes([kind]) + size + (time & 0xffffff).to_bytes(3, 'big') + bytes([time >> 24, 0, 0, 0])
        out += payload + (11 + len(payload)).to_bytes(4, 'big')
    Path(path).write_bytes(out)
    return path


def facts(messages, kinds=(AUDIO, VIDEO)):
    """What is comparable of messages that were sent."""
    return [(kind, time & 0xffffffff, len(payload), hashlib.sha256(payload).hexdigest())
            for kind, time, payload in messages if kind in kinds]


def told(events, kinds=(AUDIO, VIDEO)):
    """The same of messages that were recorded."""
    return [(e['type'], e['time'], e['length'], e['sha256']) for e in events if e['type'] in kinds]


def by_track(all_facts):
    """Servers may interleave tracks anew: {type: facts in order}."""
    return {kind: [f for f in all_facts if f[0] == kind] for kind in {f[0] for f in all_facts}}


def packet_hashes(file, seconds=20):
    """The hash of each packet by ffprobe, in order per track: {'video': [...], 'audio': [...]}."""
    done = subprocess.run(
        ['ffprobe', '-v', 'error', '-show_entries', 'packet=codec_type,data_hash', '-show_data_hash',
         'sha256', '-of', 'json', str(file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        timeout=seconds, stdin=subprocess.DEVNULL, text=True)
    return hashes_by_track(done.stdout)


def hashes_by_track(text):
    tracks = {}
    for packet in json.loads(text or '{}').get('packets', []):
        tracks.setdefault(packet['codec_type'], []).append(packet['data_hash'])
    return tracks


def short_source(kind='av', seconds=2):
    from harness.media import source
    return source(kind, seconds)


# --- steps
def connect_object(port, app='live', **more):
    return {'app': app, 'type': 'nonprivate', 'flashVer': 'FMLE/3.0 (compatible; FMSc/1.0)',
            'tcUrl': f'rtmp://127.0.0.1:{port}/{app}', **more}


def command(name, transaction, *args, **more):
    return {'command': name, 'transaction': transaction, 'args': list(args), **more}


def result(transaction):
    return {'expect': {'command': '_result', 'transaction': transaction}}


def opened(port, app='live', handshake='simple', chunk_size=4096, connect=None):
    """Handshake, connect and createStream, each answered."""
    return [{'handshake': handshake}, {'control': 'set_chunk_size', 'value': chunk_size},
            command('connect', 1, connect or connect_object(port, app)), result(1),
            command('createStream', 2, None), result(2)]


def publish(port, name, media, **more):
    """A plain publisher of `media` steps, which ends politely."""
    return [*opened(port, **more), command('publish', 3, None, name, 'live', msid=1, csid=4),
            {'expect': {'code': 'NetStream.Publish.Start'}}, {'mark': 'accepted'}, *media,
            {'mark': 'sent'}, {'wait_signal': True}, command('FCUnpublish', 4, None, name),
            command('deleteStream', 5, None, 1)]


def play(port, name, **more):
    """A plain player that stays until it is told to go."""
    return [*opened(port, **more), command('play', 3, None, name, -2000, msid=1, csid=8),
            {'control': 'user', 'event': 3, 'value': 1, 'buffer': 3000},
            {'expect': {'code': 'NetStream.Play.Start'}, 'within_ms': 15000}, {'mark': 'playing'},
            {'wait_signal': True}, command('closeStream', 0, None, msid=1)]


def messages_as_steps(messages, **more):
    return [{'message': kind, 'time': time, 'hex': payload.hex(), **more}
            for kind, time, payload in messages]
