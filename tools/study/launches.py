"""
Fresh processes of the study, and the designs they are run in.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tools.study.machine import FIELDS, reading
from tools.study.workloads import WORKLOADS

VARIANTS: Final[Mapping[str, tuple[int, int]]] = {
    "base": (0, 0),
    "same": (0, 0),
    "+5": (5, 0),
    "+10": (10, 0),
    "+15": (15, 0),
    "+20": (20, 0),
    "+30": (30, 0),
    "tail": (0, 8),
}
"""Name to per cent more in every call, and per cent of the calls that do all twice."""

BLOCKS: Final = 20
BLOCK_CALLS: Final = 10
"""As the product measures what takes 200 µs: 200 calls a round, in blocks of 2 to 3 ms."""

SOLO_CALLS: Final = 1_000
"""A launch by itself, .25 s: ten of asv's samples of 10 ms, and as much again and more."""

READY_CALLS: Final = 10
SOLO_READY_CALLS: Final = 400
"""Discarded, 0.1 s: asv's default ``warmup_time``."""

CLOCKS: Final = ("wall", "cpu")

Calls = NDArray[np.int32]
"""Nanoseconds of single calls, after a leading axis for the clocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """What differs between launches: seed of string hashes, core, seed of the tail's draws."""

    hash_seed: int
    core: int
    seed: int


class Launch:
    """A process that runs calls of one variant when told to."""

    def __init__(self, variant: str, spread: Spread) -> None:
        percent, tail_percent = VARIANTS[variant]
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tools.study.worker"),
                *(str(percent), str(tail_percent), str(spread.seed)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONHASHSEED": str(spread.hash_seed)},
        )
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(self._process.pid, {spread.core})

    def run(self, workload: str, calls: int) -> Calls:
        """Return (2, *calls*) nanoseconds, by wall and by CPU clock."""
        self._tell(f"{workload} {calls}\n")
        stdout = self._process.stdout
        assert stdout is not None
        answer = stdout.read(16 * calls)
        if len(answer) != 16 * calls:
            raise RuntimeError(f"a launch of {workload} ended with code {self._process.wait()}")
        spent_ns = np.frombuffer(answer, np.int64).reshape(2, calls)
        # Two seconds are as much too long for a call of 300 µs as an hour.
        return np.minimum(spent_ns, np.iinfo(np.int32).max).astype(np.int32)

    def freeze(self) -> None:
        """Spare the garbage collector what there is, as the product does after imports."""
        self._tell("freeze 0\n")

    def stop(self) -> None:
        """End the process."""
        with self._process:
            self._process.kill()

    def _tell(self, line: str) -> None:
        stdin = self._process.stdin
        assert stdin is not None
        stdin.write(line.encode())
        stdin.flush()


def duet_round(variants: Sequence[str], dice: random.Random) -> tuple[Calls, NDArray[np.float64]]:
    """
    Return one round of *variants*, a fresh process each, interleaved in small blocks.

    As the product does it: all on one core, hash seed of the round, order of turns drawn for
    each block.

    Returns:
        (2 clocks, variants, workloads, blocks, calls of a block) nanoseconds; and what the
        machine did meanwhile, (workloads, machine.FIELDS).
    """
    shape = (2, len(variants), len(WORKLOADS), BLOCKS, BLOCK_CALLS)
    spent_ns = np.zeros(shape, np.int32)
    machine = np.zeros((len(WORKLOADS), len(FIELDS)))
    hash_seed, core = dice.getrandbits(32), dice.choice(_cores())
    with _launched(variants, hash_seed, core, dice) as launches:
        for launch in launches:
            launch.freeze()
        for at in dice.sample(range(len(WORKLOADS)), len(WORKLOADS)):
            workload, before = WORKLOADS[at], reading()
            for launch in launches:
                launch.run(workload, READY_CALLS)
                launch.freeze()
            for block in range(BLOCKS):
                for turn in dice.sample(range(len(variants)), len(variants)):
                    spent_ns[:, turn, at, block] = launches[turn].run(workload, BLOCK_CALLS)
            machine[at] = reading() - before
    return spent_ns, machine


def solo_launches(dice: random.Random) -> Calls:
    """
    Return a launch of each variant by itself, in drawn order, as other tools measure.

    Returns:
        (2 clocks, variants, workloads, calls) nanoseconds.
    """
    names = list(VARIANTS)
    spent_ns = np.zeros((2, len(names), len(WORKLOADS), SOLO_CALLS), np.int32)
    for turn in dice.sample(range(len(names)), len(names)):
        hash_seed, core = dice.getrandbits(32), dice.choice(_cores())
        with _launched([names[turn]], hash_seed, core, dice) as (launch,):
            for at in dice.sample(range(len(WORKLOADS)), len(WORKLOADS)):
                launch.run(WORKLOADS[at], SOLO_READY_CALLS)
                spent_ns[:, turn, at] = launch.run(WORKLOADS[at], SOLO_CALLS)
    return spent_ns


@contextmanager
def neighbours(seed: int) -> Iterator[None]:
    """Keep each core busy half of the time while the context lasts."""
    command = [sys.executable, "-m", "tools.study.neighbour"]
    processes = [subprocess.Popen([*command, str(core), str(seed + core)]) for core in _cores()]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


@contextmanager
def _launched(
    variants: Sequence[str], hash_seed: int, core: int, dice: random.Random
) -> Iterator[list[Launch]]:
    launches: list[Launch] = []
    try:
        for variant in variants:
            spread = Spread(hash_seed=hash_seed, core=core, seed=dice.getrandbits(31))
            launches.append(Launch(variant, spread))
        yield launches
    finally:
        for launch in launches:
            launch.stop()


def _cores() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
