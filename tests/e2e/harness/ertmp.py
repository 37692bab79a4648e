"""Enhanced RTMP: real HEVC, AV1, VP9 and Opus frames, wrapped as its messages (v1 and v2).

ffmpeg 5.1 encodes them but cannot put them into FLV, so they are taken from raw files. Each function answers
[(type, time, payload)] as harness.script has them.
"""
import struct
import subprocess
from pathlib import Path

from harness.script import AUDIO, VIDEO

SEQUENCE_START, CODED_FRAMES, SEQUENCE_END, FRAMES_X, METADATA, MULTITRACK, MODEX = 0, 1, 2, 3, 4, 6, 7
AUDIO_MULTITRACK = 5
ONE_TRACK, MANY_TRACKS, MANY_CODECS = 0, 1, 2
KEY, INTER = 1, 2
FRAME_MS = 40

CODERS = {
    'hevc': ('-c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=15:bframes=2 '
             '-bsf:v hevc_metadata=aud=insert -f hevc'),
    'av1': '-c:v libsvtav1 -preset 12 -g 15 -svtav1-params scm=0 -f ivf',
    'vp9': '-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 15 -b:v 200k -f ivf',
    'opus': '-c:a libopus -b:a 64k -f ogg',
}
CONNECT_V1 = {'fourCcList': ['hvc1', 'av01', 'vp09']}
CONNECT_V2 = {'fourCcList': ['*'], 'videoFourCcInfoMap': {'*': 4, 'hvc1': 3, 'av01': 3, 'vp09': 3, 'avc1': 3},
              'audioFourCcInfoMap': {'Opus': 3, 'mp4a': 3, '*': 4}, 'capsEx': 6}


def raw(codec):
    """One second, encoded once."""
    path = Path('/tmp') / f'weir-e2e-{codec}-1.raw'
    if not path.exists():
        source = ('sine=frequency=440:sample_rate=48000' if codec == 'opus'
                  else 'testsrc2=size=192x128:rate=25')
        partial = path.with_suffix('.part')
        subprocess.run(['ffmpeg', '-loglevel', 'error', '-y', '-f', 'lavfi', '-i', source, '-t', '1',
                        *([] if codec == 'opus' else ['-pix_fmt', 'yuv420p']), *CODERS[codec].split(),
                        str(partial)], check=True, timeout=60, stdin=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        partial.rename(path)
    return path.read_bytes()


def ivf_frames(codec):
    data, at, found = raw(codec), 32, []
    while at + 12 <= len(data):
        size = int.from_bytes(data[at:at + 4], 'little')
        found.append(data[at + 12:at + 12 + size])
        at += 12 + size
    return found


def hevc_units():
    """(parameter sets, access units of length-prefixed NAL units)."""
    nals = [n.rstrip(b'\0') for n in raw('hevc').replace(b'\0\0\0\1', b'\0\0\1').split(b'\0\0\1') if n]
    sets, units = {}, []
    for nal in nals:
        kind = nal[0] >> 1 & 0x3f
        if kind == 35:
            units.append([])
        elif kind in (32, 33, 34):
            sets.setdefault(kind, nal)
        else:
            units[-1].append(nal)
    return sets, [(any(16 <= n[0] >> 1 & 0x3f <= 21 for n in unit),
                   b''.join(len(n).to_bytes(4, 'big') + n for n in unit)) for unit in units]


def hevc_configuration(sets):
    profile = sets[33].replace(b'\0\0\3', b'\0\0')[3:15]
    arrays = b''.join(bytes([0x80 | kind]) + struct.pack('>HH', 1, len(sets[kind])) + sets[kind]
                      for kind in (32, 33, 34))
    return b'\1' + profile + b'\xf0\0\xfc\xfd\xf8\xf8\0\0\x0f\3' + arrays


def video(packet, frame, four_cc, data, composition=None):
    head = bytes([0x80 | frame << 4 | packet]) + four_cc
    return head + (b'' if composition is None else composition.to_bytes(3, 'big', signed=True)) + data


def audio(packet, data, four_cc=b'Opus'):
    return bytes([0x90 | packet]) + four_cc + data


def hevc():
    sets, units = hevc_units()
    out = [(VIDEO, 0, video(SEQUENCE_START, KEY, b'hvc1', hevc_configuration(sets)))]
    for number, (key, unit) in enumerate(units):
        kind = KEY if key else INTER
        # Both forms that there are: with a composition time and without.
        message = (video(FRAMES_X, kind, b'hvc1', unit) if number % 2 else
                   video(CODED_FRAMES, kind, b'hvc1', unit, composition=80))
        out.append((VIDEO, number * FRAME_MS, message))
    return out + [(VIDEO, len(units) * FRAME_MS, video(SEQUENCE_END, KEY, b'hvc1', b''))]


def av1():
    frames = [f[2:] if f[:2] == b'\x12\0' else f for f in ivf_frames('av1')]
    sequence = frames[0][:2 + frames[0][1]]  # the sequence header comes first, its size in one byte
    out = [(VIDEO, 0, video(SEQUENCE_START, KEY, b'av01', b'\x81\0\x0c\0' + sequence))]
    return out + [(VIDEO, n * FRAME_MS, video(CODED_FRAMES, INTER if n % 15 else KEY, b'av01', f))
                  for n, f in enumerate(frames)]


def vp9():
    out = [(VIDEO, 0, video(SEQUENCE_START, KEY, b'vp09', b'\1\0\0\0\0\x0a\x82\1\1\1\0\0'))]
    return out + [(VIDEO, n * FRAME_MS, video(CODED_FRAMES, INTER if n % 15 else KEY, b'vp09', f))
                  for n, f in enumerate(ivf_frames('vp9'))]


def opus():
    data, at, packets, open_packet = raw('opus'), 0, [], b''
    while at + 27 <= len(data):
        sizes = data[at + 27:at + 27 + data[at + 26]]
        at += 27 + len(sizes)
        for size in sizes:
            open_packet += data[at:at + size]
            at += size
            if size < 255:
                packets.append(open_packet)
                open_packet = b''
    out = [(AUDIO, 0, audio(SEQUENCE_START, packets[0]))]
    return out + [(AUDIO, n * 20, audio(CODED_FRAMES, p)) for n, p in enumerate(packets[2:])]


def merged(*tracks):
    """By time, as an encoder sends them."""
    return sorted((m for track in tracks for m in track), key=lambda m: m[1])


def metadata_v1():
    """HDR metadata: a video packet whose body is AMF."""
    body = b'\2\0\x09colorInfo\3\0\x07maxFall\0' + struct.pack('>d', 400.0) + b'\0\0\x09'
    return [(VIDEO, 0, video(METADATA, KEY, b'hvc1', body))]


def multitrack():
    """One track, many tracks of one codec, many codecs, each with real frames; audio the same."""
    units = [unit for _, unit in hevc_units()[1]]
    vp9_frames = ivf_frames('vp9')
    opus_packets = [p[5:] for _, _, p in opus()[1:]]

    def tracks(kind, four_cc, *parts):
        out = bytes([kind << 4 | CODED_FRAMES]) + (b'' if kind == MANY_CODECS else four_cc)
        for number, part in enumerate(parts):
            out += (four_cc if kind == MANY_CODECS and number == 0 else
                    b'vp09' if kind == MANY_CODECS else b'')
            out += bytes([number]) + (b'' if kind == ONE_TRACK else len(part).to_bytes(3, 'big')) + part
        return out
    out = []
    for n in range(12):
        kind = (ONE_TRACK, MANY_TRACKS, MANY_CODECS)[n % 3]
        parts = [units[n]] if kind == ONE_TRACK else [units[n], vp9_frames[n] if kind == MANY_CODECS
                                                      else units[n + 1]]
        out.append((VIDEO, n * FRAME_MS, bytes([0x80 | INTER << 4 | MULTITRACK]) +
                    tracks(kind, b'hvc1', *parts)))
        out.append((AUDIO, n * FRAME_MS, bytes([0x90 | AUDIO_MULTITRACK]) +
                    tracks(MANY_TRACKS, b'Opus', opus_packets[n], opus_packets[n + 1])))
    return out


def modex():
    """A nanosecond offset before coded frames, once and twice nested, small and of the largest size."""
    units, out = [unit for _, unit in hevc_units()[1]], []
    for n in range(8):
        body = b''
        for nested in range(1 + n % 2):
            data = (123456 + nested).to_bytes(3, 'big')
            if n == 5:
                data += bytes(297)  # 300 bytes: the size is told in the long form
            size = bytes([len(data) - 1]) if len(data) < 256 else b'\xff' + (len(data) - 1).to_bytes(2, 'big')
            body += size + data + bytes([0 << 4 | (MODEX if nested < n % 2 else FRAMES_X)])
        out.append((VIDEO, n * FRAME_MS, bytes([0x80 | (INTER if n else KEY) << 4 | MODEX]) + body +
                    b'hvc1' + units[n]))
    return out


def everything():
    return {'hevc-v1': metadata_v1() + merged(hevc(), opus()), 'av1': merged(av1(), opus()),
            'vp9': vp9(), 'multitrack': merged(hevc()[:1], opus()[:1]) + multitrack(), 'modex': modex()}
