#!/usr/bin/env python3
"""Makes the table of docs/performance.md from the result file of relay_bench.py."""
import json
import statistics
import sys

ORDER = ['direct', 'haproxy', 'haproxy splice', 'nginx stream', 'weir']


def main():
    if len(sys.argv) != 2:
        print(f'usage: {sys.argv[0]} RESULTS.json', file=sys.stderr)
        return 2
    with open(sys.argv[1], encoding='utf-8') as file:
        run = json.load(file)
    cells = {}
    for result in run['results']:
        key = (result['cell'], result['unit'])
        cells.setdefault(key, {})[result['relay']] = statistics.median(result['rounds'])
    print('| work | unit | ' + ' | '.join(ORDER) + ' | weir / haproxy |')
    print('|---' * (len(ORDER) + 3) + '|')
    for (cell, unit), by_relay in cells.items():
        figures = [f'{by_relay[name]:.3g}' if name in by_relay else '' for name in ORDER]
        ratio = ''
        if 'weir' in by_relay and by_relay.get('haproxy'):
            ratio = f'{by_relay["weir"] / by_relay["haproxy"]:.2f}'
        print(f'| {cell} | {unit} | ' + ' | '.join(figures) + f' | {ratio} |')
    print(f'\nMedians of {run["rounds"]} rounds, {run["cpus"]} cores.')
    return 0


if __name__ == '__main__':
    sys.exit(main())
