"""
One side of a duet: a process with the micro-benchmarks of one tree, and its answers.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from agent_perf.suite.duet_worker import Answer, Demand
from agent_perf.suite.lines import Lines
from agent_perf.suite.tree import Tree


class SideBroken(Exception):
    """A side has no answer; caught where it is known what that means for a benchmark."""


class Side:
    """
    A duet worker on one tree.

    Args:
        tree: What it measures.
        package: The benchmark package.
        time_limit_s: Real seconds for one answer.
    """

    def __init__(self, tree: Tree, package: str, time_limit_s: float) -> None:
        self.tree = tree
        self._package = package
        self._time_limit_s = time_limit_s
        self._process: subprocess.Popen[bytes] | None = None
        self._wanted: tuple[str, ...] = ()
        self._core = 0

    def start(self, wanted: Sequence[str]) -> None:
        """Start a fresh process that finds *wanted*, or all if empty; ``found`` waits for it."""
        self.stop()
        self._wanted = tuple(wanted)
        self._process = _start(self.tree)
        root = str(self.tree.root)
        self._send(Demand(kind="find", root=root, package=self._package, names=self._wanted))

    def found(self) -> tuple[str, ...]:
        """Return the benchmarks that the process found."""
        return self._receive().names

    def pin(self, core: int) -> None:
        """
        Keep the process on one core, where the system can do that.

        Both sides are on the same one: they take turns, and what else runs on the machine
        slows one core and spares another.
        """
        self._core = core
        if self._process is not None and hasattr(os, "sched_setaffinity"):
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(self._process.pid, {core})

    def ask(self, demand: Demand) -> Answer:
        """Return the answer to *demand*; a process that died before gets a successor."""
        if self._process is None:
            self.start(self._wanted)
            self.found()
            self.pin(self._core)
        self._send(demand)
        return self._receive()

    def stop(self) -> None:
        """End the process and what it started."""
        process, self._process = self._process, None
        if process is None:
            return
        with process, contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    def _send(self, demand: Demand) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        # A process that is gone is found out when its answer is waited for.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(msgspec.json.encode(demand) + b"\n")
            self._process.stdin.flush()

    def _receive(self) -> Answer:
        process, limit_s = self._process, self._time_limit_s
        assert process is not None
        assert process.stdout is not None
        line = Lines(process.stdout.fileno()).next(limit_s)
        if not line:
            # Dead, or it would give this answer to the next demand: of no more use.
            self.stop()
            raise SideBroken(
                f"no answer within {limit_s:g} s" if line is None else "the process crashed"
            )
        answer = msgspec.json.decode(line, type=Answer)
        if answer.error:
            raise SideBroken(answer.error)
        return answer


def _start(tree: Tree) -> subprocess.Popen[bytes]:
    harness = str(Path(__file__).parents[2])
    path = [*(str(folder) for folder in tree.path), harness]
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "agent_perf.suite.duet_worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=tree.root,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path)},
        start_new_session=True,
    )
