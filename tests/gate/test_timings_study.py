"""How many processes a verdict on files of other tools takes, in seeded simulations."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from agent_perf.gate import TimedSides, judge_timings, make_policy, timed_duets
from agent_perf.records import Timing, TimingFile, Verdict

DEFAULT = make_policy({}, {})


def files(
    random: np.random.Generator, side: str, processes: int, benchmarks: int, noise: float, by: float
) -> tuple[TimingFile, ...]:
    """Files of a side whose pairs with the other one differ by *noise*, relative."""
    spread = random.normal(0, noise / np.sqrt(2), (processes, benchmarks))
    times = 1e-3 * by * np.exp(spread)
    return tuple(
        TimingFile(
            source=f"{side}-{index}.json",
            tool="made up",
            at_s=120.0 * index + (60.0 if side == "head" else 0.0),
            machine={},
            commit="",
            is_dirty=False,
            timings=tuple(
                Timing(benchmark=f"b{number}", metrics={"cpu.median": float(time_s)}, call_count=1)
                for number, time_s in enumerate(times[index])
            ),
        )
        for index in range(processes)
    )


def verdicts(
    processes: int, noise: float, by: float, *, suites: int, benchmarks: int
) -> Counter[Verdict]:
    random = np.random.default_rng(1)
    found: Counter[Verdict] = Counter()
    for _ in range(suites):
        sides = TimedSides(
            base=files(random, "base", processes, benchmarks, noise, 1.0),
            head=files(random, "head", processes, benchmarks, noise, by),
        )
        decision = judge_timings(sides, timed_duets(sides, DEFAULT), DEFAULT)
        found.update(one.verdict for one in decision.comparisons)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("processes", [8, 10, 15, 20])
@pytest.mark.parametrize("noise", [0.01, 0.02, 0.05])
def test_equal_code_has_not_regressed(processes: int, noise: float) -> None:
    """
    Of 25 suites of 40 benchmarks with equal code, none has a regression.
    """
    assert 0 == verdicts(processes, noise, 1.0, suites=25, benchmarks=40)[Verdict.REGRESSED]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("processes", "noise", "found"),
    [
        (8, 0.01, (121, 200)),
        (8, 0.02, (29, 181)),
        (8, 0.05, (0, 41)),
        (10, 0.01, (194, 200)),
        (10, 0.02, (64, 200)),
        (10, 0.05, (2, 99)),
        (15, 0.01, (200, 200)),
        (15, 0.02, (147, 200)),
        (15, 0.05, (13, 167)),
        (20, 0.01, (200, 200)),
        (20, 0.02, (195, 200)),
        (20, 0.05, (28, 200)),
    ],
)
def test_what_is_found(processes: int, noise: float, found: tuple[int, int]) -> None:
    """
    Of 200 slow-downs by 20 % and by 30 % so many are found: the table of
    docs/pytest-benchmark.md. The others are undecided, for they are beyond the limit.
    """
    each = [verdicts(processes, noise, by, suites=200, benchmarks=1) for by in (1.2, 1.3)]

    assert found == tuple(one[Verdict.REGRESSED] for one in each)
    assert all(one[Verdict.REGRESSED] + one[Verdict.UNDECIDED] == 200 for one in each)
