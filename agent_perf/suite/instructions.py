"""
Counts the instructions of micro-benchmarks of base and head under callgrind.
"""

from __future__ import annotations

import os
import platform
import queue
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

from agent_perf.errors import UsageError
from agent_perf.records import Failure, InstructionCount, InstructionRun, matches
from agent_perf.scrubbing import harmless
from agent_perf.suite.callgrind import is_known_machine
from agent_perf.suite.instruction_side import (
    InstructionSide,
    NoCount,
    without_randomised_addresses,
)
from agent_perf.suite.tree import Tree

_HASH_SEEDS: Final = (0, 1)
"""Of the first count, and of the one that must uphold it."""

_LANES_MAX: Final = 8
"""Each lane keeps two or more processes of some hundred megabytes."""

SideName = Literal["base", "head"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CountPlan:
    """
    What is counted.

    Attributes:
        base: Tree of the base.
        head: Tree of the head.
        package: The benchmark package.
        only: Sets of patterns: a benchmark is counted that matches one of each set; an
            empty set holds all.
        time_limit_s: Real seconds for one count of one side.
        lanes: Benchmarks counted at a time, >= 1.
    """

    base: Tree
    head: Tree
    package: str
    only: tuple[tuple[str, ...], ...] = ()
    time_limit_s: float
    lanes: int = max(1, min(_LANES_MAX, os.cpu_count() or 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class InstructionCounts:
    """What came of it: counts by benchmark, by name, and what gave none."""

    runs: tuple[InstructionRun, ...]
    failures: tuple[Failure, ...]


def require_callgrind() -> None:
    """
    Return if instructions can be counted here.

    Raises:
        UsageError: If valgrind is not installed or does not start, or the machine is none
            that it can be asked on.
    """
    if not is_known_machine(platform.machine()):
        raise UsageError(
            f"instructions cannot be counted on {platform.machine()}; on x86_64 and aarch64 they "
            "can: leave --instructions out"
        )
    if shutil.which("valgrind") is None:
        raise UsageError(
            "instructions are counted by valgrind, which is not installed: install the package "
            "`valgrind` (apt-get, dnf, pacman, apk: the name is the same), or leave "
            "--instructions out"
        )
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--version"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise UsageError(
            f"valgrind does not start ({done.stderr.strip()}); mend its installation, or leave "
            "--instructions out"
        )


def count_instructions(
    plan: CountPlan,
    *,
    wants_second: Callable[[InstructionRun], bool],
    tell: Callable[[str], None],
) -> InstructionCounts:
    """
    Return the instructions of the micro-benchmarks that base and head share.

    Args:
        plan: What is counted.
        wants_second: Whether a run is to be counted again under another hash seed.
        tell: Told of the beginning, and of each benchmark that is through; from threads.

    Raises:
        UsageError: As require_callgrind.
    """
    require_callgrind()
    with tempfile.TemporaryDirectory(prefix="agent-perf-") as folder:
        work = _Work(plan=plan, folder=Path(folder), wants_second=wants_second, tell=tell)
        names = _shared(work)
        if names:
            tell(
                f"counting the instructions of {len(names)} benchmarks, {plan.lanes} at a time: "
                "this takes 50 to 160 times as long as to run them"
            )
            if not without_randomised_addresses():
                tell(
                    "addresses stay randomised: setarch is not installed, or this system forbids "
                    "it to switch that off; valgrind lays out memory by itself all the same"
                )
            _run_lanes(work, names)
    found = {run.benchmark: run for run in work.runs}
    return InstructionCounts(
        runs=tuple(found[name] for name in names if name in found),
        # Lanes take them down in an order of their own.
        failures=tuple(sorted(work.failures, key=lambda one: one.benchmark)),
    )


@dataclass(slots=True)
class _Work:
    plan: CountPlan
    folder: Path
    wants_second: Callable[[InstructionRun], bool]
    tell: Callable[[str], None]
    runs: list[InstructionRun] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def tree(self, side: SideName) -> Tree:
        return self.plan.base if side == "base" else self.plan.head

    def fail(self, name: str, side: SideName, error: NoCount) -> None:
        self.failures.append(
            Failure(
                benchmark=name,
                commit=self.tree(side).commit,
                category=error.broken.category,
                message=harmless(error.broken.message),
                traceback=harmless(error.broken.traceback),
            )
        )


class _Lane:
    """Two processes or more that one thread asks: a side for each tree and hash seed."""

    def __init__(self, work: _Work, names: Sequence[str]) -> None:
        self._work = work
        self._names = names
        self._sides: dict[tuple[SideName, int], InstructionSide] = {}

    def count(self, name: str) -> None:
        """Count *name* on both sides, again if it must be, and take down what came of it."""
        work = self._work
        try:
            run = self._count(name, 0, 0)
            if run is not None and work.wants_second(run):
                again = self._count(name, 1, run.repetitions)
                run = again and replace(run, again=again.first)
        except UsageError:
            work.stop.set()
            raise
        if run is not None:
            work.runs.append(run)
            work.tell(f"{name}: {run.first.base:,.0f} -> {run.first.head:,.0f} instructions")

    def _count(self, name: str, turn: int, repetitions: int) -> InstructionRun | None:
        counts: dict[SideName, float] = {}
        order: tuple[SideName, ...] = ("base", "head")
        for side in order:
            # Both import at the same time.
            self._side(side, _HASH_SEEDS[turn])
        for side in order:
            try:
                answer = self._side(side, _HASH_SEEDS[turn]).count(name, repetitions)
            except NoCount as error:
                self._work.fail(name, side, error)
                return None
            counts[side], repetitions = answer.instructions, answer.repetitions
        first = InstructionCount(
            base=counts["base"], head=counts["head"], hash_seed=_HASH_SEEDS[turn]
        )
        return InstructionRun(benchmark=name, first=first, repetitions=repetitions)

    def _side(self, name: SideName, hash_seed: int) -> InstructionSide:
        key = name, hash_seed
        if key not in self._sides:
            plan = self._work.plan
            side = InstructionSide(
                self._work.tree(name),
                package=plan.package,
                names=self._names,
                folder=self._work.folder,
                hash_seed=hash_seed,
                time_limit_s=plan.time_limit_s,
                stop=self._work.stop,
            )
            self._sides[key] = side
            side.start()
        return self._sides[key]

    def close(self) -> None:
        """End the processes."""
        for side in self._sides.values():
            side.close()


def _run_lanes(work: _Work, names: Sequence[str]) -> None:
    todo: queue.SimpleQueue[str] = queue.SimpleQueue()
    for name in names:
        todo.put(name)

    def run_lane() -> None:
        lane = _Lane(work, names)
        try:
            while not work.stop.is_set():
                lane.count(todo.get_nowait())
        except queue.Empty:
            pass
        finally:
            lane.close()

    lanes = min(work.plan.lanes, len(names))
    with ThreadPoolExecutor(max_workers=lanes) as pool:
        try:
            for future in [pool.submit(run_lane) for _ in range(lanes)]:
                future.result()
        except BaseException:
            # Without this, leaving the pool would wait for all that is left.
            work.stop.set()
            raise


def _shared(work: _Work) -> list[str]:
    """Return the benchmarks that both sides have and the plan wants, found without valgrind."""
    plan = work.plan
    found: dict[SideName, tuple[str, ...]] = {}
    order: tuple[SideName, ...] = ("base", "head")
    sides = {
        name: InstructionSide(
            work.tree(name), package=plan.package, time_limit_s=plan.time_limit_s, stop=work.stop
        )
        for name in order
    }
    try:
        for side in sides.values():
            side.start()
        for name in order:
            try:
                found[name] = sides[name].names()
            except NoCount as error:
                work.fail(plan.package, name, error)
                return []
    finally:
        for side in sides.values():
            side.close()
    return [
        name
        for name in found["base"]
        if name in found["head"]
        and all(not some or any(matches(name, one) for one in some) for some in plan.only)
    ]
