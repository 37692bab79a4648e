"""A second publisher of a live stream: refused while the first sends, takes over once it is silent."""
import unittest

from harness import rtmp_tool
from harness.cluster import Cluster
from harness.processes import wait_for


class SecondPublisher(unittest.TestCase):
    def test_refused_while_the_first_sends_then_takes_over_when_it_is_silent(self):
        with Cluster(origins=2, forwarders=2) as cluster:
            first = rtmp_tool.publish(cluster, 'first', cluster.url('s'), seconds=60, kbps=200,
                                      silent_after=6)
            first.wait_events('accepted', 1, 10)
            viewer = rtmp_tool.play(cluster, 'viewer', cluster.url('s', forwarder=1), seconds=60)
            viewer.wait_events('media', 1, 5)
            second = rtmp_tool.publish(cluster, 'second', cluster.url('s', forwarder=1), seconds=5,
                                       kbps=200)
            refused = second.wait_events('refused', 1, 5)[0]
            self.assertEqual('NetStream.Publish.BadName', refused['code'])
            self.assertEqual([], first.events('closed'))
            second.stop()

            silent = first.wait_events('silent', 1, 10)[0]
            third = rtmp_tool.publish(cluster, 'third', cluster.url('s', forwarder=1), seconds=60,
                                      kbps=200, retry=True)
            accepted = third.wait_events('accepted', 1, 10)[0]
            took = third.began + accepted['t'] - (first.began + silent['t'])
            print(f'    taken over {took:.2f} s after the first fell silent', end='')
            self.assertGreaterEqual(took, 1.9)
            self.assertLessEqual(took, 5.0)
            first.wait_events('closed', 1, 5)
            # The viewer is not left hanging: media of the new publisher, or the end of its session.
            mark = len(viewer.events('progress'))
            wait_for(lambda: viewer.events('closed') or
                     len(viewer.events('progress')) > mark + 2, 5, 'the viewer follows or is closed')
            events = [e['type'] for e in cluster.events()]
            self.assertIn('STREAM_TAKEN_OVER', events)
            third.stop()
            viewer.stop()
            first.stop()
