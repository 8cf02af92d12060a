import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.errors import ConfigError
from agent_perf.records import Comparison, DuetRun, Evidence, RoundConditions, Verdict
from agent_perf.stats import LOOKS, judge_duets, look_levels, open_duets, t_quantile
from tests.stats.rounds import confirmed, duet, judged, slowed


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        (-0.30, Verdict.IMPROVED),
        (-0.01, Verdict.UNCHANGED),
        (0.0, Verdict.UNCHANGED),
        (0.06, Verdict.SLOWER),
        (0.12, Verdict.SLOWER),
        (0.15, Verdict.UNDECIDED),
        (0.18, Verdict.REGRESSED),
        (1.0, Verdict.REGRESSED),
    ],
)
def test_verdicts_at_fifteen_per_cent(change: float, verdict: Verdict) -> None:
    """
    Rounds that vary by one per cent tell these changes apart after nine and nine rounds.
    """
    assert verdict is judged(confirmed(change, change)).verdict


def test_the_whole_result() -> None:
    """
    Of log ratios 0, .1, .2, .3 the centre is .15, and its error sqrt(.05 / 12).
    """
    found = judged(duet(*(math.exp(r / 10) for r in range(4))))
    miss = look_levels(0.008, LOOKS)[0]
    reach = t_quantile(1 - miss, 3) * math.sqrt(0.05 / 12)

    assert math.expm1(0.15) == pytest.approx(found.change_ratio)
    assert (math.expm1(0.15 - reach), math.expm1(0.15 + reach)) == pytest.approx(found.interval)
    assert (
        Comparison(
            benchmark="cache.Memory.time_get_hit",
            metric="cpu.median",
            unit="s",
            evidence=Evidence.SAMPLED,
            base=2e-6,
            head=(2e-6 * math.exp(0.1) + 2e-6 * math.exp(0.2)) / 2,
            change_ratio=found.change_ratio,
            interval=found.interval,
            limit_ratio=0.15,
            verdict=Verdict.UNDECIDED,
            reason=(
                "-29.6 % to +91.8 % worse after 4 rounds; neither surely within nor surely "
                "beyond the limit of 15 %: run more rounds, or on a quieter machine"
            ),
            sample_count=4,
        )
        == found
    )


def test_more_is_better_for_throughput() -> None:
    """
    A metric that should rise is suspected when it falls; its interval stays one of the change.
    """
    fallen = judged(slowed(-0.30, metric="throughput"))

    assert "suspected" in fallen.reason
    assert (fallen.interval or (1, 1))[1] < 0
    assert Verdict.IMPROVED is judged(slowed(0.40, metric="throughput")).verdict


@pytest.mark.parametrize(
    ("change", "verdict"),
    [(1.0, Verdict.SLOWER), (-0.5, Verdict.IMPROVED), (0.0, Verdict.UNCHANGED)],
)
def test_nothing_regresses_without_a_limit(change: float, verdict: Verdict) -> None:
    """
    A metric that is not gated is described after the first look, and asks for no more.
    """
    assert verdict is judged(slowed(change), None).verdict
    assert not open_duets([slowed(change)], [None])
    assert open_duets([duet(1, 1, 1)], [None])


def test_equal_readings_of_a_size_are_unchanged() -> None:
    """
    Bytes without any noise, as peak memory often is, are settled at the first look.
    """
    same = duet(*[1.0] * 4, metric="memory.peak", unit="bytes")
    grown = duet(*[1.3] * 4, metric="memory.peak", unit="bytes")

    assert Verdict.UNCHANGED is judged(same, 0.2).verdict
    assert Verdict.REGRESSED is judged(replace(grown, confirmation=grown), 0.2).verdict


def test_equal_readings_of_a_clock_settle_nothing() -> None:
    """
    Seconds that are the same in each round are the clock's steps, not the truth.
    """
    for ratio in (1.0, 1.3):
        found = judged(duet(*[ratio] * 6))
        assert Verdict.UNDECIDED is found.verdict
        assert "the clock's step hides the noise" in found.reason


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize("side", ["base", "head"])
def test_bad_samples(bad: float, side: str) -> None:
    """
    A sample that is no time is told with its side and round, even before the first look.
    """
    good, other = (1.0, 1.0, 1.0), (1.0, bad, 1.0)
    rounds = (other, good) if side == "base" else (good, other)
    run = DuetRun(
        benchmark="b", metric="m", unit="s", base=rounds[0], head=rounds[1], calls_per_round=1
    )
    found = judged(run)

    assert Verdict.UNDECIDED is found.verdict
    assert f"{side} gave {bad} in round 2" in found.reason
    assert (None, None) == (found.base, found.head)
    assert not open_duets([run], [0.15])


def test_a_tail_of_a_few_calls_is_refused() -> None:
    """
    A P95 of nineteen calls is their maximum, and no further round changes that.
    """
    few = replace(slowed(0.0, metric="cpu.p95"), calls_per_round=19)

    assert Verdict.UNDECIDED is judged(few).verdict
    assert "want at least 20" in judged(few).reason
    assert not open_duets([few], [0.15])
    assert Verdict.UNCHANGED is judged(replace(few, calls_per_round=20)).verdict
    assert "want at least 100" in judged(replace(few, metric="cpu.p99")).reason


BUSY = RoundConditions(pressure_ratio=0.6)
STOLEN = RoundConditions(steal_ratio=0.2)
CALM = RoundConditions(pressure_ratio=0.4, steal_ratio=0.05, switches_count=1000)


def test_a_wall_clock_wants_a_calm_machine() -> None:
    """
    Rounds on a busy machine do not count for a wall clock; if too few are left, it is told.
    """
    rounds = slowed(0.0, metric="wall.median")
    busy = replace(rounds, conditions=(BUSY, STOLEN, BUSY, STOLEN, BUSY, BUSY, *[CALM] * 3))
    mixed = replace(rounds, conditions=(BUSY, *[CALM] * 8))

    assert Verdict.UNDECIDED is judged(busy).verdict
    assert (
        "3 rounds (6 more set aside: the machine was too busy); an interval wants at least 4"
        == judged(busy).reason
    )
    assert open_duets([busy], [0.15])
    assert Verdict.UNCHANGED is judged(mixed).verdict


def test_a_cpu_clock_bears_a_busy_machine() -> None:
    """
    What a process computes takes its time in peace; the reason tells of the crowd.
    """
    found = judged(replace(slowed(0.0), conditions=(BUSY,) * 9))

    assert Verdict.UNCHANGED is found.verdict
    assert "after 4 rounds (the machine was busy in 4)" in found.reason


@pytest.mark.parametrize("limit", [0.0, -0.1, math.inf, math.nan])
def test_noise_exceeds_a_limit_of_nothing(limit: float) -> None:
    """
    A sampled metric cannot be gated by equality, and the message says what to write.
    """
    with pytest.raises(ConfigError, match="noise exceeds"):
        judged(slowed(0.0), limit)


def test_too_few_rounds_are_undecided() -> None:
    """
    Three rounds carry no interval, however alike they are.
    """
    found = judged(duet(1, 1, 1))

    assert Verdict.UNDECIDED is found.verdict
    assert found.interval is None
    assert "3 rounds; an interval wants at least 4" == found.reason


@given(
    ratios=st.lists(st.floats(0.5, 2.0), min_size=4, max_size=30),
    scale=st.floats(1e-9, 1e9),
)
def test_units_do_not_matter(ratios: list[float], scale: float) -> None:
    """
    Measured in another unit, the change is the same.
    """
    one, other = judged(duet(*ratios)), judged(duet(*ratios, base=scale))

    assert one.change_ratio == pytest.approx(other.change_ratio, abs=1e-9)
    assert one.interval == pytest.approx(other.interval, rel=1e-6, abs=1e-9)


@given(ratios=st.lists(st.floats(0.5, 2.0), min_size=4, max_size=4))
def test_swapped_sides_swap_the_change(ratios: list[float]) -> None:
    """
    With base and head swapped, and no limit to weigh them by, the interval is turned over.
    """
    run = duet(*ratios)
    one, other = judged(run, None), judged(replace(run, base=run.head, head=run.base), None)
    low, high = one.interval or (0.0, 0.0)

    assert (1 / (1 + high) - 1, 1 / (1 + low) - 1) == pytest.approx(
        other.interval, rel=1e-6, abs=1e-9
    )


@given(
    ratios=st.lists(st.floats(0.5, 2.0), min_size=4, max_size=4).flatmap(
        lambda some: st.tuples(st.just(some), st.permutations(some))
    )
)
def test_order_within_a_look_does_not_matter(ratios: tuple[list[float], list[float]]) -> None:
    """
    Rounds up to a look count alike, whichever came first.
    """
    one, other = (judged(duet(*some)) for some in ratios)

    assert one.verdict is other.verdict
    assert one.interval == pytest.approx(other.interval, rel=1e-9, abs=1e-12)


SEVERITY = [
    Verdict.IMPROVED,
    Verdict.UNCHANGED,
    Verdict.SLOWER,
    Verdict.UNDECIDED,
    Verdict.REGRESSED,
]


@given(
    ratios=st.lists(st.floats(0.9, 1.1), min_size=4, max_size=4),
    changes=st.lists(st.floats(-0.5, 2.0), min_size=2, max_size=2),
)
def test_verdict_is_monotone(ratios: list[float], changes: list[float]) -> None:
    """
    The same rounds slowed down by more never have a better verdict.
    """
    less, more = (
        SEVERITY.index(judged(replace(run, confirmation=run)).verdict)
        for run in (duet(*(r * (1 + change) for r in ratios)) for change in sorted(changes))
    )

    assert less <= more


def test_what_settles_stays_settled() -> None:
    """
    Rounds after the look that settled a duet, however wild, change nothing.
    """
    settled = duet(1.0, 1.01, 0.99, 1.0)
    longer = duet(1.0, 1.01, 0.99, 1.0, 9.0, 9.0)

    assert judged(settled).interval == judged(longer).interval
    assert Verdict.UNCHANGED is judged(longer).verdict


def test_a_wild_round_is_left_out() -> None:
    """
    One round in nine that took three times as long leaves a duet settled.
    """
    found = judged(duet(1.0, 1.01, 0.99, 3.0, 1.0, 1.01, 1.0, 0.99, 1.0))

    assert Verdict.UNCHANGED is found.verdict
    assert judge_duets([], []).comparisons == ()
