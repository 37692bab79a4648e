"""The README's first command, as a user runs it."""
import subprocess
import unittest

from harness.processes import BUILD, ROOT


@unittest.skipUnless(BUILD.name == 'release', 'the command always uses the release build')
class LocalRun(unittest.TestCase):
    @staticmethod
    def daemons():
        found = subprocess.run(['pgrep', '-f', r'bin/weir-(controlplane|forwarder|origin-agent)'],
                               stdout=subprocess.PIPE, text=True)
        return set(found.stdout.split())

    def test_once_verifies_playback_and_leaves_nothing_behind(self):
        before = self.daemons()
        done = subprocess.run([ROOT / 'deploy/local/run.sh', '--once'], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=120,
                              stdin=subprocess.DEVNULL)
        self.assertEqual(0, done.returncode, done.stdout)
        self.assertEqual(set(), self.daemons() - before)
