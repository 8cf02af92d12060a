import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.errors import ConfigError, SampleError
from agent_perf.records import Comparison, DuetRun, Evidence, Verdict
from agent_perf.stats import compare_duet, needs_more_rounds, t_quantile

JITTER = (0.99, 1.01, 1.0, 0.995, 1.005, 1.0, 0.99, 1.01)
"""Ratios of eight rounds of equal code."""


def duet(*ratios: float, metric: str = "cpu.median", base_s: float = 2e-6) -> DuetRun:
    return DuetRun(
        benchmark="cache.Memory.time_get_hit",
        metric=metric,
        unit="s",
        base=(base_s,) * len(ratios),
        head=tuple(base_s * ratio for ratio in ratios),
        calls_per_round=200,
    )


def slowed(change: float, metric: str = "cpu.median") -> DuetRun:
    return duet(*(ratio * (1 + change) for ratio in JITTER), metric=metric)


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        (-0.30, Verdict.IMPROVED),
        (-0.01, Verdict.UNCHANGED),
        (0.0, Verdict.UNCHANGED),
        (0.06, Verdict.SLOWER),
        (0.15, Verdict.REGRESSED),
        (1.0, Verdict.REGRESSED),
    ],
)
def test_verdicts_at_fifteen_per_cent(change: float, verdict: Verdict) -> None:
    """
    Rounds that vary by one per cent tell these changes apart after eight rounds.
    """
    assert verdict is compare_duet(slowed(change), 0.15).verdict


def test_the_whole_result() -> None:
    """
    Of log ratios 0, .1, .2, .3, .4 the middle three count: centre .2, error sqrt(.04 / 6).
    """
    found = compare_duet(duet(*(math.exp(r / 10) for r in range(5))), 0.15)
    reach = t_quantile(0.998, 2) * math.sqrt(0.04 / 6)

    assert math.expm1(0.2) == pytest.approx(found.change_ratio)
    assert (math.expm1(0.2 - reach), math.expm1(0.2 + reach)) == pytest.approx(found.interval)
    assert (
        Comparison(
            benchmark="cache.Memory.time_get_hit",
            metric="cpu.median",
            unit="s",
            evidence=Evidence.SAMPLED,
            base=2e-6,
            head=2e-6 * math.exp(0.2),
            change_ratio=found.change_ratio,
            interval=found.interval,
            limit_ratio=0.15,
            verdict=Verdict.UNDECIDED,
            reason=(
                "-66.3 % to +342 % worse after 5 rounds; neither harmless nor beyond the limit "
                "of 15 %: run more rounds, or on a quieter machine"
            ),
            sample_count=5,
        )
        == found
    )


def test_surely_within_the_limit_is_not_a_regression() -> None:
    """
    Ten per cent more, give or take one, is slower within 15 %, though surely above 5 %.
    """
    found = compare_duet(slowed(0.10), 0.15)
    low, high = found.interval or (0.0, 0.0)

    assert 0.05 < low < high < 0.15
    assert Verdict.SLOWER is found.verdict


def test_the_zone_follows_the_limit() -> None:
    """
    What is beyond a limit of 3 % is fine with one of 15 %.
    """
    assert Verdict.REGRESSED is compare_duet(slowed(0.04), 0.03).verdict
    assert Verdict.SLOWER is compare_duet(slowed(0.04), 0.15).verdict


def test_more_is_better_for_throughput() -> None:
    """
    A metric that should rise regresses when it falls; its interval stays one of the change.
    """
    fallen = compare_duet(slowed(-0.30, "throughput"), 0.15)

    assert Verdict.REGRESSED is fallen.verdict
    assert (fallen.interval or (1, 1))[1] < 0
    assert Verdict.IMPROVED is compare_duet(slowed(0.40, "throughput"), 0.15).verdict


@pytest.mark.parametrize(
    ("change", "verdict"),
    [(1.0, Verdict.SLOWER), (-0.5, Verdict.IMPROVED), (0.0, Verdict.UNCHANGED)],
)
def test_nothing_regresses_without_a_limit(change: float, verdict: Verdict) -> None:
    """
    A metric that is not gated is described, and asks for no more rounds.
    """
    assert verdict is compare_duet(slowed(change), None).verdict
    assert not needs_more_rounds(slowed(change), None)


def test_equal_readings_are_unchanged() -> None:
    """
    A metric without any noise, as peak memory often is, is settled at the first look.
    """
    assert Verdict.UNCHANGED is compare_duet(duet(*[1.0] * 5), 0.2).verdict
    assert Verdict.REGRESSED is compare_duet(duet(*[1.3] * 5), 0.2).verdict


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize("side", ["base", "head"])
def test_bad_samples(bad: float, side: str) -> None:
    """
    A sample that is no time is refused, with its side and round, even before the first look.
    """
    good, other = (1.0, 1.0, 1.0), (1.0, bad, 1.0)
    rounds = (other, good) if side == "base" else (good, other)
    run = DuetRun(
        benchmark="b", metric="m", unit="s", base=rounds[0], head=rounds[1], calls_per_round=1
    )

    with pytest.raises(SampleError, match=f"{side} gave {bad} in round 2"):
        compare_duet(run, 0.15)
    assert not needs_more_rounds(run, 0.15)


@pytest.mark.parametrize("limit", [0.0, -0.1, math.inf, math.nan])
def test_noise_exceeds_a_limit_of_nothing(limit: float) -> None:
    """
    A sampled metric cannot be gated by equality, and the message says what to write.
    """
    with pytest.raises(ConfigError, match="noise exceeds"):
        compare_duet(slowed(0.0), limit)


@pytest.mark.parametrize(
    ("rounds", "rounds_max", "more"),
    [
        (0, 30, True),
        (4, 30, True),
        (5, 30, True),
        (20, 30, True),
        (29, 30, True),
        (30, 30, False),
        (31, 99, False),
        (6, 7, True),
        (7, 7, False),
        (0, 0, False),
    ],
)
def test_an_undecided_duet_goes_on(rounds: int, rounds_max: int, more: bool) -> None:
    """
    While undecided, rounds go on to the last look, and never beyond the budget.
    """
    undecided = duet(*((0.5, 2.0) * 16)[:rounds])

    assert more is needs_more_rounds(undecided, 0.15, rounds_max=rounds_max)


@pytest.mark.parametrize("rounds", [1, 4, 6, 7, 9, 11, 13, 19, 21, 29])
def test_nobody_looks_between_two_looks(rounds: int) -> None:
    """
    Between looks even the clearest case goes on: a peek more is a false alarm more.
    """
    assert needs_more_rounds(duet(*[9.0] * rounds), 0.15)


def test_a_settled_duet_wants_no_more() -> None:
    """
    A clear answer ends the rounds.
    """
    assert not needs_more_rounds(slowed(0.5), 0.15)
    assert not needs_more_rounds(slowed(0.0), 0.15)


def test_too_few_rounds_are_undecided() -> None:
    """
    Four rounds carry no interval, however alike they are.
    """
    found = compare_duet(duet(1, 1, 1, 1), 0.15)

    assert Verdict.UNDECIDED is found.verdict
    assert found.interval is None
    assert "4 rounds; an interval wants at least 5" == found.reason


@given(
    ratios=st.lists(st.floats(0.5, 2.0), min_size=5, max_size=30),
    scale=st.floats(1e-9, 1e9),
)
def test_units_do_not_matter(ratios: list[float], scale: float) -> None:
    """
    Measured in another unit, the change is the same.
    """
    one, other = compare_duet(duet(*ratios), 0.15), compare_duet(duet(*ratios, base_s=scale), 0.15)

    assert one.change_ratio == pytest.approx(other.change_ratio, abs=1e-9)
    assert one.interval == pytest.approx(other.interval, rel=1e-6, abs=1e-9)


SEVERITY = [
    Verdict.IMPROVED,
    Verdict.UNCHANGED,
    Verdict.SLOWER,
    Verdict.UNDECIDED,
    Verdict.REGRESSED,
]


@given(
    ratios=st.lists(st.floats(0.9, 1.1), min_size=5, max_size=30),
    changes=st.lists(st.floats(-0.5, 2.0), min_size=2, max_size=2),
)
def test_verdict_is_monotone(ratios: list[float], changes: list[float]) -> None:
    """
    The same rounds slowed down by more never have a better verdict.
    """
    less, more = (
        SEVERITY.index(compare_duet(duet(*(r * (1 + change) for r in ratios)), 0.15).verdict)
        for change in sorted(changes)
    )

    assert less <= more
