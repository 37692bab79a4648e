"""Redis loses everything, or its last writes in a failover, under real and simulated streams: what runs keeps its
origin and its epoch, and what comes later gets a higher one."""
import time
import unittest

from harness import rtmp_tool
from harness.cluster import Cluster
from harness.cluster_load import ClusterLoad, check
from harness.processes import wait_for
from harness.redis import RedisServer, SentinelRedis

REAL, SIMULATED = 50, 1000


def facts(stream):
    placement = stream['placement']
    epoch = placement['epoch']
    return placement['origin'], str(placement.get('holder')), (int(epoch['generation']), int(epoch['counter']))


class Loss(unittest.TestCase):
    def lose(self, store, hurt):
        with Cluster(origins=4, forwarders=2, replicas=3, store=store, with_agent=False) as cluster:
            # Simulated sessions cannot publish to real origins, nor real ones to simulated: the simulated origins are
            # there first, and full when the real ones come.
            load = ClusterLoad(cluster.dir, cluster.replicas.endpoints, streams=SIMULATED, origins=10, clients=16,
                               capacity=SIMULATED // 10, hold_only=True)
            cluster.extra.append(load)
            load.wait_begun()
            load.wait_held(SIMULATED, 30)
            cluster.start_agent()
            cluster.wait_origins(14)
            publishers = rtmp_tool.publish(cluster, 'fifty', cluster.url('real{n}'), count=REAL, seconds=120, kbps=50)
            publishers.wait_events('accepted', REAL, 15)
            viewers = rtmp_tool.play(cluster, 'viewers', cluster.url('real{n}', forwarder=1), count=REAL, seconds=120)
            viewers.wait_events('media', REAL, 15)

            def present():
                return {key: facts(s) for key, s in cluster.streams().items()
                        if s['placement'].get('state') == 'PLACEMENT_STATE_PUBLISHING'}
            wait_for(lambda: len(present()) == REAL + SIMULATED, 10, lambda: f'{len(present())} publish')
            orders = self.give_orders(cluster)
            before = hurt(cluster, present)
            lost = time.monotonic()

            def back():
                return all(self.same(replica, before) for replica in cluster.replicas)
            wait_for(back, 15, lambda: self.missing(cluster, before), poll=0.1)
            took = time.monotonic() - lost
            self.assertLessEqual(took, 5.0)
            self.assertEqual([], publishers.events('closed') + viewers.events('closed'))
            cluster.replicas.wait_settled()
            self.check_orders(cluster, orders)

            later = rtmp_tool.publish(cluster, 'later', cluster.url('later{n}'), count=10, seconds=60, kbps=50)
            later.wait_events('accepted', 10, 15)
            wait_for(lambda: sum('later' in key for key in present()) == 10, 5, 'the later ones are listed')
            highest = max(epoch for _, _, epoch in before.values())
            for key, (_, _, epoch) in present().items():
                if 'later' in key:
                    self.assertGreater(epoch, highest, key)
            for tool in (later, publishers, viewers):
                tool.stop()
            load.finish()
            self.assertEqual([], load.wrong())
            faults = self.faults(cluster)
            _, violations = check(load.history, faults)
            self.assertEqual([], violations)
            print(f'    {len(before)} placements back after {took:.2f} s', end='')

    def same(self, replica, before):
        now = {s['key']: facts(s) for s in replica.ctl('stream', 'list').get('streams', [])}
        return all(now.get(key) == fact for key, fact in before.items())

    def missing(self, cluster, before):
        for replica in cluster.replicas:
            now = {s['key']: facts(s) for s in replica.ctl('stream', 'list').get('streams', [])}
            other = {key: (fact, now.get(key)) for key, fact in before.items() if now.get(key) != fact}
            if other:
                return f'{replica.id}: {len(other)} of {len(before)} differ, as {list(other.items())[:3]}'
        return 'all are as before'

    def give_orders(self, cluster):
        """An operator's orders and credentials, some taken back just before; what every replica says of them."""
        cluster.ctl('origin', 'cordon', 'o3', '--reason', 'stays')
        cluster.ctl('origin', 'drain', 'o2', '--reason', 'stays')
        cluster.ctl('policy', 'set', 'second_publisher=reject')
        for number in range(3):
            cluster.ctl('stream', 'pin', f'live/pinned{number}', 'o4')
        cluster.ctl('token', 'create', 'viewer', '--note', 'stays')
        revoked = cluster.ctl('token', 'create', 'viewer', '--note', 'revoked')
        cluster.ctl('origin', 'cordon', 'o4', '--reason', 'lifted')
        wait_for(lambda: self.agreed(cluster), 5, 'every replica has heard of them')
        # The last word before the loss.
        cluster.ctl('origin', 'uncordon', 'o4')
        cluster.ctl('token', 'revoke', revoked['token']['name'].split('/')[1])
        return wait_for(lambda: self.agreed(cluster), 5, 'every replica has heard of their end')

    def agreed(self, cluster):
        """What all replicas say of orders, tokens and policies; None while they differ."""
        said = []
        for replica in cluster.replicas:
            real = [o for o in replica.ctl('origin', 'list')['origins'] if o['id'].startswith('o')]
            marks = {o['id']: (o.get('cordoned', False), o.get('cordonReason', ''), o.get('orders', {})) for o in real}
            tokens = sorted(t['note'] for t in replica.ctl('token', 'list').get('tokens', []))
            said.append((marks, tokens, replica.ctl('policy', 'get').get('rules')))
        return said[0] if all(one == said[0] for one in said) else None

    def check_orders(self, cluster, orders):
        marks, tokens, _ = orders
        self.assertEqual((True, 'stays'), marks['o3'][:2])
        self.assertTrue(marks['o2'][2].get('draining'))
        self.assertEqual((False, ''), marks['o4'][:2])
        self.assertEqual(['stays'], tokens)
        wait_for(lambda: self.agreed(cluster) == orders, 5,
                 lambda: f'orders are as they were: {orders}, now {self.agreed(cluster)}')
        pinned = rtmp_tool.publish(cluster, 'pinned', cluster.url('pinned{n}'), count=3, seconds=60, kbps=50)
        cluster.extra.append(pinned)
        pinned.wait_events('accepted', 3, 10)
        wait_for(lambda: [cluster.placements().get(f'pinned{n}') for n in range(3)] == ['o4'] * 3, 5,
                 lambda: f'all three are on o4: {cluster.placements()}')

    def faults(self, cluster):
        """The loss as a line of the history."""
        path = cluster.dir / 'faults.history'
        path.write_text(f'{{"e":"fault","t":{self.lost_at[1]},"a":{self.lost_at[0]},"q":"redis","x":"loss","loses":1,'
                        '"raises":1}\n')
        return path

    def test_flushed(self):
        def flush(cluster, present):
            before = present()
            began = time.monotonic_ns() // 1000
            cluster.redis.ask('FLUSHALL')
            self.lost_at = (began, time.monotonic_ns() // 1000)
            return before
        self.lose(RedisServer, flush)

    def test_failed_over_with_writes_lost(self):
        def fail_over(cluster, present):
            began = time.monotonic_ns() // 1000
            cluster.redis.hold_replication()
            # Bound, and told to nobody else: only who holds them knows these.
            unsaved = rtmp_tool.publish(cluster, 'unsaved', cluster.url('unsaved{n}'), count=10, seconds=120, kbps=50)
            cluster.extra.append(unsaved)
            unsaved.wait_events('accepted', 10, 10)
            wait_for(lambda: sum('unsaved' in key for key in present()) == 10, 5, 'the unsaved ones are listed')
            before = present()
            cluster.redis.fail_over()
            self.lost_at = (began, time.monotonic_ns() // 1000)
            return before
        self.lose(SentinelRedis, fail_over)
