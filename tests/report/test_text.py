"""Numbers and names in words."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.records import Comparison, Confirmation, Evidence, Verdict
from agent_perf.report.cause_points import scenario_and_loads
from agent_perf.report.text import (
    change,
    columns,
    deciding_interval,
    difference,
    interval,
    limit,
    plural,
    quantity,
    sentence,
    short_commit,
    shorten,
)
from agent_perf.report.wording import counted, metric_label


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.1234, "s", "123.4\u00a0ms"),
        (None, "s", "–"),
        (0.0002892, "usd", "$0.000289"),
        (0.0000004, "usd", "$0.0000004"),
        (1.5, "usd", "$1.5"),
        (3.0, "count", "3"),
    ],
)
def test_quantity(value: float | None, unit: str, text: str) -> None:
    """
    Values carry their unit, cannot be broken from it, and small prices do not become $0.
    """
    assert text == quantity(value, unit)


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (0.314, "+31.4\u00a0%"),
        (-0.02, "−2.0\u00a0%"),
        (0.0, "="),
        (math.inf, "from 0"),
        (8.5, "+850\u00a0%"),
        (11.5, "×12.5"),
        (573.8, "×575"),
        (57380.0, "×57,381"),
        (None, "–"),
    ],
)
def test_change(ratio: float | None, text: str) -> None:
    """
    A change has its sign, equality its own, and from zero no percentage.
    """
    assert text == change(ratio)


def test_difference_and_limit() -> None:
    """
    Differences are signed, limits say how much more is allowed.
    """
    assert "+31\u00a0ms" == difference(0.031, "s")
    assert "−2\u00a0ms" == difference(-0.002, "s")
    assert "=" == difference(0, "s")
    assert "+15\u00a0%" == limit(0.15)
    assert "–" == limit(None)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("latency.p95", "P95 latency"),
        ("latency.hit.p50", "P50 latency of hits"),
        ("latency.chat.p95", "P95 latency of chat"),
        ("latency.mean", "mean latency"),
        ("work.redis_trips", "Redis round trips"),
        ("cpu.mean", "mean CPU time"),
        ("wall.p95", "P95 wall time"),
        ("work.own_things", "own things"),
        ("custom", "custom"),
    ],
)
def test_metric_label(name: str, words: str) -> None:
    """
    Metrics are told in words; what is not known keeps its name.
    """
    assert words == metric_label(name)


def test_rare_work_is_told_in_all() -> None:
    """
    Three reconnections in a thousand requests are three; three thousand trips are three each.
    """
    assert ("0", "3\u00a0in\u00a0all") == counted("redis_connects", 0, 3, 1000)
    assert ("2", "3") == counted("redis_trips", 2000, 3000, 1000)
    assert ("$0.00029", "$0.00029") == counted("llm_cost_nanousd", 290_000_000, 290_000_000, 1000)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["a.b@200", "a.b@1", "a.b@50"], "a.b at 1, 50 and 200 users"),
        (["a.b@1"], "a.b at 1 user"),
        (["cache.Memory.time_get"], "cache.Memory.time_get"),
        (["a.b@x", "c"], "a.b@x and c"),
    ],
)
def test_scenario_and_loads(names: list[str], words: str) -> None:
    """
    Loads of one scenario are one phrase; other names stay as they are.
    """
    assert words == scenario_and_loads(names)


def test_scenarios_are_not_mixed() -> None:
    """
    Two scenarios are never told as loads of the first.
    """
    assert "a.b@1 and c.d@1" == scenario_and_loads(["a.b@1", "c.d@1"])


def test_short_commit() -> None:
    """
    Commits are told by seven digits, names of other things in full.
    """
    assert "36a4e77" == short_commit("36a4e77d0c5b0f4f6d6ab37c1c2a9d5be3f01c11")
    assert "worktree" == short_commit("worktree")
    assert "baseline:main" == short_commit("baseline:main")


def test_sentence() -> None:
    """
    A clause becomes a sentence, an end that is there is kept.
    """
    assert "Trips 2\u00a0→\u00a03." == sentence("trips 2 → 3")
    assert "Did you mean 'x'?" == sentence("did you mean 'x'?")


def test_plural() -> None:
    """
    One is one, all else is many, zero too.
    """
    assert ["0 series", "1 commit", "1,200 commits"] == [
        plural(0, "series", "series"),
        plural(1, "commit"),
        plural(1200, "commit"),
    ]


@given(text=st.text(max_size=80), room=st.integers(1, 40))
def test_shorten_fits(text: str, room: int) -> None:
    """
    What is shortened fills at most the cells that it was given, wide characters counted twice.
    """
    assert columns(shorten(text, room)) <= room


def suspected(verdict: Verdict, again: tuple[float, float] | None) -> Comparison:
    """Return what first rounds left open, and fresh ones with the interval *again* judged."""
    return Comparison(
        benchmark="text.time_score",
        metric="cpu.mean",
        unit="s",
        evidence=Evidence.SAMPLED,
        base=50e-6,
        head=63e-6,
        change_ratio=0.26,
        interval=(-0.027, 0.642),
        limit_ratio=0.15,
        verdict=verdict,
        reason="surely beyond the limit",
        sample_count=4,
        confirmation=Confirmation(
            change_ratio=0.29 if again else None, interval=again, round_count=4, verdict=verdict
        ),
    )


def test_a_regression_is_told_with_the_interval_that_it_stands_on() -> None:
    """The first rounds' interval may reach below zero: the verdict is not theirs."""
    regressed = suspected(Verdict.REGRESSED, (0.192, 0.402))

    assert "+19.2\u00a0% … +40.2\u00a0%" == deciding_interval(regressed)
    assert "−2.7\u00a0% … +64.2\u00a0%" == interval(regressed)
    assert interval(regressed) == deciding_interval(suspected(Verdict.UNDECIDED, (0.05, 0.4)))
    assert interval(regressed) == deciding_interval(suspected(Verdict.REGRESSED, None))
