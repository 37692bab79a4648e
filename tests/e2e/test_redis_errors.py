"""A Redis that is not what it should be: clear words, no wrong answers, and a replica that stays in service."""
import json
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.request
from pathlib import Path

from harness import rtmp_tool
from harness.cluster import Cluster
from harness.processes import BIN, Process, free_port, wait_for
from harness.redis import RedisServer

PASSWORD = 's3cret-word'


def run(*words, seconds=10):
    return subprocess.run([str(w) for w in words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=seconds, stdin=subprocess.DEVNULL)


def probe(admin, path):
    """HTTP status of a probe."""
    try:
        with urllib.request.urlopen(f'http://{admin}{path}', timeout=2) as got:
            return got.status
    except urllib.error.HTTPError as error:
        return error.code


def make_certificates(folder):
    """ca.crt, and redis.crt with redis.key signed by it for 127.0.0.1."""
    folder.mkdir()
    key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    (folder / 'names').write_text('subjectAltName=IP:127.0.0.1\n')
    for words in (
            ['req', '-x509', '-days', '2', '-subj', '/CN=test CA', *key, '-keyout', 'ca.key', '-out', 'ca.crt'],
            ['req', '-subj', '/CN=redis', *key, '-keyout', 'redis.key', '-out', 'redis.csr'],
            ['x509', '-req', '-days', '2', '-in', 'redis.csr', '-CA', 'ca.crt', '-CAkey', 'ca.key',
             '-CAcreateserial', '-extfile', 'names', '-out', 'redis.crt']):
        subprocess.run(['openssl', *words], cwd=folder, check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)


class Replica:
    """One control plane on a store of its own."""

    def __init__(self, folder, name, *words):
        self.grpc, self.admin = f'127.0.0.1:{free_port()}', f'127.0.0.1:{free_port()}'
        self.process = Process(name, [BIN / 'weir-controlplane', '--listen', self.grpc, '--admin',
                                      self.admin, *words], folder)

    def ctl(self, *words):
        return run(BIN / 'weirctl', '--endpoint', self.grpc, '-o', 'json', *words)


class WrongRedis(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix='weir-e2e-')
        self.addCleanup(scratch.cleanup)
        self.dir = Path(scratch.name)

    def redis(self, name, *options):
        server = RedisServer(self.dir, name, options=options)
        self.addCleanup(server.stop)
        return server.start()

    def cases(self):
        """name -> (arguments of the control plane, what its log says)"""
        protected = self.redis('protected')
        protected.ask('CONFIG', 'SET', 'requirepass', PASSWORD)
        plain = self.redis('plain')
        replica = self.redis('replica', '--replicaof', f'127.0.0.1 {plain.port}')
        scriptless = self.redis('scriptless')
        scriptless.ask('ACL', 'SETUSER', 'default', '-@scripting')
        evicts = self.redis('evicts', '--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru')
        make_certificates(self.dir / 'pki')
        make_certificates(self.dir / 'other-pki')
        tls_port, pki = free_port(), self.dir / 'pki'
        self.redis('tls', '--tls-port', tls_port, '--tls-cert-file', pki / 'redis.crt', '--tls-key-file',
                   pki / 'redis.key', '--tls-ca-cert-file', pki / 'ca.crt', '--tls-auth-clients', 'no')
        at = f'@127.0.0.1:{protected.port}'
        return {
            'wrong-password': (['--store', f'redis://:{PASSWORD}-not{at}'], 'user or password is wrong'),
            'no-password': (['--store', protected.url], 'Redis wants a password'),
            'wrong-database': (['--store', f'{plain.url}/99'], 'SELECT 99: ERR DB index is out of range'),
            'read-only': (['--store', replica.url], f'this is a replica of 127.0.0.1:{plain.port}'),
            'no-scripts': (['--store', scriptless.url], 'EVAL, a script: NOPERM'),
            'evicts': (['--store', evicts.url], 'set maxmemory-policy noeviction'),
            'wrong-ca': (['--store', f'rediss://127.0.0.1:{tls_port}', '--set',
                          f'redis.ca_file={self.dir / "other-pki/ca.crt"}'],
                         'the certificate is not trusted'),
            'away': (['--store', f'redis://127.0.0.1:{free_port()}'], 'Connection refused'),
        }

    def test_each_fault_is_named_while_the_replica_stays_in_service_and_answers_nothing_wrong(self):
        cases = self.cases()
        replicas = {name: Replica(self.dir, name, *words) for name, (words, _) in cases.items()}
        for replica in replicas.values():
            self.addCleanup(replica.process.stop)
        for name, (_, said) in cases.items():
            with self.subTest(name):
                replica = replicas[name]
                wait_for(lambda: said in replica.process.text(), 5,
                         lambda: f'"{said}": {replica.process.tail()}')
                replica.process.wait_ready()
                self.assertEqual(200, probe(replica.admin, '/livez'))
                self.assertEqual(200, probe(replica.admin, '/readyz'))
                self.assertNotIn(PASSWORD, replica.process.text())
                status = replica.ctl('cluster', 'status')
                self.assertEqual(0, status.returncode, status.stderr)
                self.assertIn(said, json.dumps(json.loads(status.stdout), ensure_ascii=False))
                self.assertNotIn(PASSWORD, status.stdout)
                # "There is none" would be a guess.
                done = replica.ctl('stream', 'get', 'live/any')
                self.assertEqual(4, done.returncode, f'{done.stdout} {done.stderr}')
                self.assertIn('STORE_UNAVAILABLE', done.stderr)
                # Said once, not with every attempt.
                self.assertLessEqual(replica.process.text().count(said), 2, replica.process.tail())


class Configuration(unittest.TestCase):
    def check(self, done, code, *parts):
        self.assertEqual(code, done.returncode, done.stderr)
        for part in parts:
            self.assertIn(part, done.stderr)
        self.assertNotIn(PASSWORD, done.stdout + done.stderr)

    def start(self, *words):
        return run(BIN / 'weir-controlplane', '--check-config', *words)

    def test_what_is_wrong_with_the_store_is_named_without_its_password(self):
        for store, said in ((f'redis://u:{PASSWORD}@h:port', 'port'),
                            (f'redis://u:{PASSWORD}/x@h:1', '%2F'),
                            (f'redis+cluster://u:{PASSWORD}@h:1', 'not supported yet'),
                            ('redis+sentinel://h:1', 'name of the primary'),
                            ('redis://user@h:1', 'redis.password_file'),
                            ('etcd://h:1', 'redis+sentinel://')):
            self.check(self.start('--store', store), 2, '--store', said)

    def test_a_password_file_that_is_not_there_ends_with_4(self):
        self.check(self.start('--store', 'redis://h:1', '--set', 'redis.password_file=/nowhere'), 4,
                   'redis.password_file /nowhere')

    def test_tls_files_that_cannot_be_used_end_the_start_with_2(self):
        done = run(BIN / 'weir-controlplane', '--listen', '127.0.0.1:0', '--admin', '', '--store',
                   'rediss://127.0.0.1:1', '--set', 'redis.ca_file=/nowhere')
        self.check(done, 2, 'redis.ca_file /nowhere')

    def test_check_config_prints_the_store_without_its_password(self):
        done = self.start('--store', f'redis://weir:{PASSWORD}@h:1/3')
        self.check(done, 0)
        self.assertIn('redis://h:1/3', done.stdout)


class Running(unittest.TestCase):
    """A Redis that turns bad under a running cluster, and good again."""

    def test_full_read_only_and_frozen_redis_under_a_running_stream(self):
        scratch = tempfile.TemporaryDirectory(prefix='weir-e2e-')
        self.addCleanup(scratch.cleanup)
        redis = RedisServer(Path(scratch.name))
        self.addCleanup(redis.stop)
        redis.start()
        with Cluster(origins=1, controlplane_args=['--store', redis.url]) as cluster:
            publisher = rtmp_tool.publish(cluster, 'kept', cluster.url('kept'), seconds=60, kbps=100)
            cluster.extra.append(publisher)
            publisher.wait_events('accepted', 1, 10)
            wait_for(lambda: 'kept' in cluster.placements(), 5, 'kept is publishing')
            for number, (name, spoil, mend, said) in enumerate((
                    ('full', lambda: redis.ask('CONFIG', 'SET', 'maxmemory', '1'),
                     lambda: redis.ask('CONFIG', 'SET', 'maxmemory', '0'), 'raise maxmemory'),
                    ('read-only', lambda: redis.ask('REPLICAOF', '127.0.0.1', free_port()),
                     lambda: redis.ask('REPLICAOF', 'NO', 'ONE'), 'replica'),
                    ('frozen', redis.freeze, redis.thaw, 'no answer to the log-in'))):
                with self.subTest(name):
                    before = cluster.controlplane.text().count(said)
                    spoil()
                    wait_for(lambda: cluster.controlplane.text().count(said) > before, 10,
                             lambda: f'"{said}": {cluster.controlplane.tail()}')
                    self.assertEqual(200, probe(cluster.cp_admin, '/livez'))
                    self.assertEqual(200, probe(cluster.cp_admin, '/readyz'))
                    # What runs is known and goes on.
                    self.assertIn('kept', cluster.placements())
                    mend()
                    later = rtmp_tool.publish(cluster, f'later{number}', cluster.url(f'later{number}'), seconds=60,
                                              kbps=100)
                    cluster.extra.append(later)
                    wait_for(lambda: f'later{number}' in cluster.placements(), 10,
                             lambda: f'placed again: {cluster.controlplane.tail()}')
                    self.assertIn('kept', cluster.placements())
                    self.assertEqual([], publisher.events('closed'))


if __name__ == '__main__':
    unittest.main()
