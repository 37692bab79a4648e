"""Where the time of running processes goes: perf's samples, or strace's counts of system calls."""
import subprocess
import sys


def profile(directory, pids, seconds, syscalls):
    """Prints the profile of `pids` over `seconds`; needs perf (linux-perf) or strace."""
    if syscalls:
        return count_syscalls(directory, pids, seconds)
    data = directory / 'perf.data'
    subprocess.run(['perf', 'record', '-q', '-F', '4000', '-o', data, '-p', ','.join(map(str, pids)), '--',
                    'sleep', str(seconds)], check=True)
    for title, sort in (('by thread and place', 'comm,dso'), ('by function', 'comm,sym')):
        report = subprocess.run(['perf', 'report', '-i', data, '--no-children', '--percent-limit', '0.7',
                                 '--sort', sort, '--stdio'], check=True, capture_output=True, text=True)
        print(f'--- {title}')
        for line in report.stdout.splitlines():
            if line.strip() and not line.startswith('#'):
                print(line[:120].rstrip())
    sys.stdout.flush()


def count_syscalls(directory, pids, seconds):
    """Tracing slows the process: only the proportions of the counts mean anything."""
    out = directory / 'strace.txt'
    command = ['timeout', '-s', 'INT', str(seconds), 'strace', '-f', '-c', '-S', 'calls', '-o', out]
    for pid in pids:
        command += ['-p', str(pid)]
    subprocess.run(command, stderr=subprocess.DEVNULL, check=False)
    print(out.read_text(), flush=True)
