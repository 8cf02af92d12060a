"""
Sets workers to trees, and hands on what they tell.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Final

import msgspec

from agent_perf.decoding import decoder_of
from agent_perf.records import Failure, Tier
from agent_perf.scrubbing import harmless
from agent_perf.sim import CpuMode
from agent_perf.suite.lines import Lines
from agent_perf.suite.tree import Tree
from agent_perf.suite.worker import Event, Order

_GRACE_S: Final = 10.0
"""Beyond a benchmark's own limit, for the worker to notice and say so itself."""

_STDERR_CHARS: Final = 2000


def measure_tree(  # noqa: PLR0913  # The order, item by item.
    tree: Tree,
    *,
    package: str,
    time_limit_s: float,
    stored: Sequence[str] = (),
    only: Sequence[str] = (),
    leave: Sequence[str] = (),
    imports: Sequence[str] = (),
    cpu: CpuMode | None = None,
    tier: Tier = Tier.CLIENT,
    resources_interval_s: float | None = None,
    times: int = 1,
    core: int | None = None,
    stop: threading.Event | None = None,
    environ: Mapping[str, str] | None = None,
) -> Generator[Event, None, None]:
    """
    Yield what happens while the benchmarks of *tree* run in a fresh process.

    Whatever goes wrong with the process comes as a ``failed`` event, once for each
    benchmark that is still owed; the process is gone when the iterator is.

    Args:
        tree: From lay_out.
        package: The benchmark package, relative to the tree's root.
        time_limit_s: Real seconds for one benchmark, and for importing them all.
        stored: As in Order.
        only: As in Order.
        leave: As in Order.
        imports: As in Order.
        cpu: As in Order.
        tier: As in Order.
        resources_interval_s: As in Order.
        times: As in Order.
        core: As in Order: with one, a benchmark begins when its event is asked for.
        stop: When set, the process is ended and nothing more is yielded.
        environ: Environment variables of the process, over those of this one.
    """
    order = Order(
        commit=tree.commit,
        root=str(tree.root),
        package=package,
        stored=tuple(stored),
        only=tuple(only),
        leave=tuple(leave),
        imports=tuple(imports),
        time_limit_s=time_limit_s,
        cpu=cpu,
        tier=tier,
        resources_interval_s=resources_interval_s,
        times=times,
        core=core,
    )
    with tempfile.TemporaryFile() as stderr, _start(tree, stderr, environ or {}) as process:
        try:
            assert process.stdin is not None
            process.stdin.write(msgspec.json.encode(order) + b"\n")
            if core is None:
                process.stdin.close()
            else:
                process.stdin.flush()
            yield from _events(process, order, stderr, stop or threading.Event())
        finally:
            _end(process)


def _start(tree: Tree, stderr: IO[bytes], more: Mapping[str, str]) -> subprocess.Popen[bytes]:
    harness = str(Path(__file__).parents[2])
    path = [*(str(folder) for folder in tree.path), harness]
    # Sets of strings follow the hash seed, and what an app does may follow such a set.
    own = {"PYTHONPATH": os.pathsep.join(path)}
    environ = {"PYTHONHASHSEED": "0", **os.environ, **more, **own}
    return subprocess.Popen(
        # -P: the current folder must not come before the tree's own path.
        [sys.executable, "-P", "-m", "agent_perf.suite.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        cwd=tree.root,
        env=environ,
        start_new_session=True,
    )


def _events(
    process: subprocess.Popen[bytes], order: Order, stderr: IO[bytes], stop: threading.Event
) -> Iterator[Event]:
    owed: dict[str, None] = {order.package: None}
    assert process.stdout is not None
    lines = Lines(process.stdout.fileno(), stop)
    while (line := lines.next(order.time_limit_s + _GRACE_S)) is not None:
        if not line:
            break
        event = decoder_of(Event).decode(line)
        if event.kind == "found":
            owed = dict.fromkeys(event.names)
        elif event.kind in {"run", "failed"}:
            owed.pop(event.names[0], None)
        elif event.kind == "kept":
            owed.pop(event.names[0].rsplit("-py", 1)[0], None)
        yield event
        if order.core is not None and event.kind in {"imports", "run", "failed"}:
            _give_turn(process)
    if stop.is_set():
        return
    for name in owed:
        yield Event(kind="failed", names=(name,), failure=_owed(order, name, line is None, stderr))


def _give_turn(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    # A process that is gone is found out when its next event is waited for.
    with contextlib.suppress(BrokenPipeError):
        # Past the buffer, which would try again when it is closed.
        os.write(process.stdin.fileno(), b"\n")


def _owed(order: Order, name: str, hung: bool, stderr: IO[bytes]) -> Failure:
    stderr.seek(0)
    said = harmless(stderr.read().decode("utf-8", "replace")[-_STDERR_CHARS:])
    return Failure(
        benchmark=name,
        commit=order.commit,
        category="time limit" if hung else "crashed",
        message=(
            f"no answer from the process for {order.time_limit_s + _GRACE_S:g} s"
            if hung
            else "the process ended before it got here"
        ),
        traceback=said,
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
