"""
Trials of our rule, on what was measured, as often as the samples carry.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent_perf.stats import LOOKS
from tools.study.ours import Outcome, Stream, judge_suite
from tools.study.samples import CLOCKS, Samples
from tools.study.tally import Tally
from tools.study.workloads import WORKLOADS

SUITE: Final = 40
"""Benchmarks in a suite: each workload eight times."""

_ROUNDS_MAX: Final = 2 * LOOKS[-1]


def disjoint(samples: Samples, head: str, clock: str) -> dict[str, Tally]:
    """
    Return workload to our verdicts on fresh rounds, none used twice.

    Rounds are taken in the order they were measured; the next verdict begins where the
    last one ended. Left-over rounds that settle nothing are no trial. Equal code is
    judged a second time with sides swapped.
    """
    found = {}
    for at, workload in enumerate(WORKLOADS):
        outcomes: list[Outcome] = []
        for pool in _pools(samples, head, clock, at):
            begin, count = 0, len(pool.values)
            while begin + LOOKS[0] <= count:
                (one,) = judge_suite([_taken(pool, np.arange(begin, count)[:_ROUNDS_MAX])])
                begin += one.rounds
                if begin < count or not one.undecided:
                    outcomes.append(one)
        found[workload] = _tally(outcomes, samples)
    return found


def resampled(
    samples: Samples, head: str, clock: str, *, trials: int, seed: int
) -> dict[str, Tally]:
    """
    Return workload to our verdicts on rounds drawn anew for each verdict, with replacement.

    So they carry as many verdicts as are wanted, of any length; what a round shares with
    the one before is lost.
    """
    dice = np.random.default_rng(seed)
    found = {}
    for at, workload in enumerate(WORKLOADS):
        pools = _pools(samples, head, clock, at)
        outcomes: list[Outcome] = []
        for number in range(trials):
            outcomes += judge_suite([_drawn(pools[number % len(pools)], dice)])
        found[workload] = _tally(outcomes, samples)
    return found


def equal_suites(samples: Samples, clock: str, *, suites: int, seed: int) -> Tally:
    """
    Return how many suites of equal code had a regression: each workload eight times.

    Rounds are drawn anew for each benchmark, with replacement; base and head are swapped
    by chance.
    """
    dice = np.random.default_rng(seed)
    pools = [_pools(samples, "same", clock, at) for at in range(len(WORKLOADS))]
    told = undecided = rounds = 0
    for _ in range(suites):
        outcomes = judge_suite(
            [_drawn(pools[at % len(pools)][dice.integers(2)], dice) for at in range(SUITE)]
        )
        told += any(one.regressed for one in outcomes)
        undecided += any(one.undecided for one in outcomes)
        rounds += sum(one.rounds for one in outcomes)
    seconds = rounds / suites * samples.round_s()
    return Tally(told=told, trials=suites, undecided=undecided, seconds=seconds)


def _pools(samples: Samples, head: str, clock: str, workload: int) -> list[Stream]:
    """Return all rounds of *head*; of equal code also with sides swapped."""
    values = samples.rounds(head)[:, workload, CLOCKS.index(clock)].astype(float)
    busy = samples.busy(head)[:, workload].astype(float)
    sides = [values, values[..., ::-1]] if head == "same" else [values]
    return [Stream(clock=clock, values=one, busy=busy) for one in sides]


def _drawn(pool: Stream, dice: np.random.Generator) -> Stream:
    return _taken(pool, dice.integers(len(pool.values), size=_ROUNDS_MAX))


def _taken(pool: Stream, rounds: NDArray[np.integer]) -> Stream:
    return Stream(clock=pool.clock, values=pool.values[rounds], busy=pool.busy[rounds])


def _tally(outcomes: Sequence[Outcome], samples: Samples) -> Tally:
    return Tally(
        told=sum(one.regressed for one in outcomes),
        trials=len(outcomes),
        undecided=sum(one.undecided for one in outcomes),
        seconds=sum(one.rounds for one in outcomes) / max(1, len(outcomes)) * samples.round_s(),
    )
