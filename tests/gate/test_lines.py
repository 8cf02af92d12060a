import math
from ast import literal_eval

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.gate import harmless, one_line
from agent_perf.gate.lines import breach_line, broken_line, regression_line, undecided_line
from agent_perf.records import Breach, Comparison, Evidence, Failure, Verdict


def comparison(**changes: object) -> Comparison:
    values: dict[str, object] = {
        "benchmark": "agent.chat@200",
        "metric": "latency.p95",
        "unit": "s",
        "evidence": Evidence.EXACT,
        "base": 0.120,
        "head": 0.1572,
        "change_ratio": 0.31,
        "interval": None,
        "limit_ratio": 0.15,
        "verdict": Verdict.REGRESSED,
        "reason": "because",
        "sample_count": 100,
    }
    return Comparison(**{**values, **changes})  # type: ignore[arg-type]


def test_exact_regression() -> None:
    """
    The line of an exact regression.
    """
    assert (
        "FAIL agent.chat@200 latency.p95 observed=120ms->157.2ms(+31%) limit=+15% interval=exact"
        == regression_line(comparison())
    )


def test_sampled_regression() -> None:
    """
    The line of a sampled regression has its interval.
    """
    found = regression_line(
        comparison(
            metric="cpu.median",
            evidence=Evidence.SAMPLED,
            base=2e-6,
            head=2.5e-6,
            change_ratio=0.25,
            interval=(0.0621, 0.441),
        )
    )

    assert (
        "FAIL agent.chat@200 cpu.median observed=2µs->2.5µs(+25%) limit=+15% "
        "interval=[+6.21%,+44.1%]" == found
    )


def test_from_zero() -> None:
    """
    A change from zero is infinite, and says so.
    """
    found = regression_line(
        comparison(
            metric="work.llm_calls_holding_db",
            unit="count",
            base=0.0,
            head=1200.0,
            change_ratio=math.inf,
            limit_ratio=0.0,
        )
    )

    assert (
        "FAIL agent.chat@200 work.llm_calls_holding_db observed=0->1,200(+inf) limit=+0% "
        "interval=exact" == found
    )


def test_without_values() -> None:
    """
    What is not known is none, and never a number.
    """
    found = regression_line(
        comparison(
            evidence=Evidence.SAMPLED, base=None, head=None, change_ratio=None, limit_ratio=None
        )
    )

    assert (
        "FAIL agent.chat@200 latency.p95 observed=none->none(none) limit=off interval=none" == found
    )


def test_missed_target() -> None:
    """
    The line of a missed target.
    """
    breach = Breach(
        benchmark="agent.chat@200", metric="latency.p95", unit="s", observed=0.180, limit=0.150
    )

    assert (
        "FAIL agent.chat@200 latency.p95 observed=180ms limit=150ms interval=none"
        == breach_line(breach)
    )


def test_other_lines() -> None:
    """
    What broke and what has no answer have a line too, whatever their messages hold.
    """
    failure = Failure(
        benchmark="cache.get@1",
        commit="c" * 40,
        category="raised",
        message="ValueError:\n  bad \x1b[31m",
    )

    assert r"BROKEN cache.get@1 raised: ValueError: bad \x1b[31m" == broken_line(failure)
    assert "UNDECIDED agent.chat@200 latency.p95 two lines" == undecided_line(
        comparison(reason="two\nlines")
    )


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("agent.chat@200", "agent.chat@200"),
        ("größe.µ@1", "größe.µ@1"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("a\nFAIL b", r"'a\nFAIL b'"),
        ("a\x1b[2K", r"'a\x1b[2K'"),
        ("a b", "'a b'"),
        ("a\u202eb", r"'a\u202eb'"),
        ("a\u2028b", r"'a\u2028b'"),
        ("a'b", '"a\'b"'),
        ("", "''"),
        ("a\udc80", r"'a\udc80'"),
    ],
)
def test_harmless(name: str, shown: str) -> None:
    """
    A plain name stays as it is; one that could forge or hide a line is quoted and escaped.
    """
    assert shown == harmless(name)


@given(name=st.text())
def test_harmless_is_one_visible_line(name: str) -> None:
    """
    Whatever the name, what is printed is printable, on one line, and tells the name.
    """
    shown = harmless(name)

    assert shown.isprintable()
    assert shown == name or name == literal_eval(shown)


@given(text=st.text())
def test_one_line_is_one_visible_line(text: str) -> None:
    """
    Whatever the text, what is printed is printable.
    """
    assert one_line(text).isprintable()
