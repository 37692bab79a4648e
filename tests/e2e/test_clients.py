"""Known clients through the forwarder and a real nginx-rtmp: their sequences written out, and the programs
themselves. All of it compares what came with what was sent."""
import signal
import subprocess
import unittest

from harness import clients, ertmp, script
from harness.cluster import Cluster
from harness.nginx import NginxOrigin
from harness.processes import Process, wait_for
from harness.script import Script, by_track, facts, read_flv, told

PUSH_AND_PULL = '''
      push rtmp://127.0.0.1:{port}/live;
    }}
    application pulling {{
      live on;
      idle_streams on;
      pull rtmp://127.0.0.1:{port}/live;
'''


def setUpModule():
    global cluster
    # Without `wait_key off` nginx-rtmp waits for a key frame that it would know as one: none of Enhanced RTMP is.
    cluster = Cluster(origins=1, nginx_extra='wait_key off;').__enter__()
    unittest.addModuleCleanup(cluster.__exit__, None, None, None)


class ThroughTheForwarder(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.origin, cls.port = cluster.origins[0], cluster.forwarder_ports[0][0]
        cls.flv = script.short_source()
        cls.media, cls.hashes = facts(read_flv(cls.flv)), script.packet_hashes(cls.flv)

    def start(self, process):
        self.addCleanup(process.stop)
        return process

    def run_script(self, name, port, steps, **options):
        return self.start(Script(cluster.dir, name, port, steps, **options))

    def watch(self, name, **options):
        """A player that is attached at the origin itself, before anybody publishes."""
        watcher = self.run_script(f'watch-{name}', self.origin.rtmp_port,
                                  script.play(self.origin.rtmp_port, name), nginx_format3=True, **options)
        watcher.reached('playing')
        return watcher

    def publish(self, name):
        return self.run_script(f'publish-{name}', self.port, script.publish(
            self.port, name, [{'flv': str(self.flv), 'set_data_frame': True}]))

    def wait_player(self, name):
        """A relayed player of that stream waits for its publisher."""
        wait_for(lambda: any(s.get('stream', '').endswith('/' + name) for s in
                             cluster.ctl('session', 'list').get('sessions', [])), 10,
                 f'a player of {name} waits', poll=0.1)

    def check_media(self, recorder):
        self.assertEqual(by_track(self.media),
                         by_track(told(recorder.wait_messages(len(self.media), 15))))


    def check_rest(self, sent, recorder, least):
        """One that joined late: the sequence headers, with a time of the server's own, then all of the rest."""
        last = {track[-1] for track in sent.values()}
        wait_for(lambda: last <= set(told(recorder.messages((8, 9)))), 10,
                 lambda: f'{recorder.name} has the last messages: {recorder.why()}')
        for kind, track in by_track(told(recorder.messages((8, 9)))).items():
            header = sent[kind][0][2:]
            self.assertEqual(header, track[0][2:])
            while track[0][2:] == header:
                track.pop(0)
            self.assertGreaterEqual(len(track), least * len(sent[kind]))
            self.assertEqual(sent[kind][-len(track):], track)


class Sequences(ThroughTheForwarder):
    def publish_as(self, client):
        name = f'as-{client}'
        watcher = self.watch(name)
        publisher = self.run_script(name, self.port, clients.PUBLISHERS[client](self.port, name, self.flv))
        publisher.reached('sent')
        self.check_media(watcher)
        self.assertIn(name, self.origin.published())
        publisher.signal(signal.SIGUSR1)
        publisher.finish()
        wait_for(lambda: name not in self.origin.published(), 3, f'{name} has ended at the origin')

    def play_as(self, client):
        name = f'for-{client}'
        player = self.run_script(f'play-{client}', self.port, clients.PLAYERS[client](self.port, name),
                                 nginx_format3=True)
        self.wait_player(name)
        publisher = self.publish(name)
        player.reached('playing', 15)
        self.check_media(player)
        player.signal(signal.SIGUSR1)
        player.finish()
        publisher.signal(signal.SIGUSR1)
        publisher.finish()

    def test_obs_publishes(self):
        self.publish_as('obs')

    def test_obs_publishes_several_streams_on_one_connection(self):
        names = ['several-0', 'several-1', 'several-2']
        tracks = [[m for m in read_flv(self.flv) if m[0] != script.DATA],
                  ertmp.everything()['vp9'], ertmp.everything()['multitrack']]
        watchers = [self.watch(name) for name in names]
        client = self.run_script('obs-several', self.port, clients.obs_multitrack(self.port, names, tracks))
        client.reached('sent', 15)
        for watcher, track in zip(watchers, tracks):
            self.assertEqual(by_track(facts(track)), by_track(told(watcher.wait_messages(len(track)))))
        self.assertLessEqual(set(names), set(self.origin.published()))
        client.signal(signal.SIGUSR1)
        client.reached('one ended')
        wait_for(lambda: names[1] not in self.origin.published(), 3, 'one has ended at the origin')
        client.signal(signal.SIGUSR1)
        self.assertEqual(2 * len(tracks[0]), len(watchers[0].wait_messages(2 * len(tracks[0]))))
        self.assertLessEqual({names[0], names[2]}, set(self.origin.published()))
        client.signal(signal.SIGUSR1)
        client.finish()
        wait_for(lambda: not set(names) & set(self.origin.published()), 3, 'all have ended at the origin')

    def test_fmle_publishes(self):
        self.publish_as('fmle')

    def test_haivision_publishes(self):
        self.publish_as('haivision')

    def test_an_nginx_relay_publishes(self):
        self.publish_as('nginx-relay')

    def test_an_srs_edge_publishes(self):
        self.publish_as('srs-edge')

    def test_amf3_commands_publish(self):
        self.publish_as('amf3')

    def test_an_srs_edge_plays(self):
        self.play_as('srs-edge')

    def test_flash_plays_pauses_seeks_and_closes(self):
        self.play_as('flash')


class Programs(ThroughTheForwarder):
    def run_program(self, name, *words):
        return self.start(Process(name, words, cluster.dir))

    def check_hashes(self, got, least=0.9):
        """A prefix of each track of the source, and most of it: programs end within a packet or two."""
        for track, all_of in self.hashes.items():
            mine = got.get(track, [])
            self.assertEqual(all_of[:len(mine)], mine, track)
            self.assertGreaterEqual(len(mine), least * len(all_of), track)

    def test_ffmpeg_publishes_with_a_token_and_connect_fields(self):
        watcher = self.watch('ffmpeg')
        url = f'{cluster.url("ffmpeg")}?token=a.b%2F1&x=y'
        done = subprocess.run(
            ['ffmpeg', '-loglevel', 'error', '-nostdin', '-i', self.flv, '-c', 'copy', '-f', 'flv',
             '-rtmp_live', 'live', '-rtmp_conn', 'B:1', '-rtmp_conn', 'S:extra', '-rtmp_flashver',
             'FMLE/3.0 (weir)', '-rtmp_pageurl', 'http://example/page', url],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=20, text=True)
        self.assertEqual((0, ''), (done.returncode, done.stderr))
        self.check_media(watcher)

    def test_ffprobe_plays_with_the_digest_handshake(self):
        probe = self.run_program('ffprobe', 'ffprobe', '-v', 'error', '-probesize', '20000', '-read_intervals',
                                 '%+#100', '-show_entries', 'packet=codec_type,data_hash', '-show_data_hash',
                                 'sha256', '-of', 'json', cluster.url('ffprobe'))
        self.wait_player('ffprobe')
        self.publish('ffprobe')
        self.assertEqual(0, probe.wait(15), probe.tail())
        self.check_hashes(script.hashes_by_track(probe.text()), 0.6)

    def rtmpdump(self, name, *words):
        """All of a stream; a live one has no end, so rtmpdump is told to stop when it has written enough."""
        file = cluster.dir / f'{name}.flv'
        program = self.run_program(f'rtmpdump-{name}', 'rtmpdump', *words, '--live', '-o', file)
        self.wait_player(name)
        self.publish(name)
        wait_for(lambda: file.exists() and file.stat().st_size >= 0.95 * self.flv.stat().st_size, 15,
                 lambda: f'rtmpdump writes: {program.tail()}')
        program.signal(signal.SIGINT)
        self.assertEqual(2, program.wait(5), program.tail())  # 2: ended before the stream did
        self.check_hashes(script.packet_hashes(file))

    def test_rtmpdump_plays_a_url(self):
        self.rtmpdump('librtmp', '-r', cluster.url('librtmp'))

    def test_rtmpdump_plays_by_app_playpath_and_tc_url(self):
        host = f'rtmp://127.0.0.1:{self.port}'
        self.rtmpdump('librtmp-y', '-r', host, '-a', 'live', '-y', 'librtmp-y?token=1', '-t', f'{host}/live',
                      '-f', 'WIN 32,0,0,465', '-s', 'http://example/p.swf', '-C', 'B:1')

    def test_gstreamer_publishes(self):
        recording = cluster.dir / 'gst.flv'
        watcher = self.watch('gst', record_flv=recording)
        program = self.run_program(
            'rtmp2sink', *f'gst-launch-1.0 filesrc location={self.flv} ! flvdemux name=d '
            f'flvmux name=m streamable=true ! rtmp2sink sync=false location={cluster.url("gst")} '
            'd.video ! queue ! h264parse ! m. d.audio ! queue ! aacparse ! m.'.split())
        self.assertEqual(0, program.wait(20), program.tail())
        watcher.wait_messages(0.95 * len(self.media), 10)
        self.check_hashes(script.packet_hashes(recording))

    def test_gstreamer_plays(self):
        file = cluster.dir / 'gst-played.flv'
        program = self.run_program('rtmp2src', 'gst-launch-1.0', 'rtmp2src',
                                   f'location={cluster.url("gst-play")}', 'num-buffers=120', '!', 'filesink',
                                   f'location={file}')
        self.wait_player('gst-play')
        self.publish('gst-play')
        self.assertEqual(0, program.wait(20), program.tail())
        self.check_hashes(script.packet_hashes(file), 0.75)

    def front(self, name):
        """A real nginx-rtmp in front of the forwarder, which pushes to it and pulls from it."""
        front = NginxOrigin(name, cluster.dir, PUSH_AND_PULL.format(port=self.port))
        self.addCleanup(front.stop)
        return front

    def publish_in_real_time(self, name, port):
        self.run_script(f'publish-{name}', port, script.publish(
            port, name, [{'flv': str(self.flv), 'set_data_frame': True, 'realtime': True}]))

    def test_nginx_pushes(self):
        front, watcher = self.front('front-push'), self.watch('pushed')
        # With a player waiting the media of the first quarter second is kept, then sent in one piece.
        player = self.run_script('play-pushed', self.port, script.play(self.port, 'pushed'), nginx_format3=True)
        self.wait_player('pushed')
        self.publish_in_real_time('pushed', front.rtmp_port)
        for recorder in (watcher, player):  # a relay joins a moment after the publisher has begun
            self.check_rest(by_track(self.media), recorder, 0.8)

    def test_nginx_pulls_what_came_in_one_piece(self):
        front = self.front('front-pull')
        puller = self.run_script('puller', front.rtmp_port,
                                 script.play(front.rtmp_port, 'pulled', app='pulling'), nginx_format3=True)
        puller.reached('playing')
        self.wait_player('pulled')
        self.run_script('publish-pulled', self.port, clients.nginx_relay(self.port, 'pulled', self.flv))
        self.check_rest(by_track(self.media), puller, 0.8)


class NginxPasses(ThroughTheForwarder):
    """What nginx-rtmp passes on without knowing it, and what its own reader and writer do to times."""

    def test_enhanced_rtmp_of_every_kind(self):
        for name, messages in ertmp.everything().items():
            with self.subTest(name):
                stream, file = f'enhanced-{name}', script.write_flv(cluster.dir / f'{name}.flv', messages)
                watcher = self.watch(stream)
                player = self.run_script(f'play-{stream}', self.port, script.play(
                    self.port, stream, connect=script.connect_object(self.port, **ertmp.CONNECT_V2)),
                    nginx_format3=True)
                self.wait_player(stream)
                self.run_script(f'publish-{stream}', self.port, script.publish(
                    self.port, stream, [{'flv': str(file)}],
                    connect=script.connect_object(self.port, **ertmp.CONNECT_V2)))
                sent = by_track(facts(messages))
                self.assertEqual(sent, by_track(told(watcher.wait_messages(len(messages)))))
                self.assertEqual(sent, by_track(told(player.wait_messages(len(messages)))))

    def begin_late(self, name, offset, repeats):
        """A watcher, and a publisher in real time whose times begin half a second before a border."""
        watcher = self.watch(name)
        return watcher, self.run_script(f'publish-{name}', self.port, script.publish(
            self.port, name, [{'flv': str(self.flv), 'set_data_frame': True, 'realtime': True, 'csid_audio': 6,
                               'time_offset': offset, 'headers': 'librtmp', 'repeat_extended': repeats}],
            chunk_size=128))

    def test_late_joiners_behind_the_borders_of_time(self):
        cases = {'24-bits': (0xFFFFFF, True), '31-bits': (0x7FFFFFFF, True), 'not-repeated': (0xFFFFFF, False)}
        begun = {name: self.begin_late(name, border - 500, repeats)
                 for name, (border, repeats) in cases.items()}
        late = {}
        for name, (border, _) in cases.items():
            wait_for(lambda: any(e['time'] > border for e in begun[name][0].messages((8, 9))), 10,
                     'times have crossed')
            late[name] = self.run_script(f'play-{name}', self.port, script.play(self.port, name),
                                         nginx_format3=True)
        for name, (border, _) in cases.items():
            with self.subTest(name):
                begun[name][1].reached('sent')
                moved = by_track([(kind, time + border - 500, *rest) for kind, time, *rest in self.media])
                self.assertEqual(moved, by_track(told(begun[name][0].wait_messages(len(self.media)))))
                self.check_rest(moved, late[name], 0.1)


if __name__ == '__main__':
    unittest.main()
