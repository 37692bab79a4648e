#!/usr/bin/env python3
"""Style and layering as tests: what the house rules call machine-checked.

  tests/tidy/tidy_test.py             every check that reads text only
  tests/tidy/tidy_test.py --headers   also: every header compiles alone (needs clang++-19; a minute)

One line per check, then `N passed, N failed, N skipped`. Exit status 0 only when nothing failed.
"""

import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PRODUCTION = ['common', 'controlplane', 'dataplane', 'origin-agent']
FILE_LINES_MAX, FILE_LINES_WISHED = 800, 400
FUNCTION_LINES_MAX, FUNCTION_LINES_WISHED = 90, 70
COLUMNS_MAX = 100
EXTERNALS = {
    '<pb>': re.compile(r'\.pb\.h|^google/(protobuf|rpc)/'),
    '<grpc>': re.compile(r'^(grpc|grpcpp)/|\.grpc\.pb\.h'),
    '<asio>': re.compile(r'^boost/(asio|beast)'),
    '<spdlog>': re.compile(r'^spdlog/'),
    '<yaml>': re.compile(r'^yaml-cpp/'),
    '<cli11>': re.compile(r'^CLI/'),
    '<prometheus>': re.compile(r'^prometheus/'),
    '<json>': re.compile(r'^boost/json'),
    '<hiredis>': re.compile(r'^hiredis/'),
}


def sources(folders, suffixes=('.h', '.cc')):
    found = []
    for folder in folders:
        for path in (ROOT / folder).rglob('*'):
            if path.suffix in suffixes and path.is_file():
                found.append(path)
    return sorted(found)


def name(path):
    return path.relative_to(ROOT).as_posix()


def code_only(text):
    """Text with comments and literals blanked, line structure kept."""
    pattern = re.compile(
        r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.S)

    def blank(match):
        # A digit separator (1'000) is no literal.
        before = text[match.start() - 1] if match.start() else ' '
        if match.group()[0] == "'" and before.isalnum():
            return match.group()
        return re.sub(r'[^\n]', ' ', match.group())

    return pattern.sub(blank, text)


class Tree:
    """Every file, read once."""

    def __init__(self):
        self.production = sources(PRODUCTION)
        self.tests = sources(['tests'])
        self.text = {p: p.read_text(encoding='utf-8') for p in self.production + self.tests}
        self.code = {p: code_only(t) for p, t in self.text.items()}
        self.layers = self.read_layers()

    @staticmethod
    def read_layers():
        layers = {}
        for line in (ROOT / 'tests/tidy/layering.txt').read_text().splitlines():
            line = line.split('#')[0].strip()
            if not line:
                continue
            folder, allowed = line.split(':')
            words = allowed.split()
            layers[folder] = (set(words) - {'pure'}, 'pure' in words)
        return layers

    def layer(self, path):
        folder = name(path.parent)
        while folder and folder not in self.layers:
            folder = folder.rpartition('/')[0]
        return folder

    def pure(self):
        return [p for p in self.production if self.layers.get(self.layer(p), (set(), False))[1]]


def grep(tree, paths, pattern, allowed=lambda path: False, complaint='', text=False):
    """Lines of `paths` whose code (or, with `text`, whole text) matches."""
    found = []
    for path in paths:
        if allowed(path):
            continue
        for number, line in enumerate((tree.text if text else tree.code)[path].split('\n'), 1):
            if re.search(pattern, line):
                found.append(f'{name(path)}:{number}: {complaint}{line.strip()}')
    return found


# --- checks: each returns (errors, information)


def check_layering(tree):
    errors = []
    for path in tree.production:
        layer = tree.layer(path)
        if not layer:
            errors.append(f'{name(path)}: its folder is not in tests/tidy/layering.txt')
            continue
        allowed = tree.layers[layer][0]
        for number, line in enumerate(tree.text[path].split('\n'), 1):
            match = re.match(r'\s*#\s*include\s+[<"]([^>"]+)[>"]', line)
            if not match:
                continue
            target = match.group(1)
            where = f'{name(path)}:{number}: {layer} may not include {target}'
            external = [word for word, pattern in EXTERNALS.items() if pattern.search(target)]
            if external:
                if not any(word in allowed for word in external):
                    errors.append(where)
                continue
            if target.split('/')[0] == 'tests':
                errors.append(where)
            if target.split('/')[0] not in PRODUCTION:
                continue
            folder = target.rpartition('/')[0]
            owner = folder
            while owner and owner not in tree.layers:
                owner = owner.rpartition('/')[0]
            if owner == layer:
                continue
            # An entry covers the folders below it, unless those have an entry of their own and the
            # entry is itself a layer (`controlplane/store` does not grant `controlplane/store/memory`).
            if owner in allowed or any(
                    owner.startswith(entry + '/') and entry not in tree.layers for entry in allowed):
                continue
            errors.append(where)
    return errors, []


def check_headers_open_well(tree):
    errors = []
    for path in tree.production + tree.tests:
        if path.suffix != '.h':
            continue
        lines = tree.text[path].split('\n')
        if lines[0] != '#pragma once':
            errors.append(f'{name(path)}:1: does not begin with #pragma once')
        comment = []
        for line in lines[1:]:
            if not line.startswith('//'):
                break
            comment.append(line)
        if not comment:
            errors.append(f'{name(path)}:2: no comment on its purpose')
        elif 'Threading:' not in ' '.join(comment):
            errors.append(f'{name(path)}:2: its first comment has no "Threading:"')
    return errors, []


def check_file_length(tree):
    errors, information = [], []
    for path in tree.production + tree.tests:
        lines = tree.text[path].count('\n')
        if lines > FILE_LINES_MAX:
            errors.append(f'{name(path)}: {lines} lines, more than {FILE_LINES_MAX}')
        elif lines > FILE_LINES_WISHED:
            information.append(f'{name(path)}: {lines} lines')
    return errors, information


def check_line_width(tree):
    errors = []
    for path in tree.production + tree.tests:
        for number, line in enumerate(tree.text[path].split('\n'), 1):
            if len(line) > COLUMNS_MAX and '#include' not in line:
                errors.append(f'{name(path)}:{number}: {len(line)} columns')
    return errors, []


def functions(code):
    """(first line, lines) of each brace block that follows a closing parenthesis at namespace or class
    level. An approximation: what encloses it must be namespaces, classes, structs or enums only."""
    found, stack, statement_start = [], [], 0
    line_of = [0]
    for index, char in enumerate(code):
        if char == '\n':
            line_of.append(index + 1)
    import bisect
    for match in re.finditer(r'[{};]', code):
        char, position = match.group(), match.start()
        if char == '{':
            head = code[statement_start:position]
            scope = re.search(r'\b(namespace|class|struct|union|enum|extern)\b', head) and \
                not re.search(r'\)\s*(const|noexcept|override|final|->[^{]*|\s)*$', head)
            is_function = '(' in head and not scope and all(kind == 'scope' for kind, _ in stack)
            stack.append(('scope' if scope else 'function' if is_function else 'block', position))
        elif char == '}' and stack:
            kind, start = stack.pop()
            if kind == 'function':
                first = bisect.bisect_right(line_of, start)
                last = bisect.bisect_right(line_of, position)
                found.append((first, last - first + 1))
        statement_start = position + 1
    return found


def check_function_length(tree):
    errors, information = [], []
    for path in tree.production + tree.tests:
        code = re.sub(r'^\s*#.*?(?<!\\)$', lambda m: ' ' * len(m.group()), tree.code[path], flags=re.M)
        for first, lines in functions(code):
            if lines > FUNCTION_LINES_MAX:
                errors.append(f'{name(path)}:{first}: function of {lines} lines')
            elif lines > FUNCTION_LINES_WISHED:
                information.append(f'{name(path)}:{first}: function of {lines} lines')
    return errors, information


def check_no_using_namespace_in_headers(tree):
    headers = [p for p in tree.production + tree.tests if p.suffix == '.h']
    # The literals of std::chrono and std::string add no names but operators.
    return grep(tree, headers, r'\busing namespace (?!std::(chrono_literals|string_literals))'), []


def check_clock_is_an_argument(tree):
    # Edges may ask: app wires the clock, and gRPC deadlines and log lines want the system's own.
    edges = ('common/base/clock.h', 'common/rpc/', 'common/telemetry/', 'controlplane/cli/')
    return grep(tree, tree.production, r'\b(system|steady|high_resolution)_clock::now\b',
                lambda p: name(p).startswith(edges) or '/app/' in name(p)), []


def check_random_is_an_argument(tree):
    return grep(tree, tree.production, r'\b(s?rand|random|drand48)\(\)|\bs?rand\(|std::random_device',
                lambda p: name(p).startswith('common/base/random')), []


def check_no_detached_coroutine(tree):
    return grep(tree, tree.production, r'asio::detached\b'), []


def check_no_unfinished_work(tree):
    return grep(tree, tree.production + tree.tests, r'\b(TODO|FIXME|XXX|HACK)\b', text=True), []


def check_no_exceptions_in_pure_folders(tree):
    return grep(tree, tree.pure(), r'\b(throw|catch)\b(?!_)'), []


def check_no_test_hooks(tree):
    return grep(tree, tree.production,
                r'\b(FRIEND_TEST|for_testing|ForTesting|for_test|test_only)\b|gtest/'), []


def check_parsers_have_fuzz_targets(tree):
    """A folder that parses what strangers send has a fuzz target whose name or includes name it."""
    errors = []
    fuzzers = {p: p.read_text() for p in sorted((ROOT / 'tests/fuzz').glob('*_fuzz.cc'))}
    parsers = [p for p in sorted((ROOT / 'dataplane/protocol').iterdir()) if list(p.glob('*.cc'))]
    parsers += [ROOT / 'common/base/stream_key.h']
    for parser in parsers:
        if not any(f'"{name(parser)}' in text for text in fuzzers.values()):
            errors.append(f'{name(parser)}: no tests/fuzz/*_fuzz.cc includes it')
    listed = (ROOT / 'tests/fuzz/CMakeLists.txt').read_text()
    for fuzzer in fuzzers:
        subject = fuzzer.stem.removesuffix('_fuzz')
        if not re.search(rf'weir_fuzz\({subject}\b', listed):
            errors.append(f'{name(fuzzer)}: not in tests/fuzz/CMakeLists.txt')
    return errors, []


def check_reasons_are_documented(tree):
    """UPPER_SNAKE strings of the control plane are part of the interface: each has a row in the docs."""
    documented = ''
    for page in ('errors.md', 'events.md'):
        path = ROOT / 'docs/operations' / page
        documented += path.read_text() if path.exists() else ''
    codes = {'OK', 'CANCELLED', 'UNKNOWN', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED', 'NOT_FOUND',
             'ALREADY_EXISTS', 'PERMISSION_DENIED', 'RESOURCE_EXHAUSTED', 'FAILED_PRECONDITION',
             'ABORTED', 'OUT_OF_RANGE', 'UNIMPLEMENTED', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS',
             'UNAUTHENTICATED'}  # gRPC's own
    known = codes | set(re.findall(r'`([A-Z][A-Z0-9_]+)`', documented))
    errors = []
    folders = ('controlplane/placement/', 'controlplane/membership/', 'controlplane/core/',
               'controlplane/service/', 'common/rpc/')
    for path in tree.production:
        if not name(path).startswith(folders):
            continue
        for number, line in enumerate(tree.text[path].split('\n'), 1):
            if line.lstrip().startswith(('//', '#', 'GRPC_')):
                continue
            for reason in re.findall(r'"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|[A-Z]{6,})"', line):
                if reason not in known:
                    errors.append(f'{name(path)}:{number}: {reason} is in neither '
                                  'docs/operations/errors.md nor events.md')
    return errors, []


def check_limits_are_documented(tree):
    """One page holds every limit of forwarders and agents, and no limit that there is not."""
    page = ROOT / 'docs/operations/limits.md'
    named = set(re.findall(r'`(k[A-Z]\w+)`', page.read_text()))
    errors, known = [], set()
    for path in tree.production:
        planes = ('common/endpoints/', 'dataplane/', 'origin-agent/')
        if not name(path).startswith(planes) or not path.name.endswith('limits.h'):
            continue
        for number, line in enumerate(tree.code[path].split('\n'), 1):
            match = re.match(r'inline constexpr .*?\b(k[A-Z]\w+)', line)
            if match:
                known.add(match.group(1))
                if match.group(1) not in named:
                    errors.append(f'{name(path)}:{number}: {match.group(1)} is not in {name(page)}')
    errors += [f'{name(page)}: {limit} is in no limits header' for limit in sorted(named - known)]
    return errors, []


def check_headers_compile_alone(tree):
    generated = [p for p in (ROOT / 'build').glob('*/proto/generated') if p.is_dir()]
    generated += [pathlib.Path(p) for p in os.environ.get('WEIR_GENERATED', '').split(':') if p]
    command = ['clang++-19', '-std=c++20', '-fsyntax-only', '-Wall', '-Wextra', '-Werror',
               '-Wno-pragma-once-outside-header', '-DBOOST_ASIO_NO_DEPRECATED', '-I', str(ROOT)]
    for folder in generated[:1]:
        command += ['-isystem', str(folder)]
    headers = [p for p in tree.production + tree.tests if p.suffix == '.h']

    def compile_one(path):
        done = subprocess.run(command + ['-x', 'c++', str(path)], capture_output=True, text=True)
        first = next((l for l in done.stderr.split('\n') if 'error' in l), '')
        return None if done.returncode == 0 else f'{name(path)}: {first}'

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return [error for error in pool.map(compile_one, headers) if error], []


CHECKS = [
    check_layering, check_headers_open_well, check_file_length, check_line_width,
    check_function_length, check_no_using_namespace_in_headers, check_clock_is_an_argument,
    check_random_is_an_argument, check_no_detached_coroutine, check_no_unfinished_work,
    check_no_exceptions_in_pure_folders, check_no_test_hooks, check_parsers_have_fuzz_targets,
    check_reasons_are_documented, check_limits_are_documented
]


def main():
    unknown = set(sys.argv[1:]) - {'--headers'}
    if unknown:
        print(__doc__)
        return 2
    checks, skipped = list(CHECKS), 0
    if '--headers' in sys.argv:
        if shutil.which('clang++-19'):
            checks.append(check_headers_compile_alone)
        else:
            print('skipped headers_compile_alone: no clang++-19')
            skipped = 1
    tree = Tree()
    passed = failed = 0
    for check in checks:
        errors, information = check(tree)
        title = check.__name__.removeprefix('check_')
        note = f' ({len(information)} beyond what is wished)' if information else ''
        print(f'{"FAILED" if errors else "passed"} {title}{note}')
        for line in errors:
            print(f'    {line}')
        for line in information:
            print(f'    note: {line}')
        passed += not errors
        failed += bool(errors)
    print(f'{passed} passed, {failed} failed, {skipped} skipped')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
