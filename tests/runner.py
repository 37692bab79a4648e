#!/usr/bin/env python3
"""Runs every suite against one build tree and sums the results.

Suites: the gtest programs of the build, tests/tidy, the proto lint, a minute of tests/fuzz, and tests/e2e (unittest).
A skipped test that tests/skip_allowlist.txt does not name is a failure.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GTEST_SUITES = ['unit_common', 'unit_controlplane', 'unit_dataplane', 'unit_agent', 'unit_support',
                'conformance', 'sim', 'integration', 'redis']
# Thread sanitizer: Debian's gRPC is not instrumented, so only suites without it are judged.
TSAN_SUITES = ['unit_common', 'unit_controlplane', 'unit_dataplane', 'unit_agent', 'unit_support',
               'conformance', 'integration', 'redis']
SUITES = GTEST_SUITES + ['tidy', 'proto_lint', 'fuzz', 'e2e']
# Under a sanitizer or for coverage: what executes the build at hand.
BUILD_SUITES = GTEST_SUITES + ['e2e']
# Of all fuzz targets together, one after the other beside the other suites; the same inputs each time, so that a
# change fails for what it changed. New ones are for the long runs.
FUZZ_SECONDS = 60
FUZZ_SEED = '1'
SUITE_TIMEOUT_S = 900


class Tally:
    def __init__(self):
        self.passed, self.failed, self.skipped = 0, [], []

    def add(self, passed, failed, skipped):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped


def sanitizer_environment():
    env = dict(os.environ)
    names = shutil.which('llvm-symbolizer-19')
    symbolizer = f':external_symbolizer_path={names}' if names else ''
    env['ASAN_OPTIONS'] = f'detect_leaks=1:abort_on_error=0:exitcode=99{symbolizer}'
    env['UBSAN_OPTIONS'] = f'print_stacktrace=1:halt_on_error=1{symbolizer}'
    suppressions = ROOT / 'tests/tidy/tsan_suppressions.txt'
    env['TSAN_OPTIONS'] = (f'ignore_noninstrumented_modules=1:suppressions={suppressions}'
                           f':exitcode=99{symbolizer}')
    return env


def run_gtest(build, name):
    """One gtest program; returns (passed, failed names, skipped names, text)."""
    program = build / 'bin' / name
    if not program.exists():
        return 0, [f'{name}: {program} was not built'], [], ''
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / 'report.json'
        env = sanitizer_environment()
        env['LLVM_PROFILE_FILE'] = str(build / 'profiles' / f'{name}-%p.profraw')
        try:
            done = subprocess.run([program, f'--gtest_output=json:{report}', '--gtest_brief=1'],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  errors='replace', timeout=SUITE_TIMEOUT_S, env=env,
                                  stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired as late:
            text = (late.stdout or b'').decode(errors='replace') if late.stdout else ''
            return 0, [f'{name}: no end after {SUITE_TIMEOUT_S} s'], [], text
        if not report.exists():
            return 0, [f'{name}: exit status {done.returncode} without a report'], [], done.stdout
        passed, failed, skipped = 0, [], []
        for suite in json.loads(report.read_text())['testsuites']:
            for test in suite['testsuite']:
                full = f"{name}:{suite['name']}.{test['name']}"
                if test.get('failures'):
                    failed.append(full)
                elif test.get('result') == 'SKIPPED':
                    skipped.append(full)
                elif test.get('status') == 'RUN':
                    passed += 1
        if done.returncode != 0 and not failed:
            failed.append(f'{name}: exit status {done.returncode}')
        return passed, failed, skipped, done.stdout


def run_script(name, command):
    """A script whose last line is `N passed, N failed, N skipped`."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=SUITE_TIMEOUT_S, cwd=ROOT, stdin=subprocess.DEVNULL)
    words = (done.stdout.strip().splitlines() or [''])[-1].replace(',', '').split()
    try:
        passed, failed = int(words[0]), int(words[2])
    except (IndexError, ValueError):
        passed, failed = 0, 1
    names = [line for line in done.stdout.splitlines() if line.startswith('FAILED')]
    failures = [f'{name}: {line}' for line in names] if failed else []
    if (failed or done.returncode) and not failures:
        failures = [f'{name}: exit status {done.returncode}']
    return passed, failures, [], done.stdout


def run_proto_lint():
    """buf from npm; skipped where there is no npm."""
    if not shutil.which('npm'):
        return 0, [], ['proto_lint'], ''
    cache = ROOT / 'build' / 'buf'
    buf = cache / 'node_modules/.bin/buf'
    if not buf.exists():
        cache.mkdir(parents=True, exist_ok=True)
        subprocess.run(['npm', 'install', '--no-audit', '--no-fund', '--prefix', cache,
                        '@bufbuild/buf@1.75.0'], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=180, stdin=subprocess.DEVNULL)
    if not buf.exists():
        return 0, ['proto_lint: npm could not install @bufbuild/buf'], [], ''
    done = subprocess.run([buf, 'lint'], cwd=ROOT / 'proto', stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=120)
    return (1, [], [], '') if done.returncode == 0 else (0, ['proto_lint'], [], done.stdout)


class NamedResult(unittest.TextTestResult):
    """Remembers what passed and prints how long each test took."""

    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed = getattr(self, 'passed', 0) + 1

    def stopTest(self, test):
        self.stream.writeln(f'  ({time.monotonic() - self.began:.1f} s)')
        super().stopTest(test)


def run_e2e(build, match):
    """Every tests/e2e/test_*.py, in order of name; output as it comes."""
    os.environ['WEIR_BUILD'] = str(build)
    sys.path.insert(0, str(ROOT / 'tests/e2e'))
    loader = unittest.TestLoader()
    if match:
        loader.testNamePatterns = [f'*{match}*']
    suite = loader.discover(str(ROOT / 'tests/e2e'), pattern='test_*.py')
    runner = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=NamedResult,
                                     warnings='ignore')
    result = runner.run(suite)
    bad = [f'e2e:{test.id()}' for test, _ in result.failures + result.errors]
    bad += [f'e2e:{test.id()} (passed, was expected to fail)' for test in result.unexpectedSuccesses]
    skipped = [f'e2e:{test.id()}' for test, _ in result.skipped]
    return getattr(result, 'passed', 0), bad, skipped, ''


def coverage_report(build):
    """Lines per folder, from the profiles that the gtest programs and the daemons left."""
    profiles = [str(p) for p in (build / 'profiles').glob('*.profraw')]
    merged = build / 'all.profdata'
    subprocess.run(['llvm-profdata-19', 'merge', '-sparse', *profiles, '-o', merged], check=True)
    programs = [str(p) for p in sorted((build / 'bin').iterdir()) if p.is_file()]
    command = ['llvm-cov-19', 'export', '-summary-only', f'-instr-profile={merged}', programs[0]]
    for program in programs[1:]:
        command += ['-object', program]
    data = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    folders = {}
    for entry in data['data'][0]['files']:
        path = Path(entry['filename'])
        if not path.is_relative_to(ROOT) or path.is_relative_to(build):
            continue
        folder = str(path.relative_to(ROOT).parent)
        lines = entry['summary']['lines']
        have, total = folders.get(folder, (0, 0))
        folders[folder] = (have + lines['covered'], total + lines['count'])
    for folder, (have, total) in sorted(folders.items()):
        if total and not folder.startswith('tests'):
            print(f'{100 * have / total:6.1f} % of {total:6d} lines  {folder}')


def allowed_skips():
    names = set()
    for line in (ROOT / 'tests/skip_allowlist.txt').read_text().splitlines():
        if line.strip() and not line.startswith('#'):
            names.add(line.split()[0])
    return names


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--build', type=Path, required=True)
    parser.add_argument('--only', action='append', default=[])
    parser.add_argument('--match', default='')
    parser.add_argument('--list', action='store_true')
    parser.add_argument('--thread-sanitizer', action='store_true')
    parser.add_argument('--only-build', action='store_true',
                        help='leave out what does not execute the build')
    parser.add_argument('--coverage', action='store_true')
    args = parser.parse_args()
    args.build = args.build.resolve()
    if args.list:
        print('\n'.join(SUITES))
        return 0
    everything = (TSAN_SUITES if args.thread_sanitizer else
                  BUILD_SUITES if args.only_build else SUITES)
    wanted = args.only or everything
    unknown = [name for name in wanted if name not in SUITES]
    if unknown:
        print(f'unknown suite {unknown[0]}; there are: {" ".join(SUITES)}', file=sys.stderr)
        return 2
    if args.match and not args.only:
        wanted = ['e2e']
    shutil.rmtree(args.build / 'profiles', ignore_errors=True)

    jobs = {name: (run_gtest, args.build, name) for name in GTEST_SUITES}
    jobs['tidy'] = (run_script, 'tidy', ['/usr/bin/python3', ROOT / 'tests/tidy/tidy_test.py'])
    jobs['proto_lint'] = (run_proto_lint,)
    jobs['fuzz'] = (run_script, 'fuzz',
                    [ROOT / 'tests/fuzz/run.sh', '--total-seconds', str(FUZZ_SECONDS), '--jobs', '1',
                     '--seed', FUZZ_SEED])
    tally = Tally()
    # The timing of end-to-end tests is judged, so they run alone, after the rest.
    with ThreadPoolExecutor(max_workers=2) as pool:
        began = time.monotonic()
        # The longest first.
        order = sorted((name for name in wanted if name != 'e2e'), key=lambda name: name != 'fuzz')
        running = [(name, pool.submit(*jobs[name])) for name in order]
        for name, future in running:
            passed, failed, skipped, text = future.result()
            if failed:
                print(text)
            print(f'{name}: {passed} passed, {len(failed)} failed, {len(skipped)} skipped '
                  f'({time.monotonic() - began:.0f} s)', flush=True)
            tally.add(passed, failed, skipped)
    if 'e2e' in wanted:
        passed, failed, skipped, _ = run_e2e(args.build, args.match)
        tally.add(passed, failed, skipped)
    if args.coverage:
        coverage_report(args.build)
    allowed = allowed_skips()
    for name in tally.skipped:
        if name not in allowed and os.geteuid() == 0:
            tally.failed.append(f'{name} (skipped, and not on tests/skip_allowlist.txt)')
    for name in tally.failed:
        print(f'FAILED {name}')
    print(f'{tally.passed} passed, {len(tally.failed)} failed, {len(tally.skipped)} skipped')
    return 1 if tally.failed or tally.passed == 0 else 0


if __name__ == '__main__':
    sys.exit(main())
