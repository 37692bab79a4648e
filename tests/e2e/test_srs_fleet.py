"""The scripted SRS says what a real one said (tests/vectors/srs), member by member."""
import http.server
import json
import shutil
import tempfile
import threading
import unittest
import urllib.request
from pathlib import Path

from harness import rtmp_tool
from harness.processes import ROOT, free_port, wait_for
from harness.srs import SrsFleet

VECTORS = ROOT / 'tests/vectors/srs/7.0.18'


def shape(value):
    """Names in their order and kinds of values; what a list holds by its first element that has most."""
    if isinstance(value, dict):
        return {name: shape(member) for name, member in value.items()}
    if isinstance(value, list):
        return [max((shape(v) for v in value), key=lambda s: len(str(s)))] if value else []
    return 'number' if isinstance(value, (int, float)) and not isinstance(value, bool) else \
        type(value).__name__


def text(value):
    return json.dumps(shape(value), indent=1)


class ScriptedSrs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = Path(tempfile.mkdtemp(prefix='weir-fleet-'))
        cls.addClassCleanup(shutil.rmtree, cls.dir, True)
        cls.posts = []

        class Register(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers['Content-Length']))
                cls.posts.append((self.path, dict(self.headers), body))
                self.send_response(200)
                self.send_header('Content-Length', '1')
                self.end_headers()
                self.wfile.write(b'0')

            def log_message(self, *_):
                pass
        cls.server = http.server.ThreadingHTTPServer(('127.0.0.1', free_port()), Register)
        threading.Thread(target=cls.server.serve_forever, daemon=True).start()
        cls.addClassCleanup(cls.server.server_close)
        cls.addClassCleanup(cls.server.shutdown)
        cls.fleet = SrsFleet(cls.dir, f'127.0.0.1:{cls.server.server_port}')
        cls.addClassCleanup(cls.fleet.stop)
        cls.origin = cls.fleet.add('x1', interval_ms=100, vhosts=['studio.example.com'],
                                   say_http=['18087'])

    def get(self, path, method='GET'):
        request = urllib.request.Request(f'http://127.0.0.1:{self.origin.api_port}/api/v1/{path}',
                                         method=method)
        with urllib.request.urlopen(request, timeout=2) as got:
            return json.loads(got.read())

    def vector(self, name):
        return json.loads((VECTORS / f'{name}.json').read_text())

    def publish(self, name, **options):
        tool = rtmp_tool.RtmpTool(self.dir, f'publish-{name}', 'publish', '--url',
                                  self.origin.url(name), *rtmp_tool.flags({'seconds': 30, **options}))
        self.addCleanup(tool.stop)
        tool.wait_events('accepted', 1, 5)
        return tool

    def test_heartbeat(self):
        path, headers, body = wait_for(lambda: self.posts and self.posts[-1], 5, 'a heartbeat comes')
        said, recorded = json.loads(body), self.vector('heartbeat')
        known = {name: value for name, value in recorded.items() if name in said}
        # This one has no SRT and no WebRTC to list.
        self.assertEqual({'srt', 'rtc'}, set(recorded) - set(said))
        self.assertEqual(list(known), list(said))
        self.assertEqual(text(known), text(said))
        self.assertEqual('/api/v1/srs/register', path)
        self.assertEqual('application/json', headers['Content-Type'])

    def test_answers(self):
        self.publish('demo', swf_url='weir:f1/s1/1.1')
        player = rtmp_tool.RtmpTool(self.dir, 'play', 'play', '--url', self.origin.url('demo'),
                                    '--seconds', '30')
        self.addCleanup(player.stop)
        player.wait_events('media', 1, 5)
        clients = {c['type']: c['id'] for c in self.get('clients/')['clients']}
        answers = {'versions': self.get('versions'), 'vhosts': self.get('vhosts/'),
                   'summaries_idle': self.get('summaries'),
                   'client_tagged': self.get('clients/' + clients['fmle-publish']),
                   'client_player': self.get('clients/' + clients['rtmp-play']),
                   'client_unknown': self.get('clients/nobody'),
                   'client_kicked': self.get('clients/' + clients['rtmp-play'], 'DELETE')}
        for name, said in answers.items():
            with self.subTest(name):
                self.assertEqual(text(self.vector(name)), text(said))
        player.wait_events('closed', 1, 5)
        stream = next(s for s in self.get('streams/')['streams'] if s['name'] == 'demo')
        recorded = next(s for s in self.vector('streams_publishing')['streams']
                        if s['name'] == 'demo')
        self.assertEqual(text(recorded), text(stream))

    def test_pages(self):
        for n in range(14):
            self.origin.publish(f'page{n}')
        self.addCleanup(lambda: [self.origin.unpublish(f'page{n}') for n in range(14)])
        count = len(self.get('streams/?start=0&count=1000')['streams'])
        first, second = self.get('streams/?start=0&count=3'), self.get('streams/?start=10&count=10')
        self.assertEqual((10, count - 10), (len(first['streams']), len(second['streams'])))
        ids = [s['id'] for s in first['streams'] + second['streams']]
        self.assertEqual(sorted(ids), ids)
        self.assertEqual(count, len(set(ids)))

    def test_one_source_for_names_that_differ_in_their_extension(self):
        # As recorded: live/cam.a is /live/cam, and a second publisher of that is StreamBusy.
        self.publish('cam.a')
        said = next(s for s in self.get('streams/')['streams'] if s['name'] == 'cam.a')
        self.assertEqual('/live/cam', said['url'])
        busy = rtmp_tool.RtmpTool(self.dir, 'busy', 'publish', '--url', self.origin.url('cam.b'),
                                  '--seconds', '5')
        self.addCleanup(busy.stop)
        refused = busy.wait_events('refused', 1, 5)[0]
        self.assertEqual('closed by the other end', refused['code'])


if __name__ == '__main__':
    unittest.main()
