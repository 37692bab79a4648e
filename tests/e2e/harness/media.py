"""ffmpeg as encoder and player."""
import subprocess
import time
from pathlib import Path

from harness.processes import Process, wait_for

_sources = {}


def source(kind='av', seconds=60):
    """An FLV file made once per kind: av, video, audio, or fat (20 Mbit/s)."""
    key = (kind, seconds)
    if key in _sources and _sources[key].exists():
        return _sources[key]
    path = Path('/tmp') / f'weir-e2e-{kind}-{seconds}.flv'
    if not path.exists():
        video = ['-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=25']
        audio = ['-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=44100']
        coder = ['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-g', '25',
                 '-pix_fmt', 'yuv420p', '-b:v', '400k']
        if kind == 'fat':
            # Noise cannot be compressed: the rate asked for is the rate that comes.
            video = ['-f', 'lavfi', '-i', 'testsrc2=size=640x360:rate=25,noise=alls=100:allf=t']
            coder = ['-c:v', 'libx264', '-preset', 'ultrafast', '-g', '25', '-pix_fmt', 'yuv420p',
                     '-b:v', '20M', '-minrate', '20M', '-maxrate', '20M', '-bufsize', '4M',
                     '-nal-hrd', 'cbr']
        inputs = {'av': video + audio, 'fat': video + audio, 'video': video, 'audio': audio}[kind]
        if kind == 'audio':
            coder = []
        if kind != 'video':
            coder = coder + ['-c:a', 'aac', '-b:a', '96k']
        partial = path.with_suffix('.part')
        subprocess.run(['ffmpeg', '-loglevel', 'error', '-y', *inputs, '-t', str(seconds), *coder,
                        '-f', 'flv', str(partial)], check=True, timeout=120,
                       stdin=subprocess.DEVNULL)
        partial.rename(path)
    _sources[key] = path
    return path


class Publisher(Process):
    """ffmpeg sending a file in real time, over and over."""

    def __init__(self, cluster_dir, url, kind='av', name=None, seconds=60):
        file = source(kind, 12 if kind == 'fat' else seconds)
        name = name or 'publish-' + url.rsplit('/', 1)[1]
        super().__init__(name, ['ffmpeg', '-loglevel', 'info', '-nostdin', '-re', '-stream_loop', '-1',
                                '-i', file, '-c', 'copy', '-f', 'flv', url], cluster_dir)


class Player(Process):
    """ffmpeg writing the hash of every packet it gets."""

    def __init__(self, cluster_dir, url, name):
        self.hashes_file = Path(cluster_dir) / f'{name}.md5'
        # Analysis long enough to find both tracks; what was analysed is written, too.
        super().__init__(name, ['ffmpeg', '-loglevel', 'error', '-nostdin', '-analyzeduration', '1M',
                                '-i', url, '-map', '0', '-c', 'copy', '-flush_packets', '1',
                                '-f', 'framemd5', '-y', self.hashes_file], cluster_dir)

    def hashes(self):
        """(stream index, hash) of each packet so far, in order."""
        if not self.hashes_file.exists():
            return []
        rows = []
        for line in self.hashes_file.read_text(errors='replace').splitlines():
            columns = [c.strip() for c in line.split(',')]
            if not line.startswith('#') and len(columns) >= 6 and len(columns[5]) == 32:
                rows.append((columns[0], columns[5]))
        return rows

    def wait_packets(self, count, seconds):
        wait_for(lambda: len(self.hashes()) >= count, seconds,
                 lambda: f'{self.name} has {count} packets: {len(self.hashes())}\n{self.tail()}')


def stream_md5(hashes):
    """The same list without stream indexes: two players may number tracks differently."""
    return [value for _, value in hashes]


def is_late_part_of(late, whole):
    """How many packets of `late` follow each other in `whole` up to where the shorter one ends; 0 when
    `late` does not start inside `whole` or differs from it. Compared track by track: players may
    interleave tracks differently."""
    common = 0
    for track in {index for index, _ in late}:
        mine = [value for index, value in late if index == track]
        all_of = [value for index, value in whole if index == track]
        starts = [i for i, value in enumerate(all_of) if value == mine[0]]
        best = 0
        for start in starts:
            length = min(len(mine), len(all_of) - start)
            if mine[:length] == all_of[start:start + length]:
                best = max(best, length)
        if best == 0:
            return 0
        common += best
    return common


def plays(url, seconds=10):
    """True when ffmpeg gets media from the URL in time; returns how long it took, or None."""
    began = time.monotonic()
    try:
        done = subprocess.run(['ffmpeg', '-loglevel', 'error', '-nostdin', '-fflags', 'nobuffer',
                               '-probesize', '32', '-analyzeduration', '0', '-i', url, '-map', '0',
                               '-c', 'copy', '-frames', '3', '-f', 'null', '-'],
                              timeout=seconds, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return None
    return time.monotonic() - began if done.returncode == 0 else None
