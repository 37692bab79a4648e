"""What known clients send, step by step (handbook of each in docs/protocols/rtmp.md).

Each function answers the whole script of one client; `media` is an FLV file. A publisher says `accepted`,
then `sent`, and waits for a signal before it ends as that client ends. A player says `playing` and waits.
"""
from harness.script import command, result

START = {'expect': {'code': 'NetStream.Publish.Start'}, 'within_ms': 15000}
SENT = [{'mark': 'sent'}, {'wait_signal': True}]


def url(port, app='live'):
    return f'rtmp://127.0.0.1:{port}/{app}'


def obs(port, name, media):
    """OBS Studio (its own librtmp): SetChunkSize before connect, commands in one go as format 1 on csid 3,
    everything of the stream on csid 4."""
    headers = {'csid': 3, 'fmt': 1}
    return [
        {'handshake': 'simple'}, {'control': 'set_chunk_size', 'value': 4096},
        command('connect', 1, {'app': 'live', 'type': 'nonprivate',
                               'flashVer': 'FMLE/3.0 (compatible; FMSc/1.0)', 'swfUrl': url(port),
                               'tcUrl': url(port)}),
        result(1),
        command('releaseStream', 2, None, name, **headers),
        command('FCPublish', 3, None, name, **headers),
        command('createStream', 4, None, **headers),
        {'expect': {'command': 'onBWDone'}}, command('_checkbw', 5, None),
        result(4), command('publish', 6, None, name, 'live', csid=4, msid=1),
        START, {'mark': 'accepted'},
        {'flv': str(media), 'set_data_frame': True, 'headers': 'librtmp', 'csid_video': 4}, *SENT,
        command('FCUnpublish', 7, None, name, **headers), command('deleteStream', 8, None, 1, **headers),
        {'close': True}]


def obs_multitrack(port, names, tracks):
    """OBS with several streams on one connection: all commands at once, then their media mixed, two streams on
    one chunk stream. Told to, it ends the second stream, sends the first one's track again, and ends."""
    headers = {'csid': 3, 'fmt': 1}
    count = range(len(names))
    first = 2 + 2 * len(names)
    steps = [
        {'handshake': 'simple'}, {'control': 'set_chunk_size', 'value': 4096},
        command('connect', 1, {'app': 'live', 'type': 'nonprivate',
                               'flashVer': 'FMLE/3.0 (compatible; FMSc/1.0)', 'swfUrl': url(port),
                               'tcUrl': url(port)}), result(1),
        *[command('releaseStream', 2 + i, None, names[i], **headers) for i in count],
        *[command('FCPublish', 2 + len(names) + i, None, names[i], **headers) for i in count],
        *[command('createStream', first + i, None, **headers) for i in count]]
    for i in count:
        steps += [result(first + i),
                  command('publish', 20 + i, None, names[i], 'live', csid=8, msid=1 + i)]
    steps += [{'expect': {'code': 'NetStream.Publish.Start', 'msid': 1 + i}, 'within_ms': 15000} for i in count]
    last = {}

    def send(messages, i):
        for kind, time, payload in messages:
            csid = 4 + i // 2
            yield {'message': kind, 'time': time, 'hex': payload.hex(), 'csid': csid, 'msid': 1 + i,
                   'fmt': 1 if last.get(csid) == i else 0}
            last[csid] = i
    steps.append({'mark': 'accepted'})
    for n in range(max(len(track) for track in tracks)):
        for i in count:
            steps += send(tracks[i][n:n + 1], i)
    later = [(kind, time + 60000, payload) for kind, time, payload in tracks[0]]
    return [*steps, {'mark': 'sent'}, {'wait_signal': True},
            command('FCUnpublish', 30, None, names[1], **headers), command('deleteStream', 31, None, 2, **headers),
            {'mark': 'one ended'}, {'wait_signal': True}, *send(later, 0), {'mark': 'went on'},
            {'wait_signal': True},
            *[command('FCUnpublish', 32, None, names[i], **headers) for i in count if i != 1],
            *[command('deleteStream', 33, None, 1 + i, **headers) for i in count if i != 1], {'close': True}]


def fmle(port, name, media):
    """Flash Media Live Encoder and hardware like it: waits for every result and for onFCPublish."""
    return [
        {'handshake': 'digest8'},
        command('connect', 1, {'app': 'live', 'flashVer': 'FMLE/3.0 (compatible; FMSc/1.0)',
                               'swfUrl': url(port), 'tcUrl': url(port), 'type': 'nonprivate'}),
        result(1), {'control': 'window', 'value': 1500000},
        command('releaseStream', 2, None, name), result(2), command('FCPublish', 3, None, name), result(3),
        command('createStream', 4, None), result(4),
        command('publish', 5, None, name, 'live', csid=8, msid=1),
        {'expect': {'command': 'onFCPublish'}, 'within_ms': 15000}, START, {'mark': 'accepted'},
        {'flv': str(media), 'set_data_frame': True, 'csid_audio': 4, 'csid_video': 5}, *SENT,
        command('FCUnpublish', 6, None, name), result(6),
        command('closeStream', 7, None, msid=1, csid=8), command('deleteStream', 8, None, 1)]


def haivision(port, name, media):
    """Haivision encoders: `_checkbw` is answered before createStream is sent."""
    return [
        {'handshake': 'simple', 'c2': 'with_next'},
        command('connect', 1, {'app': 'live', 'type': 'nonprivate', 'flashVer': 'FMLE/3.0',
                               'tcUrl': url(port)}),
        result(1), command('_checkbw', 2, None), result(2),
        command('releaseStream', 3, None, name), command('FCPublish', 4, None, name),
        command('createStream', 5, None), result(5),
        command('publish', 6, None, name, 'live', csid=5, msid=1), START, {'mark': 'accepted'},
        {'flv': str(media), 'set_data_frame': True}, *SENT,
        command('FCUnpublish', 7, None, name), command('deleteStream', 8, None, 1)]


def nginx_relay(port, name, media):
    """nginx-rtmp's `push`: no releaseStream, no FCPublish, transaction 0, and media without waiting."""
    return [
        {'handshake': 'digest772'}, {'control': 'set_chunk_size', 'value': 4096},
        {'control': 'window', 'value': 5000000},
        command('connect', 1, {'app': 'live', 'tcUrl': url(port), 'pageUrl': '', 'swfUrl': '',
                               'flashVer': 'LNX.11,1,102,55', 'audioCodecs': 3575, 'videoCodecs': 252}),
        result(1), command('createStream', 2, None), result(2),
        command('publish', 0, None, name, 'live', csid=5, msid=1),
        {'control': 'user', 'event': 0, 'value': 1}, {'mark': 'accepted'},
        {'flv': str(media), 'csid_audio': 6, 'csid_video': 7, 'csid_data': 5}, START, *SENT]


SRS_ARGUMENTS = {'srs_version': '5.0.213', 'srs_server_ip': '10.0.0.7', 'srs_pid': 4711, 'srs_id': 'a1b2c3'}


def srs_edge_publish(port, name, media):
    """SRS edge towards its origin: a second argument of connect, vhost in the query, only full headers."""
    return [
        {'handshake': 'digest8'},
        command('connect', 1, {'app': 'live', 'flashVer': 'WIN 15,0,0,239', 'swfUrl': '', 'tcUrl': url(port),
                               'fpad': False, 'capabilities': 239, 'audioCodecs': 3575,
                               'videoCodecs': 252, 'videoFunction': 1, 'pageUrl': '',
                               'objectEncoding': 0}, SRS_ARGUMENTS),
        result(1), {'control': 'set_chunk_size', 'value': 60000}, command('createStream', 2, None), result(2),
        command('publish', 3, None, f'{name}?vhost=__defaultVhost__', 'live', csid=5, msid=1), START,
        {'mark': 'accepted'},
        {'flv': str(media), 'set_data_frame': True, 'csid_audio': 6, 'csid_video': 7}, *SENT]


def amf3(port, name, media):
    """objectEncoding 3: commands of type 17 with their format byte, and single AMF3 values (none in connect:
    nginx-rtmp, which is told it as it stands, cannot read them)."""
    wrapped = {'type': 17}
    return [
        {'handshake': 'digest8'},
        command('connect', 1, {'app': 'live', 'flashVer': 'MAC 32,0,0,465', 'tcUrl': url(port),
                               'objectEncoding': 3}, **wrapped),
        result(1), command('releaseStream', 2, {'$amf3': None}, name, **wrapped),
        command('trace', 9, {'$amf3': {'a': [1, 'b', 2.5, None]}}, **wrapped),
        {'expect': {'command': '_error', 'transaction': 9}},
        command('FCPublish', 3, None, name, **wrapped), command('createStream', 4, None, **wrapped),
        result(4), command('publish', 5, None, name, 'live', csid=8, msid=1, **wrapped), START,
        {'mark': 'accepted'}, {'flv': str(media), 'set_data_frame': True}, *SENT,
        command('FCUnpublish', 6, None, name, **wrapped), command('deleteStream', 7, None, 1, **wrapped)]


PUBLISHERS = {'obs': obs, 'fmle': fmle, 'haivision': haivision, 'nginx-relay': nginx_relay,
              'srs-edge': srs_edge_publish, 'amf3': amf3}


def srs_edge_play(port, name):
    """SRS edge as a puller: the vhost goes with the name of the stream."""
    return [
        {'handshake': 'digest8'},
        command('connect', 1, {'app': 'live', 'flashVer': 'WIN 15,0,0,239', 'tcUrl': url(port),
                               'fpad': False, 'capabilities': 239, 'objectEncoding': 0}, SRS_ARGUMENTS),
        result(1), {'control': 'set_chunk_size', 'value': 60000}, {'control': 'window', 'value': 2500000},
        command('createStream', 2, None), result(2),
        command('play', 0, None, f'{name}?vhost=__defaultVhost__', csid=8, msid=1),
        {'control': 'user', 'event': 3, 'value': 1, 'buffer': 100},
        {'expect': {'code': 'NetStream.Play.Start'}, 'within_ms': 15000}, {'mark': 'playing'},
        {'wait_signal': True}, {'close': True}]


def flash_play(port, name):
    """Flash Player and VLC: FCSubscribe and getStreamLength, a buffer length, then pause, seek, closeStream."""
    return [
        {'handshake': 'digest772'},
        command('connect', 1, {'app': 'live', 'flashVer': 'WIN 32,0,0,465',
                               'swfUrl': 'http://example/p.swf', 'tcUrl': url(port), 'fpad': False,
                               'capabilities': 239, 'audioCodecs': 3575, 'videoCodecs': 252,
                               'videoFunction': 1, 'pageUrl': 'http://example/', 'objectEncoding': 0}),
        result(1), {'control': 'window', 'value': 2500000},
        command('createStream', 2, None), command('FCSubscribe', 3, None, name), result(2), result(3),
        command('getStreamLength', 4, None, name, csid=8), result(4),
        command('play', 5, None, name, -2000, csid=8, msid=1),
        {'control': 'user', 'event': 3, 'value': 1, 'buffer': 3000},
        {'expect': {'type': 4, 'user': 0}, 'within_ms': 15000},
        {'expect': {'code': 'NetStream.Play.Start'}, 'within_ms': 15000}, {'mark': 'playing'},
        {'wait_signal': True},
        command('pause', 6, None, True, 1000, csid=8, msid=1), {'expect': {'code': 'NetStream.Pause.Notify'}},
        command('pause', 7, None, False, 1000, csid=8, msid=1),
        {'expect': {'code': 'NetStream.Unpause.Notify'}},
        command('seek', 8, None, 0, csid=8, msid=1), {'mark': 'sought'},
        {'control': 'user', 'event': 3, 'value': 1, 'buffer': 1000},
        command('closeStream', 0, None, csid=8, msid=1), {'close': True}]


PLAYERS = {'srs-edge': srs_edge_play, 'flash': flash_play}
