"""What a process holds: descriptors and memory; and one figure of /metrics."""
import os
import re
from pathlib import Path


def descriptors(pid):
    return len(os.listdir(f'/proc/{pid}/fd'))


def resident_kib(pid):
    return int(re.search(r'VmRSS:\s+(\d+)', Path(f'/proc/{pid}/status').read_text()).group(1))


def anonymous_kib(pid):
    """The part of it that no file backs: heap and stacks, not code."""
    return int(re.search(r'RssAnon:\s+(\d+)', Path(f'/proc/{pid}/status').read_text()).group(1))


def metric(text, name, **labels):
    """The sum of the series of that name that have the labels."""
    total = 0.0
    for line in text.splitlines():
        if line.startswith(name + ' ') or line.startswith(name + '{'):
            if all(f'{key}="{value}"' in line for key, value in labels.items()):
                total += float(line.rsplit(' ', 1)[1])
    return total


def cpu_seconds(pid):
    """User and system seconds of the whole process so far."""
    fields = Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')
