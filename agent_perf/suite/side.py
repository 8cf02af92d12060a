"""
One side of a duet: a process with the micro-benchmarks of one tree, and its answers.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

import msgspec

from agent_perf.decoding import decoder_of
from agent_perf.scrubbing import harmless
from agent_perf.suite.duet_worker import Answer, Demand
from agent_perf.suite.lanes import Item
from agent_perf.suite.lines import Lines
from agent_perf.suite.tree import Tree

_STDERR_CHARS: Final = 2000


class SideBroken(Exception):
    """
    A side has no answer; caught where it is known what that means for a benchmark.

    Attributes:
        category: As in records.Failure.
        traceback: What the process said last; may be empty.
    """

    def __init__(self, message: str, *, category: str, traceback: str = "") -> None:
        super().__init__(harmless(message))
        self.category = category
        self.traceback = harmless(traceback)


class Side:
    """
    A duet worker on one tree.

    Args:
        tree: What it measures.
        package: The benchmark package.
        time_limit_s: Real seconds for one answer.
        hash_seed: Of the process. It decides in which order sets of strings are walked and
            how full a dictionary's slots collide: equal on both sides of a round, and
            another in each, it averages out instead of speaking for one side.
        stop: When set, waiting for an answer ends as if the process had ended.
    """

    def __init__(
        self, tree: Tree, package: str, time_limit_s: float, hash_seed: int, stop: threading.Event
    ) -> None:
        self.tree = tree
        self._package = package
        self._time_limit_s = time_limit_s
        self._hash_seed = hash_seed
        self._stop = stop
        self._process: subprocess.Popen[bytes] | None = None
        self._stderr: IO[bytes] | None = None
        self._wanted: tuple[str, ...] = ()
        self._core: int | None = None

    def start(self, wanted: Sequence[str]) -> None:
        """Start a fresh process that finds *wanted*, or all if empty; ``found`` waits for it."""
        self.stop()
        self._wanted = tuple(wanted)
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 (closed by stop)
        self._process = start_worker(
            self.tree, "agent_perf.suite.duet_worker", self._hash_seed, self._stderr
        )
        root = str(self.tree.root)
        self._send(Demand(kind="find", root=root, package=self._package, names=self._wanted))

    def found(self) -> tuple[Item, ...]:
        """Return the benchmarks that the process found."""
        return self._receive().found

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
            if self._core is not None:
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
        assert self._stderr is not None
        self._stderr.close()

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
        line = Lines(process.stdout.fileno(), self._stop).next(limit_s)
        if not line:
            said = self._said()
            # Dead, or it would give this answer to the next demand: of no more use.
            self.stop()
            if line is None:
                message, category = f"no answer within {limit_s:g} s", "time limit"
            else:
                message, category = "the process crashed", "crashed"
            raise SideBroken(message, category=category, traceback=said)
        answer = decoder_of(Answer).decode(line)
        if answer.error:
            raise SideBroken(answer.error, category="raised", traceback=answer.traceback)
        return answer

    def _said(self) -> str:
        assert self._stderr is not None
        self._stderr.seek(0)
        return self._stderr.read().decode("utf-8", "replace")[-_STDERR_CHARS:]


def start_worker(
    tree: Tree, module: str, hash_seed: int, stderr: IO[bytes] | int
) -> subprocess.Popen[bytes]:
    """Start *module* on *tree*, in a process group of its own, with pipes for demand and answer."""
    harness = str(Path(__file__).parents[2])
    path = [*(str(folder) for folder in tree.path), harness]
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        cwd=tree.root,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path), "PYTHONHASHSEED": str(hash_seed)},
        start_new_session=True,
    )
