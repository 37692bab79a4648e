"""What can be done to a cluster, each written to the history with when it began and ended.

A fault that may take acknowledged writes with it says so (`loses`), and how often the generation of the store may
rise because of it (`raises`); everything else must leave epochs, generation and placements as they are.
"""
import json
import os
import signal
import time

from harness.processes import wait_for


def now_us():
    """CLOCK_MONOTONIC, as the recorders of the other processes have it."""
    return time.monotonic_ns() // 1000


class FaultLog:
    """One file of the history (tests/support/history/event.h): the faults."""

    def __init__(self, path):
        self.path = path
        self.out = open(path, 'w')
        self.count = 0
        self.losses = 0
        self._write(e='begin', t=now_us(), w=time.time_ns() // 1000, q='driver', n=os.getpid())

    def _write(self, **event):
        self.out.write(json.dumps(event, separators=(',', ':')) + '\n')
        self.out.flush()

    def add(self, kind, what, began, loses=False, raises=0):
        event = {'e': 'fault', 't': now_us(), 'a': began, 'w': time.time_ns() // 1000, 'q': what, 'x': kind}
        if loses:
            event['loses'] = 1
        if raises:
            event['raises'] = raises
        self._write(**event)
        self.count += 1
        self.losses += raises

    def close(self):
        self.out.close()


class Faults:
    """`cluster`: replicas, redis (RedisServer, SentinelRedis or None: the memory store), links of the replicas to
    the store. Every fault ends healed."""

    def __init__(self, cluster, log, random, say):
        self.cluster, self.log, self.random, self.say = cluster, log, random, say

    def pause(self, low, high):
        time.sleep(self.random.uniform(low, high))

    # --- replicas
    def kill_replica(self):
        replica = self.random.choice(self.cluster.replicas.all)
        began = now_us()
        self.say(f'kill -9 {replica.id}')
        replica.kill()
        self.pause(0.1, 1.5)
        replica.start()
        # Embedded, its store dies with it.
        memory = self.cluster.redis is None
        self.log.add('kill_replica', replica.id, began, loses=memory, raises=1 if memory else 0)

    def freeze_replica(self):
        replica = self.random.choice(self.cluster.replicas.all)
        began = now_us()
        seconds = self.random.choice([0.3, 1.0, 2.0, 4.0])
        self.say(f'freeze {replica.id} for {seconds} s')
        replica.freeze()
        time.sleep(seconds)
        replica.thaw()
        self.log.add('freeze_replica', replica.id, began)

    def roll_replica(self):
        replica = self.random.choice(self.cluster.replicas.all)
        began = now_us()
        self.say(f'restart {replica.id}')
        replica.roll()
        memory = self.cluster.redis is None
        self.log.add('roll_replica', replica.id, began, loses=memory, raises=1 if memory else 0)

    def freeze_load(self):
        """All forwarders, agents and clients stand still, and believe that everybody else did."""
        began = now_us()
        seconds = self.random.choice([0.3, 1.0, 4.0])
        self.say(f'freeze forwarders, agents and clients for {seconds} s')
        self.cluster.load.signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.cluster.load.signal(signal.SIGCONT)
        self.log.add('freeze_load', 'load', began)

    # --- the way between a replica and the store
    def hold_link(self):
        link = self.random.choice(self.cluster.links)
        began = now_us()
        seconds = self.random.choice([0.3, 1.0, 3.0])
        self.say(f'hold {link.name} for {seconds} s')
        link.hold()
        time.sleep(seconds)
        link.carry()
        self.log.add('hold_link', link.name, began)

    def reset_link(self):
        link = self.random.choice(self.cluster.links)
        began = now_us()
        self.say(f'reset {link.name}')
        link.reset()
        self.log.add('reset_link', link.name, began)

    def refuse_link(self):
        link = self.random.choice(self.cluster.links)
        began = now_us()
        self.say(f'refuse {link.name}')
        link.refuse()
        link.reset()
        self.pause(0.2, 1.5)
        link.carry()
        self.log.add('refuse_link', link.name, began)

    # --- one Redis
    def flushall(self):
        began = now_us()
        self.say('FLUSHALL')
        self.cluster.redis.ask('FLUSHALL')
        self.log.add('flushall', 'redis', began, loses=True, raises=1)

    def kill_redis(self):
        began = now_us()
        self.say('kill -9 redis')
        self.cluster.redis.kill()
        self.pause(0.1, 1.0)
        self.cluster.redis.start()
        self.log.add('kill_redis', 'redis', began, loses=True, raises=1)

    def freeze_redis(self):
        began = now_us()
        seconds = self.random.choice([0.3, 1.2, 2.5])
        self.say(f'freeze redis for {seconds} s')
        self.cluster.redis.freeze()
        time.sleep(seconds)
        self.cluster.redis.thaw()
        self.log.add('freeze_redis', 'redis', began)

    # --- Sentinel
    def fail_over(self):
        """The primary goes down with writes that its replicas never got."""
        seconds = self.random.choice([0.0, 0.3, 1.0])
        redis = self.cluster.redis
        redis.wait_steady()  # sentinels look for new replicas every 10 s
        began = now_us()
        if seconds:
            redis.hold_replication()
            time.sleep(seconds)
        old = redis.primary()
        new = redis.fail_over()
        self.say(f'failover redis{old} -> redis{new}, {seconds} s of writes lost')
        redis.start_dead()
        self.log.add('failover', f'redis{old}', began, loses=True, raises=1)

    def flush_primary(self):
        began = now_us()
        self.say('FLUSHALL at the primary')
        self.cluster.redis.ask_primary('FLUSHALL')
        self.log.add('flushall', 'primary', began, loses=True, raises=1)

    def freeze_sentinel(self):
        began = now_us()
        sentinel = self.random.choice(self.cluster.redis.sentinels)
        self.say(f'freeze {sentinel.name}')
        sentinel.signal(signal.SIGSTOP)
        self.pause(0.5, 3.0)
        sentinel.signal(signal.SIGCONT)
        self.log.add('freeze_sentinel', sentinel.name, began)

    def heal(self):
        for link in self.cluster.links:
            link.carry()
        for replica in self.cluster.replicas:
            if not replica.running():
                replica.start()
            replica.thaw()
        wait_for(lambda: all(r.running() for r in self.cluster.replicas), 10, 'all replicas run')
