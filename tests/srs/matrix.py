#!/usr/bin/env python3
"""The checks of tests/srs.sh: Weir in front of and behind a real SRS.

Each check prints one line `PASS name: figures` or `FAIL name: why`. Checks share a cluster of three origins
and leave it as it was, except `many`, which has its own.
"""
import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from real_srs import RealSrs  # noqa: E402
from weir_of_srs import WeirOfSrs  # noqa: E402
from harness import watched  # noqa: E402
from harness.processes import BIN, Process, free_port, wait_for, wait_listening  # noqa: E402

SRS = os.environ.get('SRS', '')
EDGE = os.environ.get('SRS_EDGE') or SRS
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def frames_of(player):
    return sum(e['frames'] for e in player.events('progress')[-1:])


def wait_more_frames(player, seconds, since=None):
    """Seconds until frames come again."""
    began, mark = time.monotonic(), frames_of(player)
    wait_for(lambda: frames_of(player) > mark, seconds,
             lambda: f'{player.name} gets frames: {player.tail(3)}')
    return time.monotonic() - (since or began)


# --- coming up, publishing, playing

@check
def register(w):
    expect(all(w.id_of(s) == s.server for s in w.srs.values()), f'ids are SRS\'s: {w.origin_states()}')
    return f'3 origins live {w.registered_in:.1f} s after their start (heartbeat {w.interval} s)'


@check
def publish_and_play(w):
    w.publish('plain', forwarder=0)
    viewer = w.play('plain', forwarder=1, check_sequence=True)
    viewer.wait_events('media', 1, 10)
    wait_more_frames(viewer, 5)
    expect(viewer.events('gap') == [], 'no gap')
    tag = w.owner('plain').publishers()['plain']['swfUrl']
    expect(tag.startswith('weir:f0/'), f'the tag is in SRS\'s listing: {tag!r}')
    return f'media through two forwarders, listed by SRS with swfUrl {tag}'


@check
def balance(w):
    w.publish('even{n}', count=30)
    wait_for(lambda: sum(n.startswith('even') for n in w.placements()) == 30, 10, 'all publish')
    counts = Counter(o for n, o in w.placements().items() if n.startswith('even'))
    expect(max(counts.values()) - min(counts.values()) <= 2 and len(counts) == 3, f"10 +- 1 each: {counts}")
    really = sorted(sum(n.startswith('even') for n in s.publishers()) for s in w.srs.values())
    expect(really == sorted(counts.values()), f"SRS says {really}")
    return f"30 publishes at once: {really} on 3 origins, by the control plane and by SRS"


@check
def load_is_seen(w):
    # SRS counts bytes of clients every few seconds.
    w.publish('loaded', kbps=2000)
    origin = w.owner('loaded')
    w.play('loaded', forwarder=1)

    def load():
        return w.ctl('origin', 'get', w.id_of(origin)).get('load', {})
    wait_for(lambda: load().get('streams') == 1 and load().get('players') == 1 and
             load().get('ingressBitsPerSecond', 0) > 5e5 and load().get('connections', 0) >= 2, 30,
             lambda: f'streams, players and rates: {load()}', poll=0.2)
    capacity = w.ctl('origin', 'get', w.id_of(origin)).get('capacity', {})
    # SRS's own 1000, less the room that is left below it.
    expect(capacity.get('connections') == 950, f'max_connections is known: {capacity}')
    seen = load()
    return (f'1 stream, 1 player, {seen["connections"]} of {capacity["connections"]} connections, '
            f'{seen["ingressBitsPerSecond"] / 1e6:.1f} Mbit/s in, cpu {seen.get("cpuUtilization", 0):.2f}')


# --- direct publishes

def adopted(w, name, srs, seconds=15):
    """Waits until the stream is held as `direct` by that origin."""
    def shown():
        return next((s['placement'] for key, s in w.streams().items()
                     if key.endswith(f'/live/{name}')), {})
    wait_for(lambda: 'direct' in shown().get('holder', {}) and shown()['origin'] == w.id_of(srs),
             seconds, lambda: f'{name} is adopted: {shown()}')


@check
def direct_publish_adopted(w):
    origin = w.srs['o2']
    tool = w.publish('direct', url=origin.url('direct'))
    began = time.monotonic()
    adopted(w, 'direct', origin)
    took = time.monotonic() - began
    w.play('direct', forwarder=1).wait_events('media', 1, 10)
    second = w.publish('direct', forwarder=0, wait=False, seconds=5)
    expect(second.wait_events('refused', 1, 5)[0]['code'] == 'NetStream.Publish.BadName',
           'a forwarder\'s publisher is the second one')
    expect(tool.events('closed') == [], 'the direct publisher goes on')
    w.end_tools()
    ended = time.monotonic()
    wait_for(lambda: 'direct' not in w.placements(), 20, 'released')
    return f'adopted after {took:.1f} s, released {time.monotonic() - ended:.1f} s after its end'


@check
def transcoded_stream_adopted(w):
    ffmpeg = shutil.which('ffmpeg')
    expect(ffmpeg, 'ffmpeg is not installed')
    origin = w.add('transcoding', transcode=ffmpeg)
    try:
        w.wait_state(origin, 'ALIVE', 15)
        w.only(origin)
        from harness.media import Publisher
        publisher = Publisher(w.dir, w.url('show'), name='show')
        w.tools.append(publisher)
        expect(w.owner('show') is origin, 'it is on the transcoding origin')
        began = time.monotonic()
        wait_for(lambda: 'show_hd' in origin.publishers(), 20, 'SRS\'s ffmpeg publishes show_hd')
        made = time.monotonic() - began
        adopted(w, 'show_hd', origin)
        w.play('show_hd', forwarder=1).wait_events('media', 1, 10)
        return (f'live/show_hd made by SRS ({made:.1f} s after live/show), adopted '
                f'{time.monotonic() - began - made:.1f} s later, played through a forwarder')
    finally:
        w.only()
        w.end_tools()
        origin.stop()
        w.wait_state(origin, 'DEAD', 10)


@check
def hooks_push(w):
    origin = w.add('hooked', hooks=True)
    try:
        w.wait_state(origin, 'ALIVE', 15)
        times = []
        for n in range(5):
            w.publish(f'pushed{n}', url=origin.url(f'pushed{n}'))
            began = time.monotonic()
            adopted(w, f'pushed{n}', origin)
            times.append(time.monotonic() - began)
        return f'direct publishes adopted {min(times):.2f} to {max(times):.2f} s after they began'
    finally:
        w.end_tools()
        origin.stop()
        w.wait_state(origin, 'DEAD', 10)


# --- fencing

def stale_tag(w, name):
    """The tag of a publisher that has ended, and the origin it was on."""
    tool = w.publish(name)
    origin = w.owner(name)
    tag = origin.publishers()[name]['swfUrl']
    tool.stop()
    wait_for(lambda: name not in origin.publishers(), 5, 'it has ended')
    return origin, tag.replace('weir:f0/', 'weir:gone/')


@check
def kick_of_a_stale_publisher(w):
    first, tag = stale_tag(w, 'stale')
    current = w.publish('stale')
    other = next(s for s in w.srs.values() if s is not w.owner('stale') and w.state_of(s) == 'ALIVE')
    began = time.monotonic()
    stale = w.publish('stale', url=other.url('stale'), swf_url=tag)
    stale.wait_events('closed', 1, 15)
    took = time.monotonic() - began
    expect(current.events('closed') == [], 'the owner goes on')
    untagged = w.publish('stale', url=other.url('stale'))
    time.sleep(3)  # what must not happen has no condition to wait for
    expect(untagged.events('closed') == [], 'an untagged publisher is never kicked')
    return f'kicked {took:.1f} s after it came; an untagged one stays'


@check
def busy_name_after_half_open(w):
    origin, tag = stale_tag(w, 'halfopen')
    w.publish('halfopen', url=origin.url('halfopen'), swf_url=tag)
    took = w.accepted_after('halfopen', time.monotonic())
    expect(took <= 6, f'accepted after {took:.1f} s')
    holders = [s.name for s in w.srs.values()
               if w.state_of(s) == 'ALIVE' and s.publishers().get('halfopen', {})
               .get('swfUrl', '').startswith('weir:f0/')]
    expect(len(holders) == 1, f'carried once: {holders}')
    return f'accepted {took:.2f} s after it asked, on {"the same" if holders[0] == origin.name else "another"} origin'


# --- faults

@check
def origin_restarted(w):
    origin = w.srs['o1']
    before, server = w.incarnation_of(origin), origin.server
    origin.stop()
    origin.start()
    began = time.monotonic()
    wait_for(lambda: w.incarnation_of(origin) != before and w.state_of(origin) == 'ALIVE', 20,
             'a new incarnation is alive')
    expect(origin.server == server and w.id_of(origin) == server, 'same id')
    return f'same id, new incarnation alive {time.monotonic() - began:.1f} s after SRS answered again'


@check
def origin_killed(w):
    first = w.publish('killed')
    origin = w.owner('killed')
    killed = origin.kill()
    first.wait_events('closed', 1, 5)
    took = w.accepted_after('killed', killed)
    elsewhere = w.owner('killed') is not origin
    w.wait_state(origin, 'DEAD', 5)
    dead = time.monotonic() - killed
    origin.start()
    w.wait_state(origin, 'ALIVE', 20)
    expect(elsewhere and took <= 1.0, f'accepted after {took:.2f} s, elsewhere: {elsewhere}')
    return f'accepted elsewhere {took:.2f} s after SIGKILL, seen dead by then or at most {dead:.2f} s'


@check
def origin_frozen(w):
    # Three at once: each is the least loaded origin's, so all three have one.
    streams = [f'frozen{n}' for n in range(3)]
    w.publish('frozen{n}', count=3)
    viewers = {n: w.play(n, forwarder=1) for n in streams}
    for viewer in viewers.values():
        viewer.wait_events('media', 1, 10)
    origin = w.owner('frozen0')
    beside = [viewers[n] for n in streams if w.owner(n) is not origin]
    expect(beside, 'others have streams')
    frozen = origin.freeze()
    try:
        w.wait_state(origin, 'DEAD', 8)
        verdict = time.monotonic() - frozen
        for viewer in beside:
            wait_more_frames(viewer, 3)
            expect(viewer.events('closed') == [], 'others play on')
        began = time.monotonic()
        w.publish('meanwhile', forwarder=0)
        took = time.monotonic() - began
        expect(w.owner('meanwhile') is not origin and took < 1, f'new ones go elsewhere: {took:.2f} s')
    finally:
        origin.thaw()
    w.wait_state(origin, 'ALIVE', 30)
    expect(verdict <= 4.5, f'verdict after {verdict:.1f} s')
    return f'dead {verdict:.1f} s after SIGSTOP, others play on, taken back after SIGCONT'


@check
def agent_killed(w):
    tool = w.publish('kept')
    w.owner('kept')
    before = w.placements()['kept'], {s.name: w.incarnation_of(s) for s in list(w.srs.values())[:3]}
    w.agent.kill()
    began = time.monotonic()
    w.start_agent()
    wait_for(lambda: w.ctl('cluster', 'status').get('agentsAttached') == 1 and
             all(w.state_of(s) == 'ALIVE' for s in list(w.srs.values())[:3]), 15, 'all are back')
    took = time.monotonic() - began
    after = w.placements()['kept'], {s.name: w.incarnation_of(s) for s in list(w.srs.values())[:3]}
    expect(before == after and tool.events('closed') == [], f'{before} became {after}')
    return f'same incarnations and placements {took:.1f} s after SIGKILL and restart'


@check
def clones_of_one_image(w):
    image = w.add('image')
    server = image.server
    image.stop()
    (image.dir / 'objs/srs.pid').unlink(missing_ok=True)
    clone = w.add_clone(image, 'clone')
    image.start()
    try:
        expect(image.server == clone.server == server, 'SRS keeps its id in objs/srs.id')
        for srs in (image, clone):
            w.wait_state(srs, 'ALIVE', 20)
        ids = {w.id_of(image), w.id_of(clone)}
        expect(len(ids) == 2 and server in ids, f'ids {ids}')
        w.only(image, clone)
        w.publish('cloned{n}', count=6)
        owners = {w.owner(f'cloned{n}').name for n in range(6)}
        expect(owners == {'image', 'clone'}, f'both are used: {owners}')
        taken = w.events('ORIGIN_ID_TAKEN')
        expect(taken, 'an event says so')
        return f'ids {sorted(ids)}, both used; event: {taken[0].get("message", "")}'
    finally:
        w.only()
        w.end_tools()
        for srs in (image, clone):
            srs.stop()


@check
def mistakes_are_told(w):
    silent = w.add('portless', ports='off')
    wait_for(lambda: 'port' in w.agent.text() and silent.server in w.agent.text(), 10,
             lambda: f'the agent says that there are no ports: {w.agent.tail(5)}')
    expect(w.id_of(silent) is None, 'it is not registered')
    silent.stop()
    register = f'127.0.0.1:{free_port()}'
    # An address of documentation: nobody answers there, and nobody has to.
    agent = Process('remote-agent', [
        BIN / 'weir-origin-agent', '--controlplane', '198.51.100.1:7400', '--id', 'a2', '--insecure',
        '--srs-register', register, '--admin', f'127.0.0.1:{free_port()}',
        '--state-dir', w.dir / 'remote-agent'], w.dir)
    w.extra.append(agent)
    wait_listening(register)
    near = RealSrs(Path(SRS), w.dir, 'near')
    w.extra.append(near)
    near.as_origin(register, listen=f'127.0.0.1:{near.port}').start()
    line = wait_for(lambda: [x for x in agent.text().splitlines() if f'127.0.0.1:{near.port}' in x],
                    10, lambda: f'the agent says what is wrong: {agent.tail(5)}')[0]
    return f'no ports, and loopback with a remote control plane: {line.split(": ", 1)[-1]}'


# --- edges

def forwarders_of(w, name, intent):
    """Forwarders with a session of it, the edge's leg; one that was killed is listed for a while."""
    return {int(session['forwarder'][1:]) for session in w.ctl('session', 'list').get('sessions', [])
            if session['stream'].endswith(f'/{name}') and session['intent'] == intent}


def kill_forwarder(w, index):
    w.forwarders[index].signal(signal.SIGKILL)
    return time.monotonic()


@check
def edge_plays_through_haproxy(w):
    edge = w.edge(EDGE, w.haproxy(), 'edge-play')
    w.publish('watched', url=w.srs['o3'].url('watched'))  # a publisher that no forwarder's end touches
    adopted(w, 'watched', w.srs['o3'])
    viewer = w.play('watched', url=edge.url('watched'))
    viewer.wait_events('media', 1, 15)
    wait_more_frames(viewer, 5)
    leg = wait_for(lambda: list(forwarders_of(w, 'watched', 'INTENT_PLAY')), 5,
                   'the edge\'s leg is listed')[0]
    time.sleep(1)
    killed = kill_forwarder(w, leg)
    time.sleep(0.3)  # frames that the edge had in hand
    took = wait_more_frames(viewer, 30, since=killed)
    expect(viewer.events('closed') == [], 'the viewer of the edge stays')
    w.start_forwarder(leg)
    return f'the edge\'s viewer has media again {took:.1f} s after its forwarder was killed'


@check
def edge_publishes_through_haproxy(w):
    edge = w.edge(EDGE, w.haproxy(), 'edge-publish')
    tool = w.publish('ingested', url=edge.url('ingested'), retry=True)
    viewer = w.play('ingested', forwarder=0)
    viewer.wait_events('media', 1, 15)
    leg = wait_for(lambda: list(forwarders_of(w, 'ingested', 'INTENT_PUBLISH')), 5,
                   'the edge\'s leg is listed')[0]
    owner = w.owner('ingested')
    killed = kill_forwarder(w, leg)
    wait_for(lambda: 1 - leg in forwarders_of(w, 'ingested', 'INTENT_PUBLISH'), 40,
             'the other forwarder has the edge\'s publisher', poll=0.1)
    placed = time.monotonic() - killed
    watcher = w.play('ingested', forwarder=1 - leg)
    watcher.wait_events('media', 1, 20)
    took = time.monotonic() - killed
    moved = w.owner('ingested') is not owner
    again = len(tool.events('accepted')) - 1
    w.start_forwarder(leg)
    return (f'published through the other forwarder {placed:.1f} s after the kill, played {took:.1f} s '
            f'after it; owner {"changed" if moved else "kept"}; the encoder reconnected {again} times')


# --- many

def cpu_share(pids, seconds):
    began = time.monotonic()
    before = sum(watched.cpu_seconds(p) for p in pids)
    time.sleep(seconds)
    return (sum(watched.cpu_seconds(p) for p in pids) - before) / (time.monotonic() - began)


def many(origins, seconds):
    """Yields (name, figures or exception) of a cluster of its own."""
    program = Path(SRS)
    with WeirOfSrs(program, origins=0, interval=9) as w:
        began = time.monotonic()
        for n in range(origins):
            srs = w.srs[f'm{n}'] = RealSrs(program, w.dir, f'm{n}').as_origin(w.register, interval=9)
            srs.start(wait=False)
        started = time.monotonic() - began
        w.wait_origins(origins, 60)
        took = time.monotonic() - began
        yield 'many_register', took <= 15 + started, (
            f'{origins} origins (heartbeat 9 s) live {took:.1f} s after the first and '
            f'{took - started:.1f} s after the last was started')
        tools = [w.publish('burst%d-{n}' % f, forwarder=f, wait=False, count=origins // 2) for f in (0, 1)]
        for tool in tools:
            tool.wait_events('accepted', origins // 2, 30)
        per = Counter(w.placements().values())
        spread = Counter(per.get(w_id, 0) for w_id in w.origin_states())
        really = Counter(len(s.publishers()) for s in w.srs.values())
        yield 'many_publish', max(spread) <= 2 and max(really) <= 2 and sum(per.values()) == origins, (
            f'{origins} publishes at once: streams per origin {dict(spread)}, by SRS {dict(really)}')
        w.end_tools()
        wait_for(lambda: not w.placements(), 30, 'all ended')
        pids = [s.process.pid for s in w.srs.values()]
        time.sleep(5)
        agent_began, began = watched.cpu_seconds(w.agent.pid), time.monotonic()
        polled = cpu_share(pids, seconds)
        agent = (watched.cpu_seconds(w.agent.pid) - agent_began) / (time.monotonic() - began)
        resident = watched.resident_kib(w.agent.pid) / 1024
        yield 'many_agent_cost', agent <= 0.05 and resident <= 60, (
            f'agent of {origins} idle origins: {agent:.2%} of a core over {seconds} s, {resident:.1f} MiB')
        w.agent.stop()
        time.sleep(3)
        alone = cpu_share(pids, seconds)
        cost = (polled - alone) / origins
        yield 'many_origin_cost', cost <= 0.002, (
            f'an idle origin: {polled / origins:.3%} of a core with the agent, {alone / origins:.3%} '
            f'without: {cost:.3%} by polling')
        w.start_agent()
        wait_for(lambda: list(w.origin_states().values()).count('ALIVE') == origins, 30, 'all are back')


# --- running them

class Report:
    def __init__(self):
        self.passed, self.failed = 0, []

    def line(self, name, good, text):
        print(f'{"PASS" if good else "FAIL"} {name}: {text}', flush=True)
        if good:
            self.passed += 1
        else:
            self.failed.append(name)


def run_shared(checks, report):
    with WeirOfSrs(Path(SRS)) as w:
        for one in checks:
            try:
                report.line(one.__name__, True, one(w))
            except Exception as error:  # a check that fails must not keep the others from running
                report.line(one.__name__, False, f'{type(error).__name__}: {error}')
                if os.environ.get('WEIR_TRACE'):
                    traceback.print_exc()
            try:
                w.end_tools()
                recover(w)
            except Exception as error:
                report.line(f'{one.__name__}_cleanup', False, str(error))
                break
        if report.failed and os.environ.get('WEIR_TRACE'):
            for process in (w.controlplane, w.agent, *w.forwarders):
                print(f'---- {process.name}\n{process.tail(30)}', file=sys.stderr)


def recover(w):
    """What the next check may rely on: three live origins, two forwarders, nothing published."""
    for index, forwarder in enumerate(w.forwarders):
        if not forwarder.running():
            w.start_forwarder(index)
    if not w.agent.running():
        w.start_agent()
    for name in ('o1', 'o2', 'o3'):
        srs = w.srs[name]
        if not srs.process.running():
            srs.start()
        srs.thaw()
        w.wait_state(srs, 'ALIVE', 30)
    wait_for(lambda: not w.placements(), 40, lambda: f'nothing is published: {w.placements()}')


def version(program):
    done = subprocess.run([program, '-v'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=10)
    return done.stdout.strip().splitlines()[-1]


def main():
    options = argparse.ArgumentParser()
    options.add_argument('--list', action='store_true')
    options.add_argument('--only', action='append', default=[])
    options.add_argument('--origins', type=int, default=200)
    options.add_argument('--seconds', type=int, default=60, help='of each measurement of cost')
    given = options.parse_args()
    if given.list:
        print('\n'.join([c.__name__ for c in CHECKS] + ['many']))
        return 0
    report = Report()
    print(f'origins: SRS {version(SRS)}; edges: SRS {version(EDGE)}; {os.cpu_count()} cores', flush=True)
    chosen = [c for c in CHECKS if not given.only or any(t in c.__name__ for t in given.only)]
    if chosen:
        try:
            run_shared(chosen, report)
        except Exception as error:
            report.line('cluster', False, str(error))
    if not given.only or any(t in 'many' for t in given.only):
        try:
            for name, good, text in many(given.origins, given.seconds):
                report.line(name, good, text)
        except Exception as error:
            report.line('many', False, str(error))
    print(f'{report.passed} passed, {len(report.failed)} failed', flush=True)
    return 1 if report.failed else 0


if __name__ == '__main__':
    sys.exit(main())
