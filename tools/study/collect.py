"""
Run the workloads on this machine and keep the time of every call.

Collects for so many minutes, in cycles that each hold all designs; started again, it goes on
where it ended. A quiet collection wants an otherwise idle machine.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from tools.study.launches import (
    VARIANTS,
    WORKLOADS,
    duet_round,
    neighbours,
    solo_launches,
)
from tools.study.machine import reading

CONDITIONS: Final = ("quiet", "noisy")
PAIR: Final = ("base", "same")

PAIR_ROUNDS: Final = 8
"""Rounds of equal code in a cycle: the rare false alarms want the most of them."""

FAN_ROUNDS: Final = 4
"""Rounds in which all variants are interleaved with one base."""

_Result = TypeVar("_Result")


def main(arguments: Sequence[str]) -> None:
    """Collect, or verify what is planted."""
    parser = argparse.ArgumentParser(prog="python -m tools.study collect", description=__doc__)
    parser.add_argument("--condition", choices=CONDITIONS, default="quiet")
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path(".agent-perf/study"))
    parser.add_argument("--verify", action="store_true", help="print the ratios that are planted")
    options = parser.parse_args(arguments)
    if options.verify:
        _verify(options.seed)
        return
    options.folder.mkdir(parents=True, exist_ok=True)
    end_s = time.monotonic() + options.minutes * 60
    first = cycle = len(list(options.folder.glob(f"{options.condition}-*.npz")))
    while time.monotonic() < end_s:
        collected = _collect(options.condition, random.Random(f"{options.seed} {cycle}"))
        _save(options.folder / f"{options.condition}-{cycle:04d}.npz", collected)
        cycle += 1
        print(f"{options.condition}: cycle {cycle}, load {os.getloadavg()[0]:.1f}", flush=True)
    print(f"{cycle - first} more cycles, {cycle} in all, in {options.folder}")


def _collect(condition: str, dice: random.Random) -> dict[str, object]:
    """Return one cycle: nanoseconds of calls by design, and seconds that each design took."""
    beside = neighbours(dice.getrandbits(31)) if condition == "noisy" else nullcontext()
    before = reading()
    with beside:
        at_s = time.time()
        (pairs, pair_machine), pair_s = _timed(lambda: _rounds(PAIR, PAIR_ROUNDS, dice))
        (fans, fan_machine), fan_s = _timed(lambda: _rounds(tuple(VARIANTS), FAN_ROUNDS, dice))
        solos, solo_s = _timed(lambda: solo_launches(dice))
    return {
        "pairs": pairs,
        "pair_machine": pair_machine,
        "fans": fans,
        "fan_machine": fan_machine,
        "solos": solos,
        "spent_s": np.array([pair_s, fan_s, solo_s]),
        "at_s": at_s,
        "machine": reading() - before,
    }


def _rounds(
    variants: tuple[str, ...], count: int, dice: random.Random
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Return *count* rounds, variants in their order, and what the machine did in them."""
    rounds, machine = [], []
    for _ in range(count):
        # Who is started first is drawn, for it may be better off, or worse.
        order = dice.sample(range(len(variants)), len(variants))
        shuffled, meanwhile = duet_round([variants[index] for index in order], dice)
        rounds.append(shuffled[:, np.argsort(order)])
        machine.append(meanwhile)
    return np.stack(rounds), np.stack(machine)


def _timed(work: Callable[[], _Result]) -> tuple[_Result, float]:
    start_s = time.monotonic()
    result = work()
    return result, time.monotonic() - start_s


def _save(path: Path, collected: dict[str, object]) -> None:
    # Renamed when it is whole, so that an interrupted collection leaves no half file.
    temporary = path.with_suffix(".part")
    with temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **collected)
    temporary.replace(path)


def _verify(seed: int) -> None:
    """Print each variant's mean CPU time by that of base, over long launches."""
    dice = random.Random(seed)
    rounds = _rounds(tuple(VARIANTS), 12, dice)[0][:, 1].astype(float).mean((-1, -2))
    print("CPU time by base, mean over 12 rounds of 200 calls (standard error)")
    for at, workload in enumerate(WORKLOADS):
        base = rounds[:, 0, at]
        cells = []
        for index, variant in enumerate(VARIANTS):
            ratios = rounds[:, index, at] / base
            error = statistics.stdev(ratios) / len(ratios) ** 0.5
            cells.append(f"{variant} {ratios.mean():.3f} ({error:.3f})")
        print(f"{workload:9} {'  '.join(cells[1:])}  base {base.mean() / 1e3:.0f} µs")
