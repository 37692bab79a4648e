#!/usr/bin/env python3
"""The whole siege: two rounds of 20,000 clients of every bad kind; tests/soak/strangers.sh builds and calls it."""
import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'e2e'))

from harness import watched  # noqa: E402
from harness.processes import wait_for  # noqa: E402
from harness.siege import Siege, unexpected  # noqa: E402


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--rounds', type=int, default=2)
    parser.add_argument('--publishing', type=int, default=17000)
    parser.add_argument('--silent', type=int, default=500)
    parser.add_argument('--each-stage', type=int, default=120, help='times 9 stages and 2 ways to go')
    parser.add_argument('--each-nuisance', type=int, default=45, help='of 8 kinds')
    parser.add_argument('--at-once', type=int, default=4000)
    args = parser.parse_args()
    failures = []
    with Siege() as siege:
        before, resident = siege.held(), [siege.resident_kib()]
        print(f'start: descriptors, connections, sessions, lingering, queued = {before}, '
              f'RSS {resident[0]} KiB', flush=True)
        for number in range(1, args.rounds + 1):
            began = time.monotonic()
            outcomes = siege.round(args.publishing, args.at_once, args.each_nuisance, args.silent,
                                   args.each_stage)
            took = time.monotonic() - began
            siege.wait_as_at(before, 60)
            siege.wait_streams_forgotten(60)
            wait_for(lambda: siege.memory_returned() == number, 90, 'memory is given back', poll=0.5)
            resident.append(siege.resident_kib())
            print(f'round {number}: {sum(outcomes.values())} clients in {took:.0f} s, '
                  f'{outcomes["publisher", "done"]} published; held {siege.held()}, '
                  f'RSS {resident[-1]} KiB, {watched.anonymous_kib(siege.pid)} of it anonymous', flush=True)
            for key, count in sorted(outcomes.items()):
                print(f'    {key[0]:>12} {key[1]:<8} {count}')
            if bad := unexpected(outcomes):
                failures.append(f'round {number}: {bad}')
        grown = 100 * (resident[-1] / resident[-2] - 1)
        print(f'RSS after the last round: {grown:+.1f} % of the one before')
        if args.rounds > 1 and grown > 2:
            failures.append(f'memory grew by {grown:.1f} %')
        if not siege.steady.running():
            failures.append('the publisher that was there all the while is gone')
    for failure in failures:
        print(f'FAILED {failure}')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
