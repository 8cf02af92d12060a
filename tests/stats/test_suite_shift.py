import math
from dataclasses import replace

import pytest

from agent_perf.records import DuetRun
from agent_perf.stats import judge_duets
from tests.stats.rounds import slowed


def suite(*changes: float) -> list[DuetRun]:
    return [slowed(change, benchmark=f"b{index}") for index, change in enumerate(changes)]


def test_a_move_of_all() -> None:
    """
    Of changes of 3 to 10 %, one each, the median is between 6 and 7, and all lie about it.
    """
    shift = judge_duets(suite(*(c / 100 for c in range(3, 11))), [0.15] * 8).shift

    assert shift is not None
    assert 8 == shift.benchmark_count
    assert 0.065 == pytest.approx(shift.change_ratio, abs=0.002)
    assert (0.03, 0.10) == pytest.approx(shift.interval, abs=0.002)
    assert () == shift.standing_out


def test_the_interval_of_a_median() -> None:
    """
    Of 20 values, the 4th from either end bound the median with 99 %: B(20, 1/2) is at most
    3 with .0013, at most 4 with .0059.

    Source of the order: Hahn & Meeker, *Statistical Intervals* (1991), table A.15.
    """
    shift = judge_duets(suite(*(c / 100 for c in range(3, 23))), [0.5] * 20).shift

    assert shift is not None
    assert (0.06, 0.19) == pytest.approx(shift.interval, abs=0.002)
    assert 0.0013 == round(sum(math.comb(20, k) for k in range(4)) / 2**20, 4)
    assert 0.0059 == round(sum(math.comb(20, k) for k in range(5)) / 2**20, 4)


def test_what_stands_out() -> None:
    """
    Where all became faster by a fifth, what stayed as it was stands out against them.
    """
    duets = suite(*[-0.2] * 11, 0.0)
    shift = judge_duets(duets, [0.15] * 12).shift

    assert shift is not None
    assert (("b11", "cpu.median"),) == shift.standing_out


def test_memory_has_no_part_in_a_move_of_times() -> None:
    """
    Where all became slower by a tenth, memory that grew by a fifth is beyond its limit by itself.
    """
    memory = replace(slowed(0.2, benchmark="memory"), metric="memory.peak", unit="bytes")
    shift = judge_duets([*suite(*[0.1] * 11), memory], [0.15] * 12).shift

    assert shift is not None
    assert (("memory", "memory.peak"),) == shift.standing_out


@pytest.mark.parametrize(
    "changes",
    [
        [0.1] * 7,
        [0.01] * 12,
        [0.1, -0.1] * 6,
        [0.1] * 4 + [0.0] * 8,
    ],
    ids=["few", "small", "both ways", "some"],
)
def test_no_move_of_all(changes: list[float]) -> None:
    """
    A few benchmarks, a per cent, or changes both ways or of some of them are no move of all.
    """
    assert judge_duets(suite(*changes), [0.15] * len(changes)).shift is None


def test_a_benchmark_counts_once() -> None:
    """
    Twelve metrics of one benchmark are one benchmark; memory is no time.
    """
    same = [replace(slowed(0.1), metric=f"cpu.{index}") for index in range(12)]
    memory = [replace(one, unit="bytes") for one in suite(*[0.1] * 12)]

    assert judge_duets(same, [0.15] * 12).shift is None
    assert judge_duets(memory, [0.15] * 12).shift is None
