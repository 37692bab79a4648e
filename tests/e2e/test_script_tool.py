"""The scripted client and the recording origin against real peers, without Weir between them: what they tell
of other tests is worth something only when they speak what ffmpeg and nginx-rtmp speak."""
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness import script
from harness.nginx import NginxOrigin
from harness.script import Script, ScriptOrigin, facts, read_flv, told


def ffmpeg(*words, seconds=20):
    return subprocess.run(['ffmpeg', '-loglevel', 'error', '-nostdin', *map(str, words)],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=seconds,
                          stdin=subprocess.DEVNULL)


class RealPeers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix='weir-e2e-')
        cls.dir = Path(cls.scratch.name)
        cls.flv = script.short_source()
        cls.hashes = script.packet_hashes(cls.flv)
        assert min(len(cls.hashes['video']), len(cls.hashes['audio'])) >= 40, cls.hashes
        cls.addClassCleanup(cls.scratch.cleanup)

    def start(self, process):
        self.addCleanup(process.stop)
        return process

    def test_ffmpeg_publishes_to_the_recording_origin(self):
        origin = self.start(ScriptOrigin(self.dir, 'taker', record_flv=self.dir / 'taken-{n}.flv'))
        done = ffmpeg('-i', self.flv, '-c', 'copy', '-f', 'flv',
                      f'rtmp://127.0.0.1:{origin.port}/live/a?token=x')
        self.assertEqual((0, ''), (done.returncode, done.stderr))
        session = origin.session_of('a')
        self.assertEqual(['a?token=x', 'live'], origin.command(session, 'publish')[3:])
        self.assertEqual(self.hashes, script.packet_hashes(self.dir / f'taken-{session}.flv'))

    def test_ffmpeg_plays_from_the_recording_origin(self):
        usual = [{'command': 'onStatus', 'transaction': 0, 'msid': 'same', 'csid': 5,
                  'args': [None, {'level': 'status', 'code': 'NetStream.Play.Start'}]}]
        origin = self.start(ScriptOrigin(self.dir, 'server', [
            {'on': 'play', 'steps': [*usual, {'flv': str(self.flv)}, {'close': True}]}]))
        self.assertEqual(self.hashes, script.packet_hashes(f'rtmp://127.0.0.1:{origin.port}/live/b'))
        # ffmpeg as a player opens with a digest and checks ours.
        self.assertEqual(['digest'], [e['client'] for e in origin.events('handshake')])

    def test_records_every_byte_of_what_need_not_be_rtmp(self):
        origin = self.start(ScriptOrigin(self.dir, 'raw', [], record_raw=self.dir / 'raw-{n}'))
        self.start(Script(self.dir, 'odd', origin.port, [
            {'handshake': 'simple'}, {'chunk': {'fmt': 0, 'csid': 320, 'id_bytes': 3, 'field': 0xFFFFFF,
                                                'length': 0, 'type': 8, 'msid': 2}},
            {'raw': 'c7 ff'}, {'zeros': 3}])).finish()
        self.assertIn('fresh', origin.wait_events('unreadable', 1, 5)[0]['why'])
        sent = bytes.fromhex('010001 ffffff 000000 08 02000000 00ffffff c7ff 000000')
        self.assertEqual(sent, (self.dir / 'raw-0').read_bytes()[1 + 2 * 1536:])

    def test_every_handshake_is_taken_by_nginx_and_proved(self):
        nginx = NginxOrigin('handshakes', self.dir)
        self.addCleanup(nginx.stop)
        for form, proofs in (('simple', 'echo'), ('digest8', 'digest proof'), ('digest772', 'digest proof')):
            for second in ('echo', 'with_next', 'wrong'):
                with self.subTest(form=form, second=second):
                    steps = script.opened(nginx.rtmp_port, handshake=form)
                    steps[0]['c2'] = second
                    client = self.start(Script(self.dir, f'{form}-{second}', nginx.rtmp_port, steps))
                    client.finish()
                    self.assertEqual(proofs, client.events('handshake')[0]['server'])

    def test_publishes_to_and_plays_from_nginx(self):
        nginx = NginxOrigin('relays', self.dir)
        self.addCleanup(nginx.stop)
        port, media = nginx.rtmp_port, read_flv(self.flv)
        player = self.start(Script(self.dir, 'player', port, script.play(port, 's'), nginx_format3=True,
                                   record_flv=self.dir / 'played.flv'))
        player.reached('playing')
        publisher = self.start(Script(self.dir, 'publisher', port, script.publish(
            port, 's', [{'flv': str(self.flv), 'set_data_frame': True}])))
        sent = facts(media)
        got = told(player.wait_messages(len(sent)))
        self.assertEqual(script.by_track(sent), script.by_track(got))
        self.assertEqual(self.hashes, script.packet_hashes(self.dir / 'played.flv'))
        publisher.stop()


if __name__ == '__main__':
    unittest.main()
