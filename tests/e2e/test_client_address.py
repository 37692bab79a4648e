"""The address of a client: through HAProxy to the session list, and on to an nginx-rtmp origin."""
import re
import socket
import threading
import unittest

from harness import rtmp_tool
from harness.cluster import Cluster
from harness.processes import Process, free_port, wait_for

CLIENT = '127.0.0.9'

HAPROXY = '''
global
  nbthread 1
defaults
  mode tcp
  timeout connect 2s
  timeout client 30s
  timeout server 30s
listen v1
  bind 127.0.0.1:{v1}
  server forwarder 127.0.0.1:{forwarder} send-proxy
listen v2
  bind 127.0.0.1:{v2}
  server forwarder 127.0.0.1:{forwarder} send-proxy-v2
listen refused
  bind 127.0.0.1:{refused}
  server forwarder 127.0.0.1:{untrusting} send-proxy
'''


class FromElsewhere:
    """Passes one connection on to `port`, from another address of this host."""

    def __init__(self, port):
        self.sockets = [socket.create_server(('127.0.0.1', 0))]
        self.port = self.sockets[0].getsockname()[1]
        self.target = port
        self.threads = [threading.Thread(target=self.run, daemon=True)]
        self.threads[0].start()

    def run(self):
        try:
            client, _ = self.sockets[0].accept()
            server = socket.create_connection(('127.0.0.1', self.target), 5, (CLIENT, 0))
        except OSError:
            return  # closed before anybody came
        server.settimeout(None)
        self.sockets += [client, server]
        back = threading.Thread(target=self.copy, args=(server, client), daemon=True)
        back.start()
        self.copy(client, server)
        back.join()

    @staticmethod
    def copy(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        for each in self.sockets:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            each.close()
        self.threads[0].join(5)


class ClientAddress(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # f0 trusts HAProxy, f1 nobody; the origin takes no connection without a PROXY line.
        cls.cluster = Cluster(origins=1, forwarders=2, nginx_proxy_protocol=True, forwarder_args_of={
            0: ['--set', 'rtmp_options.proxy_protocol_from=127.0.0.1,::1']}).__enter__()
        try:
            cls.ports = {name: free_port() for name in ('v1', 'v2', 'refused')}
            config = cls.cluster.dir / 'haproxy.cfg'
            config.write_text(HAPROXY.format(**cls.ports, forwarder=cls.cluster.forwarder_ports[0][0],
                                             untrusting=cls.cluster.forwarder_ports[1][0]))
            haproxy = Process('haproxy', ['haproxy', '-db', '-f', config], cls.cluster.dir)
            cls.cluster.extra.append(haproxy)
            for port in cls.ports.values():
                wait_for(lambda: cls.listens(port), 5, lambda: f'HAProxy listens: {haproxy.tail()}')
        except BaseException:
            cls.tearDownClass()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__(None, None, None)

    @staticmethod
    def listens(port):
        with socket.socket() as probe:
            return probe.connect_ex(('127.0.0.1', port)) == 0

    def publish(self, name, port):
        elsewhere = FromElsewhere(port)
        self.addCleanup(elsewhere.close)
        client = rtmp_tool.publish(self.cluster, f'address-{name}',
                                   f'rtmp://127.0.0.1:{elsewhere.port}/live/{name}',
                                   seconds=60, kbps=50)
        self.addCleanup(client.stop)
        return client

    def seen_by_cluster(self, name):
        listed = self.cluster.ctl('session', 'list').get('sessions', [])
        return next((s['clientAddress'] for s in listed if s['stream'].endswith(f'/{name}')), '')

    def seen_by_origin(self, name):
        """Addresses of the clients of that stream on the statistics page."""
        stat = self.cluster.origins[0].stat() or ''
        for part in stat.split('<stream>')[1:]:
            part = part.split('</stream>')[0]
            if f'<name>{name}</name>' in part:
                return re.findall(r'<address>([^<]*)</address>', part)
        return []

    def test_the_header_of_a_listed_balancer_names_the_client_for_cluster_and_origin(self):
        for name in ('v1', 'v2'):
            with self.subTest(version=name):
                self.publish(name, self.ports[name]).wait_events('accepted', 1, 10)
                address = wait_for(lambda: self.seen_by_cluster(name), 5, 'the session is listed')
                self.assertRegex(address, rf'^{re.escape(CLIENT)}:\d+$')
                wait_for(lambda: self.seen_by_origin(name) == [CLIENT], 5,
                         lambda: f'the origin sees {CLIENT}: {self.seen_by_origin(name)}')

    def test_a_client_of_the_same_forwarder_without_balancer_is_itself(self):
        self.publish('direct', self.cluster.forwarder_ports[0][0]).wait_events('accepted', 1, 10)
        wait_for(lambda: self.seen_by_origin('direct') == [CLIENT], 5,
                 lambda: f'the origin sees {CLIENT}: {self.seen_by_origin("direct")}')

    def test_a_header_from_a_stranger_is_refused_and_the_log_says_why(self):
        self.publish('refused', self.ports['refused'])
        log = self.cluster.forwarders[1]
        line = wait_for(lambda: [x for x in log.text().splitlines() if 'PROXY header refused' in x],
                        5, lambda: f'the refusal is logged: {log.tail()}')[0]
        self.assertRegex(line, r'127\.0\.0\.1:\d+ is not in rtmp_options\.proxy_protocol_from')
        self.assertEqual('', self.seen_by_cluster('refused'))

    def test_the_registration_shows_what_the_listener_expects(self):
        # Alive: the agent's probe has told it an address, too.
        self.assertEqual('ALIVE', self.cluster.origin_states()['o1'])
        endpoint = self.cluster.ctl('origin', 'get', 'o1')['endpoints'][0]
        self.assertEqual('CLIENT_ADDRESS_MODE_PROXY_V1', endpoint['clientAddress'])

    def test_a_static_origin_is_probed_with_the_line_it_expects(self):
        origin = self.cluster.origins[0]
        done = self.cluster.ctl_raw('origin', 'register', 'static', '--rtmp',
                                    f'localhost:{origin.rtmp_port}', '--client-address', 'proxy-v1')
        self.assertEqual(0, done.returncode, done.stderr)
        self.addCleanup(self.cluster.ctl_raw, 'origin', 'cordon', 'static')
        wait_for(lambda: self.cluster.origin_states().get('static') == 'ALIVE', 5,
                 lambda: f'it is alive: {self.cluster.origin_states()}')


if __name__ == '__main__':
    unittest.main()
