"""The control plane and the agent are killed under running streams."""
import signal
import time
import unittest

from harness import rtmp_tool
from harness.cluster import Cluster
from harness.processes import BIN, Process, wait_for


def epoch_of(stream):
    epoch = stream['placement']['epoch']
    return int(epoch['generation']), int(epoch['counter'])


class Restart(unittest.TestCase):
    def test_control_plane_killed_under_twenty_streams(self):
        with Cluster(origins=2) as cluster:
            ended = rtmp_tool.publish(cluster, 'ended', cluster.url('ended'), seconds=1, kbps=100)
            ended.wait_events('accepted', 1, 10)
            wait_for(lambda: 'ended' in cluster.placements(), 5, 'ended is known')
            highest_ended = epoch_of(cluster.streams()['__defaultVhost__/live/ended'])
            ended.wait(10)
            for turn in range(3):
                tool = rtmp_tool.publish(cluster, f'again{turn}', cluster.url('stream0'), seconds=1,
                                         kbps=100)
                tool.wait_events('accepted', 1, 10)
                tool.wait(10)
            publishers = rtmp_tool.publish(cluster, 'twenty', cluster.url('stream{n}'), count=20,
                                           seconds=60, kbps=200)
            publishers.wait_events('accepted', 20, 10)
            viewers = rtmp_tool.play(cluster, 'viewers', cluster.url('stream{n}'), count=20,
                                     seconds=60, check_sequence=True)
            viewers.wait_events('media', 20, 10)
            wait_for(lambda: len(cluster.placements()) == 20, 5, '20 are publishing')
            before = {key: s for key, s in cluster.streams().items() if 'stream' in key.split('/')[-1]}
            self.assertEqual(20, len(before))

            cluster.controlplane.kill()
            cluster.start_controlplane()
            restarted = time.monotonic()

            def restored():
                after = cluster.streams()
                return all(key in after and epoch_of(after[key]) == epoch_of(stream)
                           and after[key]['placement']['origin'] == stream['placement']['origin']
                           for key, stream in before.items())
            wait_for(restored, 5, lambda: f'all 20 as before: {sorted(cluster.streams())}')
            print(f'    all known {time.monotonic() - restarted:.2f} s after the restart', end='')
            cluster.wait_settled()

            again = rtmp_tool.publish(cluster, 'ended-again', cluster.url('ended'), seconds=30,
                                      kbps=100, retry=True)
            again.wait_events('accepted', 1, 15)
            highest = max([highest_ended, *map(epoch_of, before.values())])
            wait_for(lambda: 'ended' in cluster.placements(), 5, 'ended is known again')
            self.assertGreater(epoch_of(cluster.streams()['__defaultVhost__/live/ended']), highest)
            # Nothing was lost on the way: scripted payloads are numbered.
            self.assertEqual([], publishers.events('closed'))
            self.assertEqual([], viewers.events('closed'))
            self.assertEqual([], viewers.events('gap'))
            for tool in (again, publishers, viewers):
                tool.stop()

    def test_control_plane_killed_five_times_in_a_row_closes_nobody(self):
        with Cluster(origins=2) as cluster:
            publishers = rtmp_tool.publish(cluster, 'twenty', cluster.url('stream{n}'), count=20,
                                           seconds=120, kbps=100)
            publishers.wait_events('accepted', 20, 10)
            viewers = rtmp_tool.play(cluster, 'viewers', cluster.url('stream{n}'), count=20,
                                     seconds=120, check_sequence=True)
            viewers.wait_events('media', 20, 10)
            wait_for(lambda: len(cluster.placements()) == 20, 5, '20 are publishing')
            before = {key: epoch_of(stream) for key, stream in cluster.streams().items()}
            for turn in range(5):
                agent_is_late = turn == 2
                if agent_is_late:
                    cluster.agent.signal(signal.SIGSTOP)
                cluster.controlplane.kill()
                cluster.start_controlplane()
                cluster.wait_settled()
                if agent_is_late:
                    # Its streams are not reachable by what the new process knows, and yet go on;
                    # the forwarder knows where they are, so a player who comes now need not wait.
                    late = rtmp_tool.play(cluster, 'late', cluster.url('stream0'), seconds=100)
                    late.wait_events('media', 1, 5)
                    cluster.agent.signal(signal.SIGCONT)
                    cluster.wait_origins(2)
                wait_for(lambda: {k: epoch_of(s) for k, s in cluster.streams().items()} == before,
                         10, lambda: f'all 20 as before: {sorted(cluster.streams())}')
                self.assertEqual([], publishers.events('closed'), f'after kill {turn + 1}')
                self.assertEqual([], viewers.events('closed'), f'after kill {turn + 1}')
            self.assertEqual([], viewers.events('gap'))
            self.assertEqual([], late.events('closed'))
            for tool in (late, publishers, viewers):
                tool.stop()

    def test_an_event_watch_goes_on_after_the_restart_and_says_what_it_lost(self):
        with Cluster(origins=1) as cluster:
            watch = Process('watch', [BIN / 'weirctl', '--endpoint', cluster.grpc, 'event', 'watch'],
                            cluster.dir)
            cluster.extra.append(watch)
            wait_for(lambda: 'SETTLING_ENDED' in watch.text(), 5, watch.tail)
            cluster.controlplane.kill()
            cluster.start_controlplane()
            wait_for(lambda: 'events were lost' in watch.text(), 10, watch.tail)
            wait_for(lambda: 'GENERATION_RAISED' in watch.text().split('events were lost')[1], 5,
                     watch.tail)
            self.assertTrue(watch.running())

    def test_agent_killed_and_restarted_places_nothing_again(self):
        with Cluster(origins=2) as cluster:
            publishers = rtmp_tool.publish(cluster, 'ten', cluster.url('stream{n}'), count=10,
                                           seconds=60, kbps=100)
            publishers.wait_events('accepted', 10, 10)
            wait_for(lambda: len(cluster.placements()) == 10, 5, '10 are publishing')
            before = cluster.streams()
            incarnations = {o['id']: o['incarnation']
                            for o in cluster.ctl('origin', 'list')['origins']}
            cluster.agent.kill()
            wait_for(lambda: 'SUSPECT' in cluster.origin_states().values(), 5, 'origins are suspect')
            cluster.start_agent()
            cluster.wait_origins(2)
            after = cluster.streams()
            self.assertEqual({k: (epoch_of(v), v['placement']['incarnation'])
                              for k, v in before.items()},
                             {k: (epoch_of(v), v['placement']['incarnation'])
                              for k, v in after.items()})
            self.assertEqual(incarnations, {o['id']: o['incarnation']
                                            for o in cluster.ctl('origin', 'list')['origins']})
            self.assertEqual([], publishers.events('closed'))
            publishers.stop()
