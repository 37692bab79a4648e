"""Any legal sequence of a client arrives at the recording origin, and of an origin at the scripted player, message
for message: Enhanced RTMP, times, chunk sizes, chunk streams, unusual origins."""
import signal
import unittest

from harness import ertmp, script
from harness.cluster import Cluster
from harness.processes import wait_for
from harness.script import AUDIO, DATA, VIDEO, Script, ScriptOrigin, command, facts, result, told

START = {'command': 'onStatus', 'transaction': 0, 'msid': 'same', 'csid': 5,
         'args': [None, {'level': 'status', 'code': 'NetStream.Publish.Start'}]}
PLAY_START = {'command': 'onStatus', 'transaction': 0, 'msid': 'same', 'csid': 5,
              'args': [None, {'level': 'status', 'code': 'NetStream.Play.Start'}]}
EVERYTHING = (AUDIO, VIDEO, DATA, 22)


def media(count, first=0, step=40, size=300, kind=VIDEO):
    """Numbered payloads whose first byte is that of an AVC frame."""
    return [(kind, first + n * step, bytes([0x27, 1, 0, 0, 0]) + n.to_bytes(4, 'big') +
             bytes((n + i) & 0xff for i in range(size))) for n in range(count)]


def changing_sizes(present):
    """Each video is begun with the old chunk size and ended with the new one; an audio lies between them."""
    sent, steps = [], []
    for n, size in enumerate([129, 1048576, 128, 4096, 65536, 65537, 1000, 128]):
        video, audio = media(1, 40 * n, size=70000 + n)[0], media(1, 40 * n, size=400, kind=AUDIO)[0]
        steps += [{'message': VIDEO, 'time': video[1], 'hex': video[2].hex(), 'csid': 6, 'chunks': 1},
                  {'control': 'set_chunk_size', 'value': size},
                  {'message': AUDIO, 'time': audio[1], 'hex': audio[2].hex(), 'csid': 4}, {'more': 6}]
        sent += [video, audio] if present >= len(video[2]) else [audio, video]
        present = size
    return steps, sent


def borders_of_time():
    """Across 2^24 and 2^31 in formats 0 to 2, on a chunk stream of three bytes."""
    sent, steps = [], []
    for border in (0xFFFFFF, 0x7FFFFFFF):
        messages = media(40, first=border - 800, size=5000)
        steps += [{'message': kind, 'time': time, 'hex': payload.hex(), 'csid': 500, 'fmt': n and n % 3}
                  for n, (kind, time, payload) in enumerate(messages)]
        sent += messages
    return steps, sent


class ByteExact(unittest.TestCase):
    """One cluster whose only origin is replaced by each test that needs another one."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(origins=0, with_agent=False).__enter__()
        cls.addClassCleanup(cls.cluster.__exit__, None, None, None)
        cls.port = cls.cluster.forwarder_ports[0][0]
        cls.media = ertmp.everything()
        cls.files = {name: script.write_flv(cls.cluster.dir / f'{name}.flv', messages)
                     for name, messages in cls.media.items()}
        serve = [{'on': 'play', 'steps': [
            {'control': 'user', 'event': 0, 'value': 1}, PLAY_START, {'wait_signal': True},
            {'flv': str(cls.files['hevc-v1']), 'csid_audio': 9, 'csid_video': 700},
            {'flv': str(cls.files['multitrack'])}]}]
        cls.origin = cls.add_origin('recorder', serve)

    @classmethod
    def add_origin(cls, name, rules):
        """Registers a scripted origin in place of the others."""
        origin = ScriptOrigin(cls.cluster.dir, name, rules)
        cls.addClassCleanup(origin.stop)
        for other in cls.cluster.origin_states():
            cls.cluster.ctl('origin', 'cordon', other)
        done = cls.cluster.ctl_raw('origin', 'register', name, '--rtmp', f'127.0.0.1:{origin.port}')
        assert done.returncode == 0, done.stderr
        wait_for(lambda: cls.cluster.origin_states().get(name) == 'ALIVE', 5, f'{name} lives', poll=0.1)
        return origin

    def other_origin(self, name, rules):
        """Takes the place of the recorder until the test ends."""
        self.addCleanup(self.cluster.ctl, 'origin', 'uncordon', 'recorder')
        self.addCleanup(self.cluster.ctl, 'origin', 'cordon', name)
        return self.add_origin(name, rules)

    def run_script(self, name, steps, **options):
        process = Script(self.cluster.dir, name, self.port, steps, **options)
        self.addCleanup(process.stop)
        return process

    def end(self, client):
        client.signal(signal.SIGUSR1)
        client.finish()

    def check_arrives(self, name, steps, sent, connect=None, kinds=EVERYTHING, **options):
        """Publishes `steps` and compares what the origin was told with `sent`; answers its session."""
        client = self.run_script(name, script.publish(self.port, name, steps, connect=connect, **options))
        client.reached('sent')
        session = self.origin.session_of(name)
        wanted = facts(sent, kinds)
        got = self.origin.wait_messages(session, len(wanted), 10, kinds)
        self.end(client)
        self.assertEqual(wanted, told(got, kinds))
        wait_for(lambda: any(e.get('command') == 'deleteStream' for e in self.origin.messages(session)), 3,
                 'the origin hears of the end')
        self.assertEqual(wanted, told(self.origin.messages(session), kinds))
        return session

    def check_connect(self, session, sent):
        """Every property as it was sent and in its order; swfUrl is ours."""
        got = self.origin.command(session, 'connect')[2]
        self.assertEqual(list(sent), [key for key in got if key != 'swfUrl'])
        self.assertEqual(sent, {key: value for key, value in got.items() if key != 'swfUrl'})

    # --- Enhanced RTMP
    def test_enhanced_rtmp_of_every_kind_with_its_connect_fields(self):
        for fields in (ertmp.CONNECT_V1, ertmp.CONNECT_V2):
            for name, messages in self.media.items():
                version = 2 if 'capsEx' in fields else 1
                if version == 1 and name in ('multitrack', 'modex'):
                    continue
                connect = script.connect_object(self.port, **fields)
                with self.subTest(name=name, version=version):
                    session = self.check_arrives(f'e{version}-{name}', [{'flv': str(self.files[name])}],
                                                 messages, connect=connect)
                    self.check_connect(session, connect)

    def test_enhanced_rtmp_comes_to_a_player_with_its_connect_fields(self):
        connect = script.connect_object(self.port, **ertmp.CONNECT_V2)
        publisher = self.run_script('served-by', script.publish(self.port, 'served', []))
        publisher.reached('accepted')
        player = self.run_script('served-to', script.play(self.port, 'served', connect=connect))
        player.reached('playing')
        self.check_connect(self.origin.session_of('served', verb='play'), connect)
        self.origin.signal(signal.SIGUSR1)
        sent = facts(self.media['hevc-v1'] + self.media['multitrack'])
        self.assertEqual(sent, told(player.wait_messages(len(sent))))
        self.end(player)
        self.end(publisher)

    # --- times
    def test_times_that_cross_the_borders_in_every_format(self):
        for border in (0xFFFFFF, 0x7FFFFFFF, 0xFFFFFFFF):
            messages = media(60, first=border - 1000, step=40, size=700)
            formats = [0 if n < 2 else (1, 2, 0, 2, 1)[n % 5] for n in range(len(messages))]
            for repeats in (True, False):
                with self.subTest(border=hex(border), repeats=repeats):
                    steps = [{'message': kind, 'time': time & 0xffffffff, 'hex': payload.hex(), 'csid': 6,
                              'fmt': fmt, 'repeat_extended': repeats}
                             for (kind, time, payload), fmt in zip(messages, formats)]
                    self.check_arrives(f'border-{border:x}-{repeats}', steps, messages, chunk_size=256)

    def test_format_3_begins_messages_with_the_last_delta(self):
        messages = media(50, first=1000, step=40)
        steps = [{'message': kind, 'time': time, 'hex': payload.hex(), 'csid': 6, 'fmt': fmt}
                 for (kind, time, payload), fmt in zip(messages, [0, 1] + [3] * 48)]
        self.check_arrives('format3', steps, messages)

    # --- chunks
    def test_chunk_sizes_change_inside_messages(self):
        steps, sent = changing_sizes(128)
        self.check_arrives('sizes', steps, sent, chunk_size=128)

    def test_chunk_streams_of_every_form(self):
        ids = [(3, 1), (63, 1), (64, 2), (319, 2), (64, 3), (320, 3), (65599, 3)]
        messages = media(3 * len(ids), size=500)
        steps = []
        for n, (kind, time, payload) in enumerate(messages):
            csid, form = ids[n % len(ids)]
            steps.append({'message': kind, 'time': time, 'hex': payload.hex(), 'csid': csid,
                          'id_bytes': form, 'fmt': 0 if n < len(ids) else n % 3})
        self.check_arrives('forms', steps, messages)

    def test_aborted_aggregate_and_empty_messages(self):
        sent, steps = [], []
        tags = b''.join(bytes([AUDIO]) + len(p).to_bytes(3, 'big') + t.to_bytes(3, 'big') + bytes(4) + p +
                        (11 + len(p)).to_bytes(4, 'big') for _, t, p in media(4, 5000, 20, 100, AUDIO))
        aggregate = (22, 5000, tags)
        for n, message in enumerate([*media(3, 4000, size=5000), aggregate, (VIDEO, 5100, b''),
                                     (AUDIO, 5100, b''), *media(2, 5200)]):
            aborted = media(1, 6000 + n, size=9000)[0]
            steps += [{'message': VIDEO, 'time': aborted[1], 'hex': aborted[2].hex(), 'csid': 7, 'chunks': 2},
                      {'message': message[0], 'time': message[1], 'hex': message[2].hex(), 'csid': 6},
                      {'control': 'abort', 'value': 7}]
            sent.append(message)
        self.check_arrives('aborted', steps, sent, chunk_size=1000)

    def test_data_shared_objects_and_unknown_types_pass(self):
        texts = [{'message': DATA, 'csid': 4, 'time': 5, 'values': ['@setDataFrame', 'onMetaData', {
            '$ecma': {'width': 192, 'cues': [1, {'$date': 1e12}, None, {'$undefined': True}]}}]},
            {'message': 15, 'csid': 4, 'time': 6, 'hex': '00 0200036f6e54'},
            {'message': 19, 'csid': 4, 'time': 7, 'hex': '000474657374 0000000000000000'},
            {'message': 99, 'csid': 4, 'time': 8, 'fill': 300}]
        frames = media(3, 10)
        client = self.run_script('others', script.publish(
            self.port, 'others', [*texts, *script.messages_as_steps(frames, csid=6)]))
        client.reached('sent')
        session = self.origin.session_of('others')
        self.origin.wait_messages(session, len(frames))
        self.end(client)
        got = {e['type']: e for e in self.origin.messages(session)}
        self.assertEqual(texts[0]['values'], got[DATA]['values'])
        self.assertEqual('000200036f6e54', got[15]['head'])
        self.assertEqual((5, 6, 7), tuple(got[kind]['time'] for kind in (DATA, 15, 19)))
        self.assertEqual(300, got[99]['length'])

    # --- clients
    def test_every_handshake_is_answered_and_proved(self):
        for form, proofs in (('simple', 'echo'), ('digest8', 'digest proof'), ('digest772', 'digest proof')):
            for second in ('echo', 'early', 'with_next', 'wrong'):
                with self.subTest(form=form, second=second):
                    steps = script.opened(self.port, handshake=form)
                    steps[0]['c2'] = second
                    client = self.run_script(f'{form}-{second}', steps)
                    client.finish()
                    self.assertEqual(proofs, client.events('handshake')[0]['server'])

    def test_everything_at_once_and_byte_by_byte(self):
        frames = media(20)
        for name, pieces in (('at-once', 0), ('byte-by-byte', 1)):
            with self.subTest(name):
                steps = [{'write_pieces': pieces}, {'handshake': 'digest8', 'c2': 'with_next'},
                         command('connect', 1, script.connect_object(self.port)),
                         command('releaseStream', 2, None, name), command('FCPublish', 3, None, name),
                         command('createStream', 4, None),
                         command('publish', 5, None, name, 'live', msid=1, csid=4),
                         *script.messages_as_steps(frames, csid=6), result(1), result(4),
                         {'expect': {'code': 'NetStream.Publish.Start'}}, {'wait_signal': True}]
                client = self.run_script(name, steps)
                session = self.origin.session_of(name)
                got = self.origin.wait_messages(session, len(frames))
                self.end(client)
                self.assertEqual(facts(frames), told(got))


    def test_a_player_gets_message_for_message_what_an_odd_origin_sends(self):
        (sizes, first), (times, second) = changing_sizes(4096), borders_of_time()
        aborted = [{'message': VIDEO, 'csid': 9, 'fill': 9000, 'chunks': 1}, {'control': 'abort', 'value': 9}]
        origin = self.other_origin('odd-server', [{'on': 'play', 'steps': [
            {'control': 'user', 'event': 0, 'value': 1}, PLAY_START, {'wait_signal': True}, *sizes,
            {'control': 'set_chunk_size', 'value': 4096}, *aborted, *times]}])
        publisher = self.run_script('odd-publisher', script.publish(self.port, 'odd', []))
        publisher.reached('accepted')
        players = [self.run_script(f'odd-player-{n}', script.play(self.port, 'odd')) for n in range(2)]
        for player in players:
            player.reached('playing')
        origin.signal(signal.SIGUSR1)
        for player in players:
            self.assertEqual(facts(first + second), told(player.wait_messages(len(first + second))))
            self.end(player)
        self.end(publisher)

    # --- origins that answer otherwise
    def try_origin(self, name, rules, steps):
        """A fresh origin with these rules takes the next publisher, whose steps behind createStream are given."""
        origin = self.other_origin(name, rules)
        client = self.run_script(f'to-{name}', [*script.opened(self.port), command(
            'publish', 3, None, name, 'live', msid=1, csid=4), *steps])
        client.finish()
        return origin, origin.session_of(name)

    def test_an_origin_with_its_own_ids_sizes_pings_and_windows(self):
        frames = media(40, size=3000)
        origin, session = self.try_origin('peculiar', [
            {'on': 'connect', 'steps': [
                {'control': 'set_chunk_size', 'value': 65536}, {'control': 'window', 'value': 10000},
                {'control': 'user', 'event': 6, 'value': 4711},
                {'command': '_result', 'args': [{'fmsVer': 'X/1'}, {'level': 'status', 'code':
                                                'NetConnection.Connect.Success', 'more': {'$ecma': {}}}]},
                {'command': 'onBWDone', 'transaction': 0, 'args': [None]}]},
            {'on': 'createStream', 'steps': [{'pause_ms': 200}, {'command': '_result', 'args': [None, 7]}]},
            {'on': 'publish', 'steps': [
                {'control': 'user', 'event': 0, 'value': 7}, {'pause_ms': 300},
                {'control': 'set_chunk_size', 'value': 128}, {'control': 'window', 'value': 20000},
                {'command': 'onFCPublish', 'transaction': 0, 'args': [None, {
                    'code': 'NetStream.Publish.Start', 'description': 'x' * 500}]}, START,
                {'control': 'ack', 'value': 5000}, {'control': 'bandwidth', 'value': 1000, 'limit': 0},
                *[{'message': DATA, 'msid': 7, 'fill': 3000} for _ in range(8)]]}],
            [{'expect': {'code': 'NetStream.Publish.Start', 'msid': 1}},
             *script.messages_as_steps(frames, csid=6), command('deleteStream', 4, None, 1)])
        origin.wait_messages(session, len(frames))
        got = origin.messages(session)
        self.assertEqual(facts(frames), told(got))
        self.assertEqual({7}, {e['msid'] for e in got if e['type'] == VIDEO})
        self.assertEqual([4711], [e['value'] for e in got if e.get('user') == 7])
        self.assertTrue([e for e in got if e['type'] == 3], 'the window of the origin is acknowledged')

    def test_media_before_the_answer_of_an_origin_with_its_own_ids(self):
        frames = media(40, size=3000)
        origin = self.other_origin('early', [
            {'on': 'createStream', 'steps': [{'command': '_result', 'args': [None, 7]}]},
            {'on': 'publish', 'steps': [{'pause_ms': 200}, START]}])
        client = self.run_script('to-early', [
            {'handshake': 'simple'}, {'control': 'set_chunk_size', 'value': 4096},
            command('connect', 1, script.connect_object(self.port)), command('createStream', 2, None),
            command('publish', 3, None, 'early', 'live', msid=1, csid=4),
            *script.messages_as_steps(frames, csid=4), {'expect': {'code': 'NetStream.Publish.Start'}},
            *script.messages_as_steps(frames, csid=4, fmt=1), command('deleteStream', 4, None, 1)])
        client.finish()
        got = origin.wait_messages(origin.session_of('early'), 2 * len(frames))
        self.assertEqual(facts(frames + frames), told(got))
        self.assertEqual({7}, {e['msid'] for e in got if e['type'] == VIDEO})

    def test_a_refusal_and_a_close_behind_publish_reach_the_client(self):
        denied = {'command': 'onStatus', 'transaction': 0, 'msid': 'same', 'csid': 5, 'args': [
            None, {'level': 'error', 'code': 'NetStream.Publish.Denied', 'description': 'no token'}]}
        self.try_origin('refuses', [{'on': 'publish', 'steps': [denied]}], [
            {'expect': {'level': 'error', 'code': 'NetStream.Publish.Denied'}}, {'expect_close': True}])
        self.try_origin('closes', [{'on': 'publish', 'steps': [{'close': 'now'}]}], [
            {'expect': {'level': 'error', 'code': 'NetStream.Publish.Rejected'}}, {'expect_close': True}])

    def test_a_stream_that_its_origin_ends_is_closed_without_words(self):
        self.try_origin('ends', [{'on': 'media', 'steps': [{'close': 'now'}]}], [
            {'expect': {'code': 'NetStream.Publish.Start'}}, *script.messages_as_steps(media(3), csid=6),
            {'expect_close': True}, {'expect_silence': {'level': 'error'}, 'from_now': False, 'for_ms': 1}])


if __name__ == '__main__':
    unittest.main()
