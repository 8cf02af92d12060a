from dataclasses import replace

import pytest

from agent_perf.errors import SampleError
from agent_perf.records import DuetRun, RoundConditions

CALM = RoundConditions(pressure_ratio=0.0, steal_ratio=0.0, switches_count=0)
FRESH = DuetRun(
    benchmark="b", metric="cpu.p95", unit="s", base=(1.0,), head=(2.0,), calls_per_round=20
)


def test_a_confirmed_duet() -> None:
    """
    Rounds may carry conditions, and a confirmation that has its own.
    """
    again = replace(FRESH, base=(1.0, 1.0), head=(2.0, 2.0), conditions=(CALM, CALM))
    found = replace(FRESH, conditions=(CALM,), confirmation=again)

    assert 2 == len(found.confirmation.conditions if found.confirmation else ())


def test_unpaired_rounds_are_refused() -> None:
    """
    Each round has both sides, and conditions if any round has them.
    """
    with pytest.raises(SampleError, match="2 rounds of base, 1 of head"):
        replace(FRESH, base=(1.0, 1.0))
    with pytest.raises(SampleError, match="conditions of 2 rounds, samples of 1"):
        replace(FRESH, conditions=(CALM, CALM))


def test_a_foreign_confirmation_is_refused() -> None:
    """
    A confirmation is of the same benchmark and metric, in the same unit, and the last word.
    """
    for foreign in (
        replace(FRESH, benchmark="c"),
        replace(FRESH, metric="cpu.median"),
        replace(FRESH, unit="bytes"),
    ):
        with pytest.raises(SampleError, match="is confirmed by rounds of"):
            replace(FRESH, confirmation=foreign)
    with pytest.raises(SampleError, match="a confirmation has a confirmation"):
        replace(FRESH, confirmation=replace(FRESH, confirmation=FRESH))


@pytest.mark.parametrize(
    "wrong",
    [{"pressure_ratio": 1.1}, {"steal_ratio": -0.1}, {"switches_count": -1}],
)
def test_conditions_are_shares_and_counts(wrong: dict[str, float]) -> None:
    """
    A share beyond one, or a count below none, was not measured.
    """
    with pytest.raises(SampleError, match="want"):
        RoundConditions(**wrong)  # type: ignore[arg-type]
