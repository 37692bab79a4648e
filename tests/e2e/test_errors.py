"""Bad input: a message that names what, where and what to do, and the exit code of the design."""
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness.cluster import Cluster
from harness.processes import BIN, free_port

DAEMONS = ['weir-controlplane', 'weir-forwarder', 'weir-origin-agent']


def run(*words, seconds=10):
    return subprocess.run([str(w) for w in words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=seconds, stdin=subprocess.DEVNULL)


class Errors(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.dir = Path(scratch.name)

    def config(self, text):
        path = self.dir / 'weir.yaml'
        path.write_text(text)
        return path

    def check(self, done, code, *parts):
        self.assertEqual(code, done.returncode, done.stderr)
        for part in parts:
            self.assertIn(part, done.stderr)

    def test_unknown_key_names_file_line_and_key(self):
        for daemon in DAEMONS:
            path = self.config('common:\n  log_level: info\n  log_colour: blue\n')
            self.check(run(BIN / daemon, '--config', path, '--check-config'), 2, f'{path}:3', 'log_colour')

    def test_value_of_wrong_type_or_range_names_file_line_and_key(self):
        path = self.config('rtmp_options:\n  dial_timeout_ms: soon\n')
        self.check(run(BIN / 'weir-forwarder', '--config', path, '--check-config'), 2,
                   f'{path}:2', 'rtmp_options.dial_timeout_ms', 'soon')
        path = self.config('rtmp_options:\n  dial_timeout_ms: 5\n')
        self.check(run(BIN / 'weir-forwarder', '--config', path, '--check-config'), 2,
                   f'{path}:2', 'rtmp_options.dial_timeout_ms', '50')
        path = self.config('second_publisher: sometimes\n')
        self.check(run(BIN / 'weir-controlplane', '--config', path, '--check-config'), 2,
                   f'{path}:1', 'second_publisher', 'reject')

    def test_bad_set_names_the_key(self):
        self.check(run(BIN / 'weir-forwarder', '--set', 'no.such.key=1', '--check-config'), 2,
                   'no.such.key')

    def test_missing_config_file_is_named(self):
        self.check(run(BIN / 'weir-controlplane', '--config', '/nowhere/weir.yaml'), 2,
                   '/nowhere/weir.yaml')

    def test_good_config_is_said_to_be_good_without_secrets(self):
        token = self.dir / 'token'
        token.write_text('very-secret-token\n')
        path = self.config(f'common:\n  token_file: {token}\nlisten: 127.0.0.1:7400\n')
        done = run(BIN / 'weir-controlplane', '--config', path, '--check-config')
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertNotIn('very-secret-token', done.stdout + done.stderr)

    def test_port_in_use_is_named_with_exit_3(self):
        for reuse in (False, True):
            with socket.socket() as taken:
                if reuse:
                    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                taken.bind(('127.0.0.1', free_port()))
                taken.listen()
                address = f'127.0.0.1:{taken.getsockname()[1]}'
                self.check(run(BIN / 'weir-controlplane', '--listen', address, '--admin', ''), 3, address)
                self.check(run(BIN / 'weir-forwarder', '--rtmp', address, '--admin', '',
                               '--controlplane', '127.0.0.1:1'), 3, address)
                self.check(run(BIN / 'weir-origin-agent', '--admin', address, '--id', 'a',
                               '--controlplane', '127.0.0.1:1',
                               '--origin', 'id=o,type=process,rtmp=127.0.0.1:2'), 3, address)

    def test_listener_beyond_loopback_without_credentials_is_refused_with_exit_4(self):
        for address in ('0.0.0.0:0', '[::]:0', ':0'):
            self.check(run(BIN / 'weir-controlplane', '--listen', address, '--admin', ''), 4,
                       '--token-file', '--insecure')
        self.check(run(BIN / 'weir-forwarder', '--rtmp', '127.0.0.1:0', '--admin', '0.0.0.0:0',
                       '--controlplane', '127.0.0.1:1'), 4, '--token-file', '--insecure')

    def test_loopback_origin_with_a_remote_control_plane_is_an_error(self):
        self.check(run(BIN / 'weir-origin-agent', '--admin', '', '--id', 'a', '--controlplane',
                       '192.0.2.1:7400', '--origin', 'id=o1,type=process,rtmp=127.0.0.1:1936'), 2,
                   '127.0.0.1:1936', '192.0.2.1:7400')

    def test_bad_origin_option_names_the_key(self):
        self.check(run(BIN / 'weir-origin-agent', '--controlplane', '127.0.0.1:7400', '--origin',
                       'id=o1,typo=x,rtmp=127.0.0.1:1936', '--check-config'), 2, 'typo')

    def test_unreachable_control_plane_is_named_with_exit_5(self):
        address = f'127.0.0.1:{free_port()}'
        self.check(run(BIN / 'weirctl', '--endpoint', address, 'cluster', 'status'), 5, address)

    def test_usage_errors_exit_2(self):
        self.check(run(BIN / 'weirctl', 'origin', 'frobnicate'), 2, 'frobnicate')
        self.check(run(BIN / 'weir-forwarder', '--no-such-flag'), 2, '--no-such-flag')

    def test_wrong_token_exits_7_and_the_right_one_works_and_is_never_logged(self):
        good, bad = self.dir / 'good', self.dir / 'bad'
        good.write_text('correct-horse\n')
        bad.write_text('battery-staple\n')
        with Cluster(origins=1, forwarders=0, with_agent=False,
                     controlplane_args=['--token-file', good]) as cluster:
            self.check(run(BIN / 'weirctl', '--endpoint', cluster.grpc, 'cluster', 'status'), 7, 'token')
            self.check(run(BIN / 'weirctl', '--endpoint', cluster.grpc, '--token-file', bad, 'cluster',
                           'status'), 7, 'token')
            done = run(BIN / 'weirctl', '--endpoint', cluster.grpc, '--token-file', good, 'cluster',
                       'status')
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertNotIn('correct-horse', cluster.controlplane.text())
            self.assertNotIn('battery-staple', cluster.controlplane.text())


class Missing(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(origins=1).__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__(None, None, None)

    def test_unknown_things_exit_3_and_are_named(self):
        for words in (['origin', 'get', 'nobody'], ['stream', 'get', 'live/nobody'],
                      ['forwarder', 'get', 'nobody'], ['origin', 'cordon', 'nobody']):
            done = self.cluster.ctl_raw(*words)
            self.assertEqual(3, done.returncode, f'{words}: {done.stderr}')
            self.assertIn('nobody', done.stderr)

    def test_registering_a_taken_id_exits_4(self):
        done = self.cluster.ctl_raw('origin', 'register', 'o1', '--rtmp', '127.0.0.1:1')
        self.assertEqual(4, done.returncode, done.stderr)
        self.assertIn('o1', done.stderr)
