import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.errors import SampleError
from agent_perf.records import Comparison, Evidence, Metric, Verdict
from agent_perf.stats import PairedShift, compare_exact, paired_shift
from tests.stats.example import make_run

MS = 1_000_000


def compare(
    name: str, base: float | None, head: float | None, limit: float | None = 0.15
) -> Comparison:
    return compare_exact("agent.chat@50", metric(name, base), metric(name, head), limit)


def metric(name: str, value: float | None, unit: str = "count") -> Metric | None:
    if value is None:
        return None
    return Metric(name=name, value=value, unit=unit, evidence=Evidence.EXACT, sample_count=100)


@pytest.mark.parametrize(
    ("name", "base", "head", "limit", "verdict"),
    [
        ("latency.p95", 100, 100, 0.15, Verdict.UNCHANGED),
        ("latency.p95", 100, 99.9, 0.15, Verdict.IMPROVED),
        ("latency.p95", 100, 100.1, 0.15, Verdict.SLOWER),
        ("latency.p95", 100, 115, 0.15, Verdict.SLOWER),
        ("latency.p95", 100, 115.001, 0.15, Verdict.REGRESSED),
        ("work.redis_trips", 3000, 3001, 0.0, Verdict.REGRESSED),
        ("work.redis_trips", 3000, 2999, 0.0, Verdict.IMPROVED),
        ("work.redis_trips", 0, 1, 5.0, Verdict.REGRESSED),
        ("work.redis_trips", 0, 0, 0.0, Verdict.UNCHANGED),
        ("work.redis_trips", 5, 0, 0.0, Verdict.IMPROVED),
        ("success_ratio", 1.0, 0.95, 0.05, Verdict.SLOWER),
        ("success_ratio", 1.0, 0.949, 0.05, Verdict.REGRESSED),
        # Relative to the base, as every limit: from 80 % down to 76 %.
        ("success_ratio", 0.8, 0.76, 0.05, Verdict.SLOWER),
        ("success_ratio", 0.8, 0.759, 0.05, Verdict.REGRESSED),
        ("success_ratio", 0.9, 0.91, 0.05, Verdict.IMPROVED),
        ("success_ratio", 0, 0.5, 0.05, Verdict.IMPROVED),
        ("throughput", 50, 40, 0.15, Verdict.REGRESSED),
        ("work.redis_hits", 100, 99, 0.0, Verdict.REGRESSED),
        ("work.events", 100, 99, 0.0, Verdict.REGRESSED),
        ("work.events", 100, 200, 0.0, Verdict.UNCHANGED),
        ("latency.p95", 100, 900, None, Verdict.SLOWER),
        ("latency.p95", None, 1, 0.15, Verdict.NEW),
        ("latency.p95", 1, None, 0.15, Verdict.MISSING),
    ],
)
def test_verdicts_by_hand(
    name: str, base: float | None, head: float | None, limit: float | None, verdict: Verdict
) -> None:
    """
    Each case of the rule has its verdict.
    """
    assert verdict is compare(name, base, head, limit).verdict


def test_the_limit_itself_is_allowed() -> None:
    """
    Exactly 15 % more is within 15 %, although 0.138 / 0.12 - 1 is more in floats.
    """
    assert 0.138 / 0.12 - 1 > 0.15

    found = compare("latency.p95", 0.12, 0.138)
    assert 0.15 == found.change_ratio
    assert Verdict.SLOWER is found.verdict


def test_zero_to_anything_is_infinite() -> None:
    """
    From zero every change is infinite, and the reason says so in words.
    """
    found = compare("work.llm_calls_holding_db", 0, 3, 0.0)

    assert math.inf == found.change_ratio
    assert "0 -> 3 (from zero), beyond the limit of 0 %" == found.reason


def test_the_whole_result() -> None:
    """
    A comparison carries both values, the change and why.
    """
    found = compare_exact(
        "agent.chat@50",
        metric("latency.p95", 0.120, "s"),
        metric("latency.p95", 0.150, "s"),
        0.15,
    )

    assert (
        Comparison(
            benchmark="agent.chat@50",
            metric="latency.p95",
            unit="s",
            evidence=Evidence.EXACT,
            base=0.120,
            head=0.150,
            change_ratio=0.25,
            interval=None,
            limit_ratio=0.15,
            verdict=Verdict.REGRESSED,
            reason="120 ms -> 150 ms (+25.0 %), beyond the limit of 15 %",
            sample_count=100,
        )
        == found
    )


def test_refusals() -> None:
    """
    Nothing, a negative value and two different metrics cannot be compared.
    """
    with pytest.raises(SampleError, match="neither"):
        compare("latency.p95", None, None)
    with pytest.raises(SampleError, match="is -1"):
        compare("latency.p95", 1, -1)
    with pytest.raises(SampleError, match="cpu in s, head cpu in count"):
        compare_exact("b", metric("cpu", 1, "s"), metric("cpu", 1, "count"), 0.15)


SEVERITY = [Verdict.IMPROVED, Verdict.UNCHANGED, Verdict.SLOWER, Verdict.REGRESSED]


@given(
    base=st.integers(0, 10**12),
    heads=st.lists(st.integers(0, 10**12), min_size=2, max_size=2),
    limit=st.sampled_from([0.0, 0.05, 0.15, 1.0, None]),
)
def test_verdict_is_monotone(base: int, heads: list[int], limit: float | None) -> None:
    """
    A larger head never has a better verdict.
    """
    smaller, larger = (
        SEVERITY.index(compare("latency.p95", base / 1e9, head / 1e9, limit).verdict)
        for head in sorted(heads)
    )

    assert smaller <= larger


@given(value=st.integers(0, 10**12), limit=st.sampled_from([0.0, 0.15, None]))
def test_itself_is_unchanged(value: int, limit: float | None) -> None:
    """
    A value against itself is unchanged, whatever the limit.
    """
    assert Verdict.UNCHANGED is compare("latency.p95", value / 1e9, value / 1e9, limit).verdict


@given(base=st.integers(1, 10**12), head=st.integers(0, 10**12))
def test_directions_mirror(base: int, head: int) -> None:
    """
    What is worse for a cost is better for a success, and the other way round.
    """
    cost = compare("latency.p95", base, head, 0.0).verdict
    success = compare("throughput", base, head, 0.0).verdict
    mirrored = {
        Verdict.REGRESSED: Verdict.IMPROVED,
        Verdict.IMPROVED: Verdict.REGRESSED,
        Verdict.UNCHANGED: Verdict.UNCHANGED,
    }

    assert mirrored[cost] is success


def test_paired_shift_by_hand() -> None:
    """
    Ninety requests a millisecond slower and ten unmoved.
    """
    base = make_run(latency_ns=[n * MS for n in range(100)])
    head = make_run(latency_ns=[(n + (n >= 10)) * MS for n in range(100)])

    assert PairedShift(
        median_ns=MS, p95_ns=MS, changed_count=90, request_count=100
    ) == paired_shift(base, head)


def test_pairing_sees_what_percentiles_hide() -> None:
    """
    Two requests that change places leave every percentile alone, and are still seen.
    """
    base = make_run(latency_ns=[MS, 2 * MS] * 50)
    head = make_run(latency_ns=[2 * MS, MS] * 50)

    assert 100 == paired_shift(base, head).changed_count


def test_few_requests_have_no_p95_shift() -> None:
    """
    With 19 requests there is a median shift and no P95.
    """
    run = make_run(latency_ns=[MS] * 19)

    assert PairedShift(median_ns=0, p95_ns=None, changed_count=0, request_count=19) == paired_shift(
        run, run
    )


@pytest.mark.parametrize("requests", [0, 99])
def test_other_requests_do_not_pair(requests: int) -> None:
    """
    Runs with other numbers of requests, or none, are refused.
    """
    with pytest.raises(SampleError, match="pair up by id"):
        paired_shift(
            make_run(latency_ns=[MS] * requests),
            make_run(latency_ns=[MS] * 100 if requests else []),
        )
