"""The schedule of a calibration that has no time for every benchmark."""

from __future__ import annotations

from agent_perf.records import DuetRun
from agent_perf.suite.noise_schedule import sampled_rounds
from agent_perf.suite.schedule import Turn


def duets(count: int, rounds: int) -> list[DuetRun]:
    return [
        DuetRun(
            benchmark=f"b{index}",
            metric="cpu.median",
            unit="s",
            base=(1.0,) * rounds,
            head=(1.0,) * rounds,
            calls_per_round=1,
        )
        for index in range(count)
    ]


def wanted(turn: Turn | None) -> list[int]:
    assert turn is not None
    return sorted(turn.wanted)


def test_some_benchmarks_are_chosen_evenly() -> None:
    """Of twelve, three: the first of each four; with more room, all."""
    assert [0, 4, 8] == wanted(
        sampled_rounds(5, benchmarks_max=3, time_budget_s=60)(duets(12, 0), 0.0)
    )
    assert [0, 1] == wanted(sampled_rounds(5, benchmarks_max=3, time_budget_s=60)(duets(2, 0), 0.0))


def test_what_the_time_does_not_suffice_for_is_dropped_after_a_round() -> None:
    """A round of six took 20 s: in 60 s, six rounds are for three of them; never for none."""
    schedule = sampled_rounds(6, benchmarks_max=6, time_budget_s=60)
    assert 6 == len(wanted(schedule(duets(6, 0), 0.0)))
    assert [0, 2, 4] == wanted(schedule(duets(6, 1), 20.0))
    assert [0, 2, 4] == wanted(schedule(duets(6, 2), 30.0))

    slow = sampled_rounds(6, benchmarks_max=6, time_budget_s=60)
    slow(duets(6, 0), 0.0)
    assert [0] == wanted(slow(duets(6, 1), 59.0))


def test_it_ends_with_its_rounds_and_with_its_time() -> None:
    schedule = sampled_rounds(6, benchmarks_max=6, time_budget_s=60)
    schedule(duets(6, 0), 0.0)

    assert schedule(duets(6, 3), 60.0) is None
    assert schedule(duets(6, 6), 10.0) is None
    assert schedule([], 0.0) is None
