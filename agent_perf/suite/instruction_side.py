"""
A process with the micro-benchmarks of one tree, under callgrind or plain, and its answers.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from agent_perf.decoding import decoder_of
from agent_perf.suite.fork import Broken
from agent_perf.suite.instruction_worker import CountAnswer, CountDemand
from agent_perf.suite.lines import Lines
from agent_perf.suite.tree import Tree

_GRACE_S: Final = 60.0
"""Beyond the limit of a count: for the import, which valgrind makes some five times slower."""

_STDERR_CHARS: Final = 2000


class NoCount(Exception):
    """A side has no answer; caught where it is known what that means for a benchmark."""

    def __init__(self, broken: Broken) -> None:
        super().__init__(broken.message)
        self.broken = broken


class InstructionSide:
    """
    An instruction worker on one tree.

    Args:
        tree: What it counts.
        package: The benchmark package.
        names: Benchmarks wanted; empty: all.
        folder: Where callgrind writes; None: the worker runs plain, and can only tell names.
        hash_seed: What it has as PYTHONHASHSEED.
        time_limit_s: Real seconds for one count.
        stop: When set, waiting for an answer ends.
    """

    def __init__(
        self,
        tree: Tree,
        *,
        package: str,
        names: Sequence[str] = (),
        folder: Path | None = None,
        hash_seed: int = 0,
        time_limit_s: float,
        stop: threading.Event,
    ) -> None:
        self._tree = tree
        self._order = CountDemand(
            root=str(tree.root),
            package=package,
            names=tuple(names),
            folder=str(folder or ""),
            time_limit_s=time_limit_s,
        )
        self._command = _command(folder)
        self._hash_seed = hash_seed
        self._stop = stop
        self._found: tuple[str, ...] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the side)

    def start(self) -> None:
        """Start the process, which begins to import; nothing is waited for."""
        harness = str(Path(__file__).parents[2])
        path = [*(str(folder) for folder in self._tree.path), harness]
        environ = {"PYTHONPATH": os.pathsep.join(path), "PYTHONHASHSEED": str(self._hash_seed)}
        self._process = subprocess.Popen(
            [*self._command, sys.executable, "-P", "-m", "agent_perf.suite.instruction_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            cwd=self._tree.root,
            env=os.environ | environ,
            start_new_session=True,
        )
        self._found = None
        self._send(self._order)

    def names(self) -> tuple[str, ...]:
        """
        Return the benchmarks that can be counted.

        Raises:
            NoCount: If they cannot be imported.
        """
        if self._found is None:
            self._found = self._receive().names
        return self._found

    def count(self, name: str, repetitions: int) -> CountAnswer:
        """
        Return the instructions of *name*; a process that died before gets a successor.

        Args:
            name: As names has it.
            repetitions: As in CountDemand.

        Raises:
            NoCount: If there is none.
        """
        if self._process is None:
            self.start()
        self.names()
        self._send(replace(self._order, name=name, repetitions=repetitions))
        return self._receive()

    def close(self) -> None:
        """End the process and what it started."""
        self._end()
        self._stderr.close()

    def _send(self, demand: CountDemand) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        # A process that is gone is found out when its answer is waited for.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(msgspec.json.encode(demand) + b"\n")
            self._process.stdin.flush()

    def _receive(self) -> CountAnswer:
        process, limit_s = self._process, self._order.time_limit_s + _GRACE_S
        assert process is not None
        assert process.stdout is not None
        line = Lines(process.stdout.fileno(), self._stop).next(limit_s)
        if not line:
            # Dead, or it would give this answer to the next demand: of no more use.
            self._end()
            raise NoCount(self._silence(line is None, limit_s))
        answer = decoder_of(CountAnswer).decode(line)
        if answer.error is not None:
            raise NoCount(answer.error)
        return answer

    def _silence(self, hung: bool, limit_s: float) -> Broken:
        self._stderr.seek(0)
        return Broken(
            category="time limit" if hung else "crashed",
            message=f"no answer within {limit_s:g} s" if hung else "the process ended",
            traceback=self._stderr.read().decode("utf-8", "replace")[-_STDERR_CHARS:],
        )

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with process, contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _command(folder: Path | None) -> list[str]:
    """Return what Python is started with: callgrind, which begins when it is told to."""
    if folder is None:
        return []
    return [
        *without_randomised_addresses(),
        "valgrind",
        "--quiet",
        "--tool=callgrind",
        "--instr-atstart=no",
        "--dump-line=no",
        # Of each fork, by its process id.
        f"--callgrind-out-file={folder}/%p",
    ]


@cache
def without_randomised_addresses() -> tuple[str, ...]:
    """Return the command that switches their randomisation off; nothing where it may not."""
    # Containers often forbid it. Valgrind lays out memory by itself: counts with and without
    # agreed to the same digits.
    command = ("setarch", platform.machine(), "--addr-no-randomize")
    if shutil.which(command[0]) is None:
        return ()
    done = subprocess.run([*command, "true"], capture_output=True, check=False)
    return command if done.returncode == 0 else ()
