"""Instruction counts are exact but for a floor, and a regression must hold twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.errors import SampleError
from agent_perf.records import Evidence, InstructionCount, InstructionRun, Verdict
from agent_perf.stats import compare_instructions, wants_second_count

LIMIT = 0.02


def run(change_ratio: float, again_ratio: float | None = None) -> InstructionRun:
    return InstructionRun(
        benchmark="shop.time_work",
        first=InstructionCount(base=1e6, head=1e6 * (1 + change_ratio), hash_seed=0),
        again=None
        if again_ratio is None
        else InstructionCount(base=2e6, head=2e6 * (1 + again_ratio), hash_seed=1),
        repetitions=20,
    )


@pytest.mark.parametrize(
    ("change_ratio", "verdict"),
    [
        (0.0, Verdict.UNCHANGED),
        (0.0099, Verdict.UNCHANGED),
        (-0.0099, Verdict.UNCHANGED),
        (0.0101, Verdict.SLOWER),
        (-0.0101, Verdict.IMPROVED),
        (0.0199, Verdict.SLOWER),
        (0.0201, Verdict.REGRESSED),
    ],
)
def test_a_count_is_judged_by_floor_and_limit(change_ratio, verdict) -> None:
    """Within the floor nothing changed; beyond it every difference counts, as exact ones do."""
    found = compare_instructions(run(change_ratio), LIMIT)

    assert verdict is found.verdict
    assert Evidence.EXACT is found.evidence
    assert ("cpu.instructions", "instructions", 20) == (
        found.metric,
        found.unit,
        found.sample_count,
    )
    assert pytest.approx(change_ratio, abs=1e-12) == found.change_ratio


def test_only_a_regression_wants_a_second_count() -> None:
    """What passes costs no second count, and no run gets a third."""
    assert not wants_second_count(run(0.0199), LIMIT)
    assert not wants_second_count(run(-0.5), LIMIT)
    assert wants_second_count(run(0.0201), LIMIT)
    assert not wants_second_count(run(0.0201, 0.5), LIMIT)
    assert not wants_second_count(run(0.5), None)


def test_a_regression_holds_under_both_hash_seeds() -> None:
    """The second count is told; what it refutes is undecided, and says what to do."""
    upheld = compare_instructions(run(0.05, 0.04), LIMIT)
    refuted = compare_instructions(run(0.05, 0.01), LIMIT)

    assert Verdict.REGRESSED is upheld.verdict
    assert "+5.0 %" in upheld.reason
    assert "under hash seed 0, +4.0 % under 1" in upheld.reason
    assert Verdict.UNDECIDED is refuted.verdict
    assert "+1.0 % under 1: it follows the order of a set" in refuted.reason
    assert pytest.approx(0.05) == refuted.change_ratio


@given(st.floats(-0.9, 10), st.none() | st.floats(-0.9, 10), st.floats(0, 1))
def test_nothing_regresses_that_either_count_allows(first, again, limit) -> None:
    """Regressed means beyond the limit in each count that there is."""
    found = compare_instructions(run(first, again), limit)

    if found.verdict is Verdict.REGRESSED:
        assert first > limit - 1e-9
        assert again is None or again > limit - 1e-9
    if found.verdict is Verdict.UNCHANGED:
        assert abs(first) <= 0.01 + 1e-9


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_a_count_is_a_number_above_zero(value) -> None:
    """No count is nothing, infinite or no number."""
    with pytest.raises(SampleError, match="instructions per call on the head; want > 0"):
        InstructionCount(base=1.0, head=value, hash_seed=0)
